//! `weir package`: what a gateway may carry, what all nodes carry of it, and what an operator changes in it.

mod arguments;
mod render;
#[cfg(test)]
mod tests;
mod watch;

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::Method;
use serde_json::{Value, json};
use weir_config::moment;

use super::client::{Client, Content, part};
use super::failure::Failure;
use super::object::line;
use super::quantity::{parse_bandwidth, parse_duration};
use arguments::{AddPackArgs, PackageCommand, SetPackageArgs};
use watch::{Looks, watch};

pub use arguments::PackageArgs;
pub use render::whole;

/// How often it is looked at least and at most, seconds.
const EVERY_S: std::ops::RangeInclusive<f64> = 0.2..=3_600.0;

/// Shows a package, or changes it.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &PackageArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let gateway = args.gateway.as_str();
    let json = args.connection.json;
    match &args.command {
        Some(PackageCommand::Set(set)) => set_package(client, gateway, set, json, out).await,
        Some(PackageCommand::AddPack(add)) => add_pack(client, gateway, add, json, out).await,
        Some(PackageCommand::RemovePack { pack }) => {
            remove_pack(client, gateway, pack, json, out).await
        }
        None => show(client, args, out).await,
    }
}

async fn show(client: &Client, args: &PackageArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let path = format!("/gateways/{}/package", part(&args.gateway));
    let json = args.connection.json;
    if let Some(every) = args.watch {
        if !EVERY_S.contains(&every) {
            let (least, most) = (EVERY_S.start(), EVERY_S.end());
            let detail = format!("--watch {every}: write {least} to {most} seconds.");
            return Err(Failure::Input(detail));
        }
        let looks = Looks {
            every: Duration::from_secs_f64(every),
            count: args.count,
            json,
        };
        // Peaks and forecast are of the past, and asked of all nodes: not every second.
        return watch(client, &format!("{path}?past=false"), &looks, out).await;
    }
    let package = client.get(&path).await?.body;
    if json {
        writeln!(out, "{package:#}")?;
    } else {
        write!(out, "{}", whole(&package))?;
    }
    Ok(())
}

/// Gives a gateway another package; the rest of it stays as it is, and as it was when this was decided.
async fn set_package(
    client: &Client,
    gateway: &str,
    args: &SetPackageArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let package = package(args)?;
    let path = format!("/gateways/{}", part(gateway));
    let known = client.get(&path).await?;
    let body = json!({
        "space": known.body["space"],
        "name": known.body["name"],
        "overflow": known.body["overflow"],
        "package": package,
    });
    let etag = known.etag.as_deref();
    let reply = client
        .send_based_on(Method::PUT, &path, Content::Json(&body), etag)
        .await?;
    if json {
        writeln!(out, "{:#}", reply.body)?;
        return Ok(());
    }
    let before = match reply.changed {
        Some(false) => ", as before",
        _ => "",
    };
    let package = &reply.body["package"];
    writeln!(
        out,
        "Gateway {} has package {}{before}: {}.{}",
        line(&reply.body["id"]),
        line(&package["name"]),
        render::amount(package),
        reply.spread_note()
    )?;
    Ok(())
}

fn package(args: &SetPackageArgs) -> Result<Value, Failure> {
    match (&args.name, &args.bandwidth) {
        (Some(name), None) => Ok(json!({ "name": name })),
        (None, Some(bandwidth)) => {
            Ok(json!({ "bandwidth_bps": parse_bandwidth(bandwidth)?, "qps": args.qps }))
        }
        _ => {
            let detail = "Name a package (trial, entry, basic, standard), or give --bandwidth for one of your own.";
            Err(Failure::Input(detail.to_owned()))
        }
    }
}

async fn add_pack(
    client: &Client,
    gateway: &str,
    args: &AddPackArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut body = json!({});
    if let Some(bandwidth) = &args.bandwidth {
        body["bandwidth_bps"] = json!(parse_bandwidth(bandwidth)?);
    }
    if let Some(qps) = args.qps {
        body["qps"] = json!(qps);
    }
    if let Some(from) = &args.from {
        body["from"] = json!(from);
    }
    body["until"] = json!(until(args)?);
    let path = pack_path(gateway, &args.pack);
    let reply = client.send(Method::PUT, &path, Some(&body)).await?;
    if json {
        writeln!(out, "{:#}", reply.body)?;
        return Ok(());
    }
    let packs = reply.body["elastic_packs"].as_array();
    let pack = packs.and_then(|packs| packs.iter().find(|pack| pack["id"] == args.pack.as_str()));
    let pack = pack.unwrap_or(&Value::Null);
    writeln!(
        out,
        "Gateway {} has {} more from {} until {}, by elastic pack {}.{}",
        line(&reply.body["id"]),
        render::added(pack),
        line(&pack["from"]),
        line(&pack["until"]),
        line(&pack["id"]),
        reply.spread_note()
    )?;
    Ok(())
}

/// The end of a pack: as it was given, or so long after its beginning.
fn until(args: &AddPackArgs) -> Result<String, Failure> {
    let Some(time) = &args.lasting else {
        return Ok(args.until.clone().unwrap_or_default());
    };
    let time = parse_duration(time)?;
    let from_ms = match &args.from {
        Some(from) => moment::parse(from)
            .ok_or_else(|| Failure::Input(format!("--from `{from}`: {}.", moment::NO_MOMENT)))?,
        None => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.unwrap_or_default().as_millis() as u64
        }
    };
    Ok(moment::text(
        from_ms.saturating_add(time.as_millis() as u64),
    ))
}

async fn remove_pack(
    client: &Client,
    gateway: &str,
    pack: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let path = pack_path(gateway, pack);
    let reply = client.send(Method::DELETE, &path, None).await?;
    if json {
        writeln!(out, "{:#}", reply.body)?;
    } else {
        let (gateway, note) = (line(&reply.body["id"]), reply.spread_note());
        writeln!(
            out,
            "Gateway {gateway} has no elastic pack {pack} any more.{note}"
        )?;
    }
    Ok(())
}

fn pack_path(gateway: &str, pack: &str) -> String {
    format!("/gateways/{}/elastic-packs/{}", part(gateway), part(pack))
}
