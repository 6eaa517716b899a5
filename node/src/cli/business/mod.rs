//! `weir business`, `weir access`, `weir gray`: businesses by hand, and who of their users is on the link.

mod access;
mod arguments;

use std::io::Write;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::apply::agree;
use super::client::{Client, part};
use super::failure::Failure;
use super::object::{line, printable};
use arguments::{AddBusinessArgs, BusinessCommand, BusinessKind, RemoveBusinessArgs, Side};

pub use access::access;
pub use arguments::{AccessArgs, BusinessArgs, GrayArgs};

/// Attaches a business by hand, or takes one off.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &BusinessArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        BusinessCommand::Add(add) => {
            let path = format!("/gateways/{}/businesses", part(&add.gateway));
            let reply = client.send(Method::POST, &path, Some(&input(add))).await?;
            reply.print(json, out, |business| {
                format!("{}{}", attached(business), spread(&reply.spread_note()))
            })
        }
        BusinessCommand::Remove(remove) => self::remove(client, remove, json, out).await,
    }
}

async fn remove(
    client: &Client,
    args: &RemoveBusinessArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    agree(args.yes, json, 1)?;
    let path = format!("/businesses/{}", part(&args.business));
    let reply = client.send(Method::DELETE, &path, None).await?;
    reply.print(json, out, |_| {
        let (business, note) = (printable(&args.business), reply.spread_note());
        format!("Business {business} is gone, and its access domain with it.{note}\n")
    })
}

/// Takes a user in or out by name, or lets the share decide.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn gray(client: &Client, args: &GrayArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (business, user) = (part(&args.business), part(&args.user));
    let path = format!("/businesses/{business}/gray/users/{user}");
    let reply = match args.side {
        Side::In => {
            client
                .send(Method::PUT, &path, Some(&json!({"side": "in"})))
                .await
        }
        Side::Out => {
            client
                .send(Method::PUT, &path, Some(&json!({"side": "out"})))
                .await
        }
        Side::Share => client.send(Method::DELETE, &path, None).await,
    }?;
    let (user, before) = (printable(&args.user), reply.as_before());
    reply.print(args.connection.json, out, |business| {
        let (id, note) = (line(&business["id"]), reply.spread_note());
        let percent = line(&business["access"]["gray"]["percent"]);
        match args.side {
            Side::In => format!("User {user} of business {id} is on the link by name{before}.{note}\n"),
            Side::Out => format!("User {user} of business {id} is off the link by name{before}.{note}\n"),
            Side::Share => {
                format!("User {user} of business {id} is as the share of {percent}% says{before}.{note}\n")
            }
        }
    })
}

fn input(args: &AddBusinessArgs) -> Value {
    let kind = match args.kind {
        BusinessKind::Web => "web",
        BusinessKind::App => "app",
        BusinessKind::MiniProgram => "mini_program",
    };
    let mut body = json!({"type": kind, "origins": args.origins});
    let given = [
        ("id", &args.id),
        ("name", &args.name),
        ("region", &args.region),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    if !args.cors_origins.is_empty() {
        body["cors"] = json!({
            "allowed_origins": args.cors_origins,
            "allow_credentials": args.cors_credentials,
        });
    }
    body
}

/// What is needed to try a new business.
pub fn attached(business: &Value) -> String {
    let mut text = format!(
        "Business {} ({}) is attached to gateway {}.\n\n",
        line(&business["id"]),
        line(&business["type"]),
        line(&business["gateway"])
    );
    for (name, value) in [
        ("access domain", &business["access_domain"]),
        ("route tag", &business["route_tag"]),
        ("region", &business["region"]),
        ("versions", &business["access"]["versions"]),
        ("domains", &business["attached_domains"]),
        ("pages", &business["cors"]["allowed_origins"]),
    ] {
        if !value.is_null() {
            text.push_str(&format!("{name:13}  {}\n", line(value)));
        }
    }
    for warning in business["warnings"].as_array().into_iter().flatten() {
        text.push_str(&format!("{:13}  {}\n", "warning", line(warning)));
    }
    text
}

fn spread(note: &str) -> String {
    match note.trim() {
        "" => String::new(),
        note => format!("\n{note}\n"),
    }
}
