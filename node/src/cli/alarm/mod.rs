//! `weir alarm`: what is watched, what is wrong, who is told.

mod arguments;
mod render;
mod rule;

use std::io::Write;

use actix_web::http::Method;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::client::{Client, part};
use super::failure::Failure;
use super::object::line;
use arguments::{AlarmCommand, PutAlarmArgs, PutReceiverArgs, ReceiverCommand};

pub use arguments::AlarmArgs;

/// Lists, changes or tries alarms.
///
/// # Errors
/// Whatever the admin API refuses; a test notice that not every receiver took.
pub async fn run(client: &Client, args: &AlarmArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        AlarmCommand::List => {
            let receivers = client.get("/alarm-receivers?limit=500").await?.body;
            let reply = client.get("/alarms").await?;
            reply.print(json, out, |alarms| render::list(alarms, &receivers))
        }
        AlarmCommand::Show { alarm } => {
            client
                .get(&path(alarm))
                .await?
                .print(json, out, render::one)
        }
        AlarmCommand::Put(put) => set(client, &put.alarm, &input(put)?, json, out).await,
        AlarmCommand::On { alarm } => {
            set(client, alarm, &json!({"enabled": true}), json, out).await
        }
        AlarmCommand::Off { alarm } => {
            set(client, alarm, &json!({"enabled": false}), json, out).await
        }
        AlarmCommand::Remove { alarm } => {
            let reply = client.send(Method::DELETE, &path(alarm), None).await?;
            reply.print(json, out, |_| {
                format!(
                    "Alarm {alarm} is gone, or as it was in the beginning.{}\n",
                    reply.spread_note()
                )
            })
        }
        AlarmCommand::Test { alarm } => test(client, alarm, json, out).await,
        AlarmCommand::Receiver(command) => receiver(client, command, json, out).await,
    }
}

async fn set(
    client: &Client,
    alarm: &str,
    input: &Value,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let reply = client.send(Method::PUT, &path(alarm), Some(input)).await?;
    reply.print(json, out, |alarm| {
        let on = if alarm["enabled"] == true {
            "is watched"
        } else {
            "is off"
        };
        let kind = line(&alarm["rule"]["kind"]);
        format!(
            "Alarm {} ({kind}) {on}{}.{}\n",
            line(&alarm["id"]),
            reply.as_before(),
            reply.spread_note()
        )
    })
}

async fn test(
    client: &Client,
    alarm: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let reply = client
        .send(Method::POST, &format!("{}/test", path(alarm)), None)
        .await?;
    reply.print(json, out, render::tested)?;
    let receivers = reply.body["receivers"].as_array();
    let refused = receivers
        .into_iter()
        .flatten()
        .filter(|it| it["delivered"] != true);
    match (refused.count(), receivers.is_none_or(Vec::is_empty)) {
        (0, false) => Ok(()),
        (0, true) => Err(Failure::Input(format!(
            "Nobody is told of alarm {alarm}: set a receiver with `weir alarm receiver put`."
        ))),
        (count, _) => Err(Failure::Input(format!(
            "{count} receiver(s) did not take the test notice."
        ))),
    }
}

async fn receiver(
    client: &Client,
    command: &ReceiverCommand,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        ReceiverCommand::List => {
            let reply = client.get("/alarm-receivers?limit=500").await?;
            reply.print(json, out, render::receivers)
        }
        ReceiverCommand::Put(put) => {
            let path = receiver_path(&put.receiver);
            let reply = client
                .send(Method::PUT, &path, Some(&receiver_input(put)))
                .await?;
            reply.print(json, out, |receiver| {
                let (id, host) = (line(&receiver["id"]), line(&receiver["host"]));
                let format = line(&receiver["format"]);
                format!(
                    "Receiver {id} ({format}, {host}) is set{}.{}\n",
                    reply.as_before(),
                    reply.spread_note()
                )
            })
        }
        ReceiverCommand::Remove { receiver } => {
            let reply = client
                .send(Method::DELETE, &receiver_path(receiver), None)
                .await?;
            reply.print(json, out, |_| {
                format!("Receiver {receiver} is gone.{}\n", reply.spread_note())
            })
        }
    }
}

fn path(alarm: &str) -> String {
    format!("/alarms/{}", part(alarm))
}

fn receiver_path(receiver: &str) -> String {
    format!("/alarm-receivers/{}", part(receiver))
}

/// What was said, and nothing of what was not.
fn input(args: &PutAlarmArgs) -> Result<Value, Failure> {
    let severity = args.severity.map(|severity| named(&severity));
    let given = [
        ("rule", rule::rule(args)?),
        ("scope", rule::scope(args)),
        (
            "for_s",
            rule::seconds(args.lasting.as_deref())?.map(Value::from),
        ),
        (
            "receivers",
            (!args.receivers.is_empty()).then(|| json!(args.receivers)),
        ),
        ("quiet", rule::quiet(&args.quiet)?),
        (
            "repeat_s",
            rule::repeat_s(args.repeat.as_deref())?.map(Value::from),
        ),
        ("severity", severity.map(Value::from)),
        ("name", args.name.clone().map(Value::from)),
    ];
    Ok(given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect())
}

fn receiver_input(args: &PutReceiverArgs) -> Value {
    let enabled = (args.on || args.off).then_some(args.on);
    let given = [
        ("format", args.format.map(|format| named(&format).into())),
        ("url", args.url.clone().map(Value::from)),
        ("enabled", enabled.map(Value::from)),
    ];
    given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// As it is typed.
fn named(value: &impl ValueEnum) -> String {
    let named = value.to_possible_value();
    named.map_or_else(String::new, |named| named.get_name().to_owned())
}
