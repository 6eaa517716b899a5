//! `weir diff`, `weir apply`, `weir export`: the whole configuration as one document.

use std::io::Write;
use std::path::Path;

use actix_web::http::Method;

use super::arguments::{ApplyArgs, DocumentArgs, DocumentFormat, ExportArgs};
use super::client::{Client, Content, Reply};
use super::confirm::{can_ask, confirm};
use super::failure::Failure;
use super::file;
use super::plan;

/// The largest document, bytes; the admin API takes no larger one.
const DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Shows what applying a document would change.
///
/// # Errors
/// Where the document cannot be used; nothing is changed either way.
pub async fn diff(
    client: &Client,
    args: &DocumentArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let reply = planned(client, args, &read(&args.file)?).await?;
    show(&reply, args.connection.json, out)
}

/// Shows what applying a document changes, asks, and applies it: all of it or nothing.
///
/// # Errors
/// Where the document cannot be used, the answer is no, or the configuration has changed since the plan was
/// shown: nothing is changed.
pub async fn apply(client: &Client, args: &ApplyArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (document, json) = (read(&args.document.file)?, args.document.connection.json);
    let planned = planned(client, &args.document, &document).await?;
    if plan::is_empty(&planned.body) {
        return show(&planned, json, out);
    }
    if !json {
        write!(out, "{}", plan::render(&planned.body))?;
    }
    let deleted = plan::count(&planned.body, "delete");
    agree(
        args.yes,
        json || file::is_input(&args.document.file),
        deleted,
    )?;
    // Only what has been shown is applied.
    let (path, etag) = (path(&args.document, false), planned.etag.as_deref());
    let applied = client
        .send_based_on(Method::POST, &path, document.content(), etag)
        .await?;
    if json {
        return show(&applied, json, out);
    }
    writeln!(out, "Applied.{}", applied.spread_note())?;
    Ok(())
}

/// Writes the whole configuration as a document.
///
/// # Errors
/// Where the file exists already, or cannot be written.
pub async fn export(
    client: &Client,
    args: &ExportArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let format = match args.format {
        DocumentFormat::Json => "json",
        DocumentFormat::Yaml => "yaml",
    };
    let path = format!("/export?format={format}");
    let text = client.fetch(&path).await?;
    match &args.out {
        Some(to) => {
            let mut file = file::create(to)?;
            file.write_all(&text)
                .and_then(|()| file.sync_all())
                .map_err(|why| Failure::Input(format!("cannot write {}: {why}.", to.display())))
        }
        None => {
            out.write_all(&text)?;
            if !text.ends_with(b"\n") {
                writeln!(out)?;
            }
            Ok(())
        }
    }
}

/// Lets the change be made: asked for with `--yes`, agreed to on the terminal, or, where nobody can be asked,
/// one that deletes nothing.
pub fn agree(yes: bool, unasked: bool, deleted: usize) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !unasked && can_ask() {
        return confirm("Make these changes?");
    }
    if deleted == 0 {
        return Ok(());
    }
    let detail = format!(
        "{deleted} object(s) would be deleted, and there is no terminal to ask on. Nothing was changed; add --yes \
         to make the change all the same."
    );
    Err(Failure::Input(detail))
}

async fn planned(client: &Client, args: &DocumentArgs, document: &Text) -> Result<Reply, Failure> {
    client
        .send_based_on(Method::POST, &path(args, true), document.content(), None)
        .await
}

fn path(args: &DocumentArgs, dry_run: bool) -> String {
    format!("/apply?prune={}&dry_run={dry_run}", args.prune)
}

/// Shows a plan, or what was done.
///
/// # Errors
/// Where the output cannot be written.
pub fn show(reply: &Reply, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    if json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        write!(out, "{}{}", plan::render(&reply.body), reply.spread_note())?;
    }
    Ok(())
}

/// A document as it was read, not yet understood.
#[derive(Debug)]
pub struct Text {
    bytes: Vec<u8>,
    media: &'static str,
}

impl Text {
    fn content(&self) -> Content<'_> {
        Content::Bytes {
            bytes: &self.bytes,
            media: self.media,
        }
    }
}

fn read(path: &Path) -> Result<Text, Failure> {
    let bytes = file::read(path, DOCUMENT_BYTES)?;
    let media = media(path, &bytes);
    Ok(Text { bytes, media })
}

/// JSON by its name or its first character, else YAML.
pub fn media(file: &Path, bytes: &[u8]) -> &'static str {
    let named = file.extension().and_then(|name| name.to_str());
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match named {
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        _ if first == Some(&b'{') => "application/json",
        _ => "application/yaml",
    }
}
