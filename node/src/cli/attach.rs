//! `weir one-key-access`, `weir disconnect`, `weir connect`.

use std::io::Write;

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
    let path = format!("/gateways/{}/one-key-access", part(&args.gateway));
    let reply = client.send(Method::POST, &path, Some(&body)).await?;
    if args.connection.json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        write!(out, "{}", attached(&reply))?;
    }
    Ok(())
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
    if let Some(content) = business["qr_code"]["content"].as_str() {
        text.push_str(&format!("{:13}  {}\n", "QR code", printable(content)));
        if let Some(picture) = qr::render(content) {
            text.push_str(&format!("\n{picture}\n"));
        }
    }
    text
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
