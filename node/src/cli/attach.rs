//! `weir one-key-access`, `weir disconnect`, `weir connect`.

use std::io::Write;
use std::path::Path;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::arguments::{OneKeyArgs, SwitchArgs};
use super::client::{Client, Reply, part};
use super::failure::Failure;
use super::object::{line, printable};
use super::qr;

/// Attaches a mini program and shows what is needed to try it.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn one_key_access(
    client: &Client,
    args: &OneKeyArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut body = json!({"appid": args.appid});
    if let Some(region) = &args.region {
        body["region"] = json!(region);
    }
    let test = if args.no_link_test {
        "?link_test=false"
    } else {
        ""
    };
    let path = format!("/gateways/{}/one-key-access{test}", part(&args.gateway));
    let picture = args.qr_code.as_deref().map(Picture::to).transpose()?;
    let reply = client.send(Method::POST, &path, Some(&body)).await?;
    if args.connection.json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        write!(out, "{}", attached(&reply))?;
    }
    match picture {
        Some(picture) => {
            picture
                .write(client, &reply.body, out, args.connection.json)
                .await
        }
        None => Ok(()),
    }
}

/// A file that the QR code is to be written to.
struct Picture<'f> {
    file: &'f Path,
    kind: &'static str,
}

impl<'f> Picture<'f> {
    /// # Errors
    /// Where the file's name says no kind of picture.
    fn to(file: &'f Path) -> Result<Self, Failure> {
        let ending = file.extension().and_then(|ending| ending.to_str());
        let kind = match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => "svg",
            Some("png") => "png",
            Some("jpg" | "jpeg") => "jpg",
            _ => {
                let file = file.display();
                let detail = format!(
                    "`{file}` is no picture's name: let --qr-code end with .svg, .png or .jpg."
                );
                return Err(Failure::Input(detail));
            }
        };
        Ok(Picture { file, kind })
    }

    async fn write(
        &self,
        client: &Client,
        business: &Value,
        out: &mut dyn Write,
        quiet: bool,
    ) -> Result<(), Failure> {
        let id = business["id"].as_str().unwrap_or("");
        let path = format!("/businesses/{}/qr.{}", part(id), self.kind);
        let bytes = client.fetch(&path).await?;
        std::fs::write(self.file, bytes).map_err(|error| {
            let file = self.file.display();
            Failure::Input(format!(
                "The mini program is attached, but its QR code could not be written to {file} ({error}): give another \
                 file, the command can be repeated."
            ))
        })?;
        if !quiet {
            writeln!(out, "The QR code is in {}.", self.file.display())?;
        }
        Ok(())
    }
}

/// What one-key access did, for people.
pub fn attached(reply: &Reply) -> String {
    let business = &reply.body;
    let (id, gateway) = (line(&business["id"]), line(&business["gateway"]));
    let mut text = if reply.status == 201 {
        format!("Mini program {id} is attached to gateway {gateway}.\n\n")
    } else {
        format!(
            "Mini program {id} was attached to gateway {gateway} already; nothing was changed.\n\n"
        )
    };
    for (name, value) in [
        ("access domain", &business["access_domain"]),
        ("route tag", &business["route_tag"]),
        ("region", &business["region"]),
        ("versions", &business["access"]["versions"]),
        ("domains", &business["attached_domains"]),
        ("skipped", &business["skipped_domains"]),
    ] {
        text.push_str(&format!("{name:13}  {}\n", line(value)));
    }
    for warning in business["warnings"].as_array().into_iter().flatten() {
        text.push_str(&format!("{:13}  {}\n", "warning", line(warning)));
    }
    text.push_str(&tested(&business["link_test"]));
    text.push_str(&scanned(business));
    let steps = business["next_steps"].as_array().into_iter().flatten();
    for (i, step) in steps.enumerate() {
        let title = if i == 0 { "\nWhat to do next:\n" } else { "" };
        text.push_str(&format!("{title}{}. {}\n", i + 1, line(step)));
    }
    let note = reply.spread_note();
    if !note.is_empty() {
        text.push_str(&format!("\nThe binding is not everywhere yet:{note}\n"));
    }
    text
}

/// The link test, a domain a line.
fn tested(test: &Value) -> String {
    let mut text = String::new();
    for call in test["calls"].as_array().into_iter().flatten() {
        let verdict = if call["ok"] == true { "ok" } else { "FAILED" };
        let status = match &call["status"] {
            Value::Null => "no answer".to_owned(),
            status => format!("status {status}"),
        };
        text.push_str(&format!(
            "{:13}  {verdict}  {}{}  {status}, {} ms, call id {}\n",
            "link test",
            line(&call["domain"]),
            line(&call["path"]),
            call["took_ms"],
            line(&call["call_id"])
        ));
        if let Some(detail) = call["detail"].as_str() {
            text.push_str(&format!("{:13}  {}\n", "", printable(detail)));
        }
    }
    text
}

/// The QR code, drawn where its content is known.
fn scanned(business: &Value) -> String {
    let code = &business["qr_code"];
    match code["content"].as_str() {
        Some(content) if !content.is_empty() => {
            let picture = qr::render(content).map(|picture| format!("\n{picture}\n"));
            let content = printable(content);
            format!(
                "{:13}  {content}\n{}",
                "QR code",
                picture.unwrap_or_default()
            )
        }
        _ if code["picture"].is_object() => format!(
            "{:13}  a picture of the platform's: repeat with --qr-code FILE.jpg, or open /businesses/{}/qr.svg\n",
            "QR code",
            line(&business["id"])
        ),
        _ => String::new(),
    }
}

/// Disconnects or connects a business.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn switch(
    client: &Client,
    args: &SwitchArgs,
    on: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let call = if on { "connect" } else { "disconnect" };
    let path = format!("/businesses/{}/{call}", part(&args.business));
    let reply = client.send(Method::POST, &path, None).await?;
    if args.connection.json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        writeln!(
            out,
            "{}",
            switched(&reply.body, on, reply.changed == Some(false))
        )?;
    }
    Ok(())
}

/// What a switch did, for people.
pub fn switched(business: &Value, on: bool, unchanged: bool) -> String {
    let id = line(&business["id"]);
    let before = if unchanged { ", as before" } else { "" };
    if on {
        let versions = line(&business["access"]["versions"]);
        format!("Business {id} is on the link{before}: versions {versions}.")
    } else {
        format!("Business {id} is disconnected{before}: all its calls take the public link.")
    }
}
