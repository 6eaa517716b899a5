//! `weir token`, `weir cluster revoke`, `weir cluster rotate-keys`: who is let into the cluster.

mod arguments;

use std::io::Write;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use serde_json::{Value, json};

use arguments::{JoinTokenArgs, TokenCommand};
pub use arguments::{RevokeArgs, RotateArgs, TokenArgs};

use super::client::{Client, part};
use super::confirm::{can_ask, confirm};
use super::failure::Failure;
use super::object::{line, printable};
use super::quantity::parse_duration;

/// How often it is asked again whether all live nodes are ready.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// The last step of a rotation.
const LAST: &str = "retired";

/// `weir token`.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn token(client: &Client, args: &TokenArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let TokenCommand::Join(join) = &args.command;
    let made = make(client, join).await?;
    if args.connection.json {
        writeln!(out, "{:#}", made)?;
        return Ok(());
    }
    let token = made["token"].as_str().unwrap_or_default();
    let at = join
        .at
        .as_deref()
        .or(made["address"].as_str())
        .unwrap_or_default();
    writeln!(out, "{}@{}", printable(token), printable(at))?;
    // What is to be read by people does not get into `--join "$(weir token join)"`.
    let whom = match made["node"].as_str() {
        Some(node) => format!("the node {}", printable(node)),
        None => "one node".to_owned(),
    };
    let may = if join.issuer {
        ", which may then let others in"
    } else {
        ""
    };
    eprintln!(
        "It lets {whom} in, once, until {}{may}. On the new machine: weir node --config node.toml --join TOKEN@HOST:PORT",
        line(&made["expires_at"])
    );
    Ok(())
}

async fn make(client: &Client, args: &JoinTokenArgs) -> Result<Value, Failure> {
    let valid_for = parse_duration(&args.valid_for)?;
    let input = json!({
        "node": args.node,
        "valid_for_s": valid_for.as_secs(),
        "issuer": args.issuer,
    });
    let reply = client
        .send(Method::POST, "/cluster/join-tokens", Some(&input))
        .await?;
    Ok(reply.body)
}

/// `weir cluster revoke`.
///
/// # Errors
/// Whatever the admin API refuses; where the answer is no, or nobody can be asked.
pub async fn revoke(
    client: &Client,
    args: &RevokeArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let node = printable(&args.node);
    if !args.yes {
        if json || !can_ask() {
            let detail = format!(
                "Revoking {node} closes its connections at once, and there is no terminal to ask on. Nothing was \
                 changed; add --yes to do it."
            );
            return Err(Failure::Input(detail));
        }
        confirm(&format!(
            "{node} is cut off at once and comes back only with a new join token.\nRevoke {node}?"
        ))?;
    }
    let path = format!("/cluster/nodes/{}/revoke", part(&args.node));
    let reply = client.send(Method::POST, &path, None).await?;
    if json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        let advice = line(&reply.body["advice"]);
        writeln!(out, "Node {node} is revoked. {advice}")?;
    }
    Ok(())
}

/// `weir cluster rotate-keys`: the three steps, each as soon as every live node is ready.
///
/// # Errors
/// Whatever the admin API refuses; where live nodes are not ready in time, which leaves the rotation where it is: it goes
/// on with the same command.
pub async fn rotate(
    client: &Client,
    args: &RotateArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let wait = parse_duration(&args.wait)?;
    let mut before = String::new();
    loop {
        let rotated = step(client, wait).await?;
        if json {
            writeln!(out, "{rotated}")?;
        } else {
            writeln!(out, "{}", told(&rotated))?;
        }
        out.flush()?;
        let done = rotated["step"].as_str().unwrap_or_default().to_owned();
        if args.step || done == LAST || done == before {
            return Ok(());
        }
        let absent = rotated["absent"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if !absent.is_empty() && !args.yes {
            let names: Vec<String> = absent.iter().map(line).collect();
            let names = names.join(", ");
            if json || !can_ask() {
                let detail = format!(
                    "{names} cannot be reached and would have to join anew with a token after the last step. The \
                     rotation rests here: bring them back, revoke them, or go on with --yes."
                );
                return Err(Failure::Input(detail));
            }
            confirm(&format!(
                "{names} cannot be reached and have to join anew with a token after the last step.\nGo on?"
            ))?;
        }
        before = done;
    }
}

/// One step, asked for until the live nodes are ready.
async fn step(client: &Client, wait: Duration) -> Result<Value, Failure> {
    let until = Instant::now() + wait;
    loop {
        match client
            .send(Method::POST, "/cluster/rotate-keys", None)
            .await
        {
            Ok(reply) => return Ok(reply.body),
            Err(failure) if failure.code() == Some("nodes_lag") && Instant::now() < until => {
                actix_rt::time::sleep(ASK_EVERY).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn told(rotated: &Value) -> String {
    let authority = line(&rotated["authority"]);
    match rotated["step"].as_str() {
        Some("introduced") => {
            format!(
                "1 of 3: authority {authority} was made; every node is to believe it beside the old one."
            )
        }
        Some("issuing") => {
            format!(
                "2 of 3: certificates are of {authority} from now on; every node renews its own."
            )
        }
        _ => {
            format!("3 of 3: the old authority is believed no more; {authority} is the cluster's.")
        }
    }
}
