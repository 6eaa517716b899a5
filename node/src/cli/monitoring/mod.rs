//! `weir call`, `weir calls`, `weir monitor`: what became of calls.

mod arguments;
mod render;

use std::io::Write;

pub use arguments::{CallArgs, CallsArgs, MonitorArgs};

use super::client::{Client, part};
use super::failure::Failure;

/// One call and its story.
///
/// # Errors
/// Whatever the admin API refuses: nobody knows the call, or whoever does is not there.
pub async fn call(client: &Client, args: &CallArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let reply = client
        .get(&format!("/calls/{}", part(&args.call_id)))
        .await?;
    reply.print(args.connection.json, out, render::call)
}

/// The newest calls that match.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn calls(client: &Client, args: &CallsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let reply = client
        .get(&format!("/calls?{}", query(&args.pairs()?)))
        .await?;
    reply.print(args.connection.json, out, render::calls)
}

/// The figures of a business or a gateway, or what was refused.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn monitor(
    client: &Client,
    args: &MonitorArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (path, pairs) = args.asked()?;
    let reply = client.get(&format!("{path}?{}", query(&pairs))).await?;
    let shown = if args.refused {
        render::refusals
    } else {
        render::monitored
    };
    reply.print(args.connection.json, out, shown)
}

fn query(pairs: &[(&str, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", part(value)));
    pairs.collect::<Vec<_>>().join("&")
}
