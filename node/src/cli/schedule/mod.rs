//! `weir schedule`: what is to happen to a business by itself.

mod arguments;
mod render;

use std::io::Write;

use actix_web::http::Method;
use serde_json::{Value, json};
use weir_config::moment;

use super::client::{Client, part};
use super::failure::Failure;
use super::object::line;
use super::when;
use arguments::{AddScheduleArgs, PlanArgs, RiseArgs, ScheduleCommand, TimesArgs};

pub use arguments::ScheduleArgs;
pub use render::{list, one};

/// Lists or changes schedules.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &ScheduleArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        ScheduleCommand::List { business } => {
            let path = format!("/businesses/{}/schedules?limit=500", part(business));
            client.get(&path).await?.print(json, out, list)
        }
        ScheduleCommand::Add(add) => {
            let (path, plan) = (path(&add.business, &add.schedule), plan(add)?);
            let reply = client.send(Method::PUT, &path, Some(&plan)).await?;
            let before = reply.as_before();
            reply.print(json, out, |schedule| {
                format!("{}{before}.{}\n", one(schedule), reply.spread_note())
            })
        }
        ScheduleCommand::Remove { business, schedule } => {
            let path = path(business, schedule);
            let reply = client.send(Method::DELETE, &path, None).await?;
            reply.print(json, out, |_| {
                let note = reply.spread_note();
                format!(
                    "Schedule {schedule} of business {business} is gone; what it has changed stays.{note}\n"
                )
            })
        }
        ScheduleCommand::Pause(pause) => {
            let body = json!({"why": pause.why});
            let path = path(&pause.business, &pause.schedule);
            tell(client, &format!("{path}/pause"), &body, json, out).await
        }
        ScheduleCommand::Resume { business, schedule } => {
            let path = format!("{}/resume", path(business, schedule));
            tell(client, &path, &Value::Null, json, out).await
        }
    }
}

/// Asks for something of a schedule, and shows it as it is then.
async fn tell(
    client: &Client,
    path: &str,
    body: &Value,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let body = Some(body).filter(|body| !body.is_null());
    let reply = client.send(Method::POST, path, body).await?;
    reply.print(json, out, |schedule| {
        let (state, note) = (render::state(schedule), reply.spread_note());
        // Why it stands still is a sentence of its own.
        let state = state.trim_end_matches('.');
        format!("Schedule {} is {state}.{note}\n", line(&schedule["id"]))
    })
}

fn path(business: &str, schedule: &str) -> String {
    format!(
        "/businesses/{}/schedules/{}",
        part(business),
        part(schedule)
    )
}

/// What the admin API is asked for.
fn plan(args: &AddScheduleArgs) -> Result<Value, Failure> {
    match &args.plan {
        PlanArgs::Disconnect(times) => with_times(json!({"action": "disconnect"}), times),
        PlanArgs::Change(change) => {
            let patch: Value = serde_json::from_str(&change.patch).map_err(|error| {
                Failure::Input(format!(
                    "--patch is no JSON ({error}): write the fields of access to change, as in \
                     '{{\"gray\": {{\"percent\": 20}}}}'."
                ))
            })?;
            with_times(json!({"action": "change", "patch": patch}), &change.times)
        }
        PlanArgs::Rise(rise) => self::rise(rise),
    }
}

fn with_times(mut plan: Value, times: &TimesArgs) -> Result<Value, Failure> {
    let at_ms = when::parse(&times.at)?;
    plan["at"] = moment::text(at_ms).into();
    let until_ms = when::end(at_ms, times.until.as_deref(), times.lasting.as_deref())?;
    if let Some(until_ms) = until_ms {
        plan["until"] = moment::text(until_ms).into();
    }
    Ok(plan)
}

fn rise(args: &RiseArgs) -> Result<Value, Failure> {
    let mut plan = json!({
        "action": "rise",
        "target_percent": args.to,
        "start": moment::text(when::parse(&args.at)?),
        "over_ms": when::duration_ms(&args.over)?,
    });
    let given = [
        ("from_percent", args.from.map(Value::from)),
        (
            "pause_above_error_percent",
            args.pause_above.map(Value::from),
        ),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            plan[name] = value;
        }
    }
    if let Some(quiet) = &args.resume_after {
        plan["resume_after_ms"] = when::duration_ms(quiet)?.into();
    }
    Ok(plan)
}
