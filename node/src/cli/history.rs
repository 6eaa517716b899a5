//! `weir history`: what was changed, by whom, and back again.

use std::io::Write;

use actix_web::http::Method;
use serde_json::Value;

use super::apply::{agree, show};
use super::arguments::{HistoryArgs, HistoryCommand, HistoryListArgs, RestoreVersionArgs};
use super::client::{Client, Content, part};
use super::failure::Failure;
use super::object::{self, line, printable};
use super::plan;
use super::table::Table;

/// Lists, shows or restores versions.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &HistoryArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        None => {
            let reply = client
                .get(&format!("/history{}", query(&args.list)))
                .await?;
            if json {
                writeln!(out, "{:#}", reply.body)?;
            } else {
                write!(out, "{}", list(&reply.body))?;
            }
            Ok(())
        }
        Some(HistoryCommand::Show { version }) => {
            let reply = client.get(&format!("/history/{}", part(version))).await?;
            if json {
                writeln!(out, "{:#}", reply.body)?;
            } else {
                write!(out, "{}", one(&reply.body))?;
            }
            Ok(())
        }
        Some(HistoryCommand::Restore(restore)) => self::restore(client, restore, json, out).await,
    }
}

async fn restore(
    client: &Client,
    args: &RestoreVersionArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (path, mark) = match (&args.version, &args.at) {
        (Some(version), _) => (format!("/history/{}/restore", part(version)), '?'),
        (None, Some(at)) => (format!("/history/restore?at={}", part(at)), '&'),
        (None, None) => {
            let detail = "Say which version, or --at which moment everything is to be as it was.";
            return Err(Failure::Input(detail.to_owned()));
        }
    };
    let planned = client
        .send(Method::POST, &format!("{path}{mark}dry_run=true"), None)
        .await?;
    if args.dry_run || plan::is_empty(&planned.body) {
        return show(&planned, json, out);
    }
    if !json {
        write!(out, "{}", plan::render(&planned.body))?;
    }
    agree(args.yes, json, plan::count(&planned.body, "delete"))?;
    let etag = planned.etag.as_deref();
    let restored = client
        .send_based_on(Method::POST, &path, Content::None, etag)
        .await?;
    if json {
        writeln!(out, "{:#}", restored.body)?;
    } else {
        writeln!(out, "Restored.{}", restored.spread_note())?;
    }
    Ok(())
}

fn query(args: &HistoryListArgs) -> String {
    let limit = args.limit.map(|limit| limit.to_string());
    let conflicts = args.conflicts.then(|| "true".to_owned());
    let given = [
        ("object", &args.object),
        ("author", &args.author),
        ("node", &args.node),
        ("conflicts", &conflicts),
        ("from", &args.from),
        ("to", &args.to),
        ("limit", &limit),
        ("after", &args.after),
    ];
    let pairs: Vec<String> = given
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", part(value.as_ref()?))))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

/// The table of one page.
pub fn list(page: &Value) -> String {
    let items = page["items"].as_array().map(Vec::as_slice);
    let items = items.unwrap_or_default();
    if items.is_empty() {
        return "There are no such changes.\n".to_owned();
    }
    let mut table = Table::new(&["version", "at", "object", "action", "author", "node", ""]);
    for item in items {
        table.row(vec![
            line(&item["version"]),
            line(&item["at"]),
            line(&item["object"]),
            line(&item["action"]),
            line(&item["author"]),
            line(&item["node"]),
            mark(item).to_owned(),
        ]);
    }
    let mut text = table.render();
    if let Some(next) = page["next"].as_str() {
        text.push_str(&format!("There are more: --after {}\n", printable(next)));
    }
    text
}

fn mark(item: &Value) -> &'static str {
    match (item["current"] == true, item["conflict"] == true) {
        (true, _) => "in force",
        (_, true) => "conflict: lost unseen",
        _ => "",
    }
}

/// One version: what it is, what it changed, what it says.
pub fn one(version: &Value) -> String {
    let mut text = String::new();
    for name in [
        "object",
        "action",
        "version",
        "at",
        "author",
        "node",
        "based_on",
        "stored_at",
    ] {
        text.push_str(&format!("{name:9}  {}\n", line(&version[name])));
    }
    let mark = mark(version);
    if !mark.is_empty() {
        text.push_str(&format!("{:9}  {mark}\n", "state"));
    }
    let diff = plan::fields(version);
    if !diff.is_empty() {
        text.push_str(&format!("\nchanged\n{diff}"));
    }
    if version["document"].is_object() {
        text.push_str(&format!(
            "\ndocument\n{}",
            object::render(&version["document"])
        ));
    }
    text
}
