//! `weir cluster`: the nodes, whether they agree, and who mints.

use std::io::Write;

use actix_web::http::Method;
use serde_json::Value;

use super::arguments::{ClusterArgs, ClusterCommand, ForgetArgs};
use super::client::{Client, part};
use super::confirm::{can_ask, confirm};
use super::failure::Failure;
use super::identity;
use super::object::{line, printable};
use super::quantity::decimal;
use super::table::Table;

/// Shows the cluster as the node that is asked sees it, or has it forget a node.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &ClusterArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        None => {}
        Some(ClusterCommand::Forget(forget)) => {
            return run_forget(client, forget, json, out).await;
        }
        Some(ClusterCommand::Revoke(args)) => {
            return identity::revoke(client, args, json, out).await;
        }
        Some(ClusterCommand::RotateKeys(args)) => {
            return identity::rotate(client, args, json, out).await;
        }
    }
    let reply = client.get("/cluster?minting=true").await?;
    if json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        write!(out, "{}", render(&reply.body))?;
    }
    Ok(())
}

async fn run_forget(
    client: &Client,
    args: &ForgetArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    agree(args, json)?;
    let path = format!("/cluster/nodes/{}/forget", part(&args.node));
    let reply = client.send(Method::POST, &path, None).await?;
    if json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        let (node, risk) = (line(&reply.body["node"]), line(&reply.body["risk"]));
        writeln!(out, "Node {node} is planned without from now on. {risk}")?;
    }
    Ok(())
}

/// Asks before a node is forgotten, since nobody but an operator can know that it is gone.
///
/// # Errors
/// Where the answer is no, or nobody can be asked and none was given.
pub fn agree(args: &ForgetArgs, unasked: bool) -> Result<(), Failure> {
    let node = printable(&args.node);
    if args.yes {
        return Ok(());
    }
    if !unasked && can_ask() {
        return confirm(&format!(
            "If {node} is only cut off, and not gone for good, more than the packages may be carried until it is \
             met again.\nForget {node}?"
        ));
    }
    let detail = format!(
        "Only you can know that {node} is gone for good, and there is no terminal to ask on. Nothing was changed; \
         add --yes if it is."
    );
    Err(Failure::Input(detail))
}

/// The table of the nodes and a sentence.
pub fn render(cluster: &Value) -> String {
    let mut table = Table::new(&[
        "node",
        "region",
        "state",
        "agrees",
        "mints",
        "plan",
        "config version",
        "digest",
        "key",
        "admin",
        "link",
    ]);
    let nodes = items(&cluster["nodes"]);
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
            mints(&node["minting"]),
            plan(&node["minting"]),
            line(&node["newest_version"]),
            line(&node["config_digest"]),
            key(node),
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
    text.push_str(&rotation(cluster, nodes));
    text.push_str(&minting(nodes));
    text.push_str(&warnings(cluster));
    text
}

/// The authority of a node's certificate, and whether the node may let others in.
fn key(node: &Value) -> String {
    let trust = &node["trust"];
    let by: String = trust["certified_by"]
        .as_str()
        .unwrap_or("-")
        .chars()
        .take(8)
        .collect();
    match (trust["revoked"] == true, trust["issuer"] == true) {
        (true, _) => "revoked".to_owned(),
        (_, true) => format!("{}, issuer", printable(&by)),
        (_, false) => printable(&by),
    }
}

/// Where a rotation of the cluster's keys is, a line; nothing where there is none.
fn rotation(cluster: &Value, nodes: &[Value]) -> String {
    let authorities = items(&cluster["authorities"]);
    let named = |issuing: bool| {
        let found = authorities
            .iter()
            .find(|a| (a["issuing"] == true) == issuing);
        found
            .and_then(|authority| authority["id"].as_str())
            .unwrap_or_default()
    };
    let (issuing, other) = (named(true), named(false));
    if authorities.len() < 2 {
        return String::new();
    }
    let lagging = nodes.iter().filter(|node| {
        let trust = &node["trust"];
        let believes = |id: &str| items(&trust["trusts"]).iter().any(|known| known == id);
        node["live"] == true
            && !(believes(issuing) && believes(other) && trust["certified_by"] == issuing)
    });
    let names: Vec<String> = lagging.map(|node| line(&node["id"])).collect();
    let state = match names.is_empty() {
        true => "every live node is certified by it".to_owned(),
        false => format!("not certified by it, or behind: {}", names.join(", ")),
    };
    format!(
        "The cluster's keys are being rotated: {} issues, {} is believed too; {state}. Go on: weir cluster rotate-keys.\n",
        printable(issuing),
        printable(other)
    )
}

/// Which part of every package a node mints now.
fn mints(minting: &Value) -> String {
    let share = minting["share"].as_f64().map(|share| share * 100.0);
    match share {
        None => "-".to_owned(),
        Some(share) if minting["fenced"].is_null() => format!("{} %", decimal(share)),
        Some(share) => format!("fenced ({} %)", decimal(share)),
    }
}

/// The newest mint plan a node has seen, and whether it is in force.
fn plan(minting: &Value) -> String {
    match minting["epoch"].as_u64() {
        None => "-".to_owned(),
        Some(epoch) if minting["complete"] == true => epoch.to_string(),
        Some(epoch) => format!("{epoch}, not in force yet"),
    }
}

/// Why nodes mint less than they could, a line each.
fn minting(nodes: &[Value]) -> String {
    let mut text = String::new();
    for node in nodes {
        let (id, minting) = (line(&node["id"]), &node["minting"]);
        if let Some(why) = minting["fenced"]["why"].as_str() {
            text.push_str(&format!("{id} mints nothing: {}.\n", printable(why)));
        }
        let waiting = items(&minting["waiting_for"]);
        if !waiting.is_empty() {
            let names: Vec<String> = waiting.iter().map(line).collect();
            let names = names.join(", ");
            text.push_str(&format!(
                "{id} waits for {names} before the mint plan is in force.\n"
            ));
        }
        if let Some(obstacle) = minting["obstacle"].as_str() {
            text.push_str(&format!("{id}: {}.\n", printable(obstacle)));
        }
        if let Some(why) = node["minting_unanswered"]
            .as_str()
            .filter(|_| node["live"] == true)
        {
            text.push_str(&format!(
                "{id} does not say how it mints: {}.\n",
                printable(why)
            ));
        }
    }
    text
}

/// What an operator should see to, a line each.
fn warnings(cluster: &Value) -> String {
    let mut text = String::new();
    if cluster["drill"]["cut"] == true {
        let left = match cluster["drill"]["left_s"].as_u64() {
            Some(left_s) => format!(" for another {left_s} s"),
            None => String::new(),
        };
        text.push_str(&format!(
            "A drill cuts {} off from the others{left}: end it with POST /admin/v1/drill/heal on that node.\n",
            line(&cluster["node"])
        ));
    }
    for node in items(&cluster["nodes"]) {
        for why in items(&node["flagged"]) {
            text.push_str(&format!(
                "{} is flagged: {}.\n",
                line(&node["id"]),
                line(why)
            ));
        }
    }
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

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}
