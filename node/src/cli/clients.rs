//! `weir clients`: which access configs the clients of a business decide by, so that a change is seen to arrive.

use std::io::Write;

use serde_json::Value;

use super::arguments::ClientsArgs;
use super::client::{Client, part};
use super::failure::Failure;
use super::object::line;
use super::table::Table;

/// Shows the versions that clients name, newest first.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &ClientsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let path = format!("/businesses/{}/clients", part(&args.business));
    let reply = client.get(&path).await?;
    reply.print(args.connection.json, out, shown)
}

/// The versions as a table; the one that clients get now is marked.
pub fn shown(clients: &Value) -> String {
    let mut table = Table::new(&["config version", "calls", "last minutes", "last call"]);
    let mut row = |name: String, calls: &Value| {
        let cells = [&calls["calls"], &calls["recent_calls"], &calls["last_at"]];
        table.row([name].into_iter().chain(cells.map(line)).collect());
    };
    let current = &clients["conf_version"];
    let versions = clients["versions"].as_array().into_iter().flatten();
    for version in versions {
        let name = line(&version["version"]);
        let mark = if version["version"] == *current {
            " *"
        } else {
            ""
        };
        row(format!("{name}{mark}"), version);
    }
    row("another one".to_owned(), &clients["other"]);
    row("none said".to_owned(), &clients["none"]);
    format!(
        "{}* is what clients get now: {}. Counted on: {}.\n",
        table.render(),
        line(current),
        line(&clients["nodes"])
    )
}
