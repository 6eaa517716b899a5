//! `weir cluster`: the nodes, and whether they agree.

use std::io::Write;

use serde_json::Value;

use super::arguments::ClusterArgs;
use super::client::Client;
use super::failure::Failure;
use super::object::{line, printable};
use super::table::Table;

/// Shows the cluster as the node that is asked sees it.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &ClusterArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let reply = client.get("/cluster").await?;
    if args.connection.json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        write!(out, "{}", render(&reply.body))?;
    }
    Ok(())
}

/// The table of the nodes and a sentence.
pub fn render(cluster: &Value) -> String {
    let mut table = Table::new(&[
        "node",
        "region",
        "state",
        "agrees",
        "config version",
        "digest",
        "admin",
        "link",
    ]);
    let nodes = cluster["nodes"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for node in nodes {
        let me = if node["id"] == cluster["node"] {
            " *"
        } else {
            ""
        };
        table.row(vec![
            format!("{}{me}", line(&node["id"])),
            line(&node["region"]),
            state(node).to_owned(),
            line(&node["agrees"]),
            line(&node["newest_version"]),
            line(&node["config_digest"]),
            line(&node["addresses"]["admin"]),
            line(&node["addresses"]["link_http"]),
        ]);
    }
    let live = nodes.iter().filter(|node| node["live"] == true).count();
    let verdict = if cluster["agree"] == true {
        "hold the same configuration"
    } else {
        "do not hold the same configuration yet"
    };
    let mut text = format!(
        "{}\n* answered. {live} of {} nodes are live; the live ones {verdict}.\n",
        table.render(),
        nodes.len()
    );
    text.push_str(&warnings(cluster));
    text
}

/// What an operator should see to, a line each.
fn warnings(cluster: &Value) -> String {
    let mut text = String::new();
    match cluster["conflicts"].as_u64() {
        None | Some(0) => {}
        Some(conflicts) => text.push_str(&format!(
            "{conflicts} version(s) lost without having been seen: look at `weir history --conflicts`.\n"
        )),
    }
    if let Some(why) = cluster["store_unwritable"].as_str() {
        let why = printable(why);
        text.push_str(&format!("This node takes no changes: {why}.\n"));
    }
    if let Some(ms) = cluster["clock_behind_ms"].as_u64() {
        text.push_str(&format!(
            "This node's clock is {ms} ms behind the newest change: set it right.\n"
        ));
    }
    text
}

fn state(node: &Value) -> &'static str {
    match (node["live"] == true, node["leaving"] == true) {
        (_, true) => "leaving",
        (true, false) => "live",
        (false, false) => "dead",
    }
}
