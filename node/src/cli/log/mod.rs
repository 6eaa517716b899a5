//! `weir log`: what nodes log, seen and changed while they run.

mod arguments;

use std::io::Write;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::client::{Client, part};
use super::failure::Failure;
use super::object::line;
use super::table::Table;
use super::when;

pub use arguments::LogArgs;

/// Shows or changes the levels of one node, or of every live one.
///
/// # Errors
/// Whatever the admin API refuses; of several nodes, the first that did not do it.
pub async fn run(client: &Client, args: &LogArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let nodes = match &args.node {
        Some(node) => vec![node.clone()],
        None => live_nodes(client).await?,
    };
    let change = change(args)?;
    let mut logs = Vec::new();
    for node in nodes {
        let path = format!("/cluster/nodes/{}/log", part(&node));
        let reply = match (&change, args.reset) {
            (Some(change), _) => client.send(Method::PUT, &path, Some(change)).await?,
            (None, true) => client.send(Method::DELETE, &path, None).await?,
            (None, false) => client.get(&path).await?,
        };
        logs.push(reply.body);
    }
    match args.connection.json {
        true => writeln!(out, "{:#}", Value::Array(logs))?,
        false => write!(out, "{}", render(&logs))?,
    }
    Ok(())
}

async fn live_nodes(client: &Client) -> Result<Vec<String>, Failure> {
    let cluster = client.get("/cluster").await?;
    let nodes = cluster.body["nodes"].as_array();
    let live = nodes
        .into_iter()
        .flatten()
        .filter(|node| node["live"] == true);
    Ok(live.map(|node| line(&node["id"])).collect())
}

fn change(args: &LogArgs) -> Result<Option<Value>, Failure> {
    let Some(levels) = &args.levels else {
        return Ok(None);
    };
    let mut change = json!({ "levels": levels });
    if let Some(lasting) = &args.lasting {
        change["for_s"] = when::duration_ms(lasting)?.div_ceil(1_000).into();
    }
    Ok(Some(change))
}

/// The table of the nodes, and what libraries are not asked for.
fn render(logs: &[Value]) -> String {
    let mut table = Table::new(&["node", "levels", "format", "changed by", "until"]);
    let mut notes = String::new();
    for log in logs {
        table.row(vec![
            line(&log["node"]),
            line(&log["levels"]),
            line(&log["format"]),
            line(&log["changed_by"]),
            line(&log["until"]),
        ]);
        let held_back = log["held_back"].as_array().into_iter().flatten();
        for module in held_back {
            notes.push_str(&format!(
                "{}: {} is logged at debug, not at trace: what it says there may show what calls carry.\n",
                line(&log["node"]),
                line(module)
            ));
        }
    }
    format!("{}{notes}", table.render())
}
