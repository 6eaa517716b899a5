//! `weir agreement`: the texts of the service agreement, and who accepts them.

mod arguments;

use std::io::Write;

use actix_web::http::Method;
use serde_json::{Value, json};
use weir_config::moment;

use super::client::{Client, Reply, part};
use super::failure::Failure;
use super::file;
use super::object::{line, printable};
use super::table::Table;
use super::when;
use arguments::{AcceptArgs, AgreementCommand, PutAgreementArgs};

pub use arguments::AgreementArgs;

/// The largest text that is sent; the admin API takes no larger one.
const TEXT_BYTES: u64 = 256 * 1024;

/// Lists, shows, sets or accepts texts.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(
    client: &Client,
    args: &AgreementArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        AgreementCommand::List => {
            let reply = client.get("/agreements?limit=500").await?;
            reply.print(json, out, list)
        }
        AgreementCommand::Show { version } => {
            let reply = client
                .get(&format!("/agreements/{}", part(version)))
                .await?;
            reply.print(json, out, one)
        }
        AgreementCommand::Put(put) => {
            let reply = self::put(client, put).await?;
            reply.print(json, out, |_| set(&reply))
        }
        AgreementCommand::Accept(accept) => {
            let reply = self::accept(client, accept).await?;
            reply.print(json, out, |_| accepted(&reply, accept))
        }
    }
}

async fn put(client: &Client, args: &PutAgreementArgs) -> Result<Reply, Failure> {
    let mut body = json!({"title": args.title, "text": file::read_text(&args.file, TEXT_BYTES)?});
    if let Some(from) = &args.from {
        body["effective_at"] = moment::text(when::parse(from)?).into();
    }
    let path = format!("/agreements/{}", part(&args.version));
    client.send(Method::PUT, &path, Some(&body)).await
}

async fn accept(client: &Client, args: &AcceptArgs) -> Result<Reply, Failure> {
    let body = json!({"version": args.version, "accepted_by": args.by});
    let path = format!("/spaces/{}/agreement", part(&args.space));
    client.send(Method::PUT, &path, Some(&body)).await
}

/// All versions as a table.
pub fn list(page: &Value) -> String {
    let mut table = Table::new(&["version", "title", "in force from", "required"]);
    for text in page["items"].as_array().into_iter().flatten() {
        table.row(vec![
            line(&text["id"]),
            line(&text["title"]),
            from(text),
            line(&text["required"]),
        ]);
    }
    table.render()
}

fn one(text: &Value) -> String {
    let title = printable(text["title"].as_str().unwrap_or(""));
    let words = text["text"].as_str().unwrap_or("");
    let words: Vec<String> = words.lines().map(printable).collect();
    let version = line(&text["id"]);
    format!(
        "{title}, version {version}, in force from {}\n\n{}\n",
        from(text),
        words.join("\n")
    )
}

fn set(reply: &Reply) -> String {
    let text = &reply.body;
    let before = reply.as_before();
    format!(
        "Version {} of the service agreement is set{before}, in force from {}.{}\n",
        line(&text["id"]),
        from(text),
        reply.spread_note()
    )
}

fn accepted(reply: &Reply, args: &AcceptArgs) -> String {
    let (space, version) = (line(&reply.body["id"]), printable(&args.version));
    let (before, by) = (reply.as_before(), printable(&args.by));
    let note = reply.spread_note();
    format!(
        "Space {space} has accepted version {version} of the service agreement{before}, by {by}.{note}\n"
    )
}

/// Since when a text is in force; the built-in one always was.
fn from(text: &Value) -> String {
    let at = text["effective_at"].as_str().and_then(moment::parse);
    match at {
        Some(0) => "the beginning".to_owned(),
        _ => line(&text["effective_at"]),
    }
}
