//! `weir region`: where nodes stand, and how far that is from elsewhere.

mod arguments;

use std::io::Write;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::client::{Client, Content, Reply, part};
use super::failure::Failure;
use super::object::line;
use arguments::{PutRegionArgs, RegionCommand};

pub use arguments::RegionArgs;

/// Adds, changes or removes a region; `weir get regions` lists them.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn run(client: &Client, args: &RegionArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let json = args.connection.json;
    match &args.command {
        RegionCommand::Put(put) => {
            let reply = self::put(client, put).await?;
            reply.print(json, out, |region| {
                let (id, distances) = (line(&region["id"]), shown(&region["distances"]));
                let (before, note) = (reply.as_before(), reply.spread_note());
                format!("Region {id} is set{before}; distances: {distances}.{note}\n")
            })
        }
        RegionCommand::Remove { region } => {
            let path = format!("/regions/{}", part(region));
            let reply = client.send(Method::DELETE, &path, None).await?;
            reply.print(json, out, |_| {
                format!("Region {region} is gone.{}\n", reply.spread_note())
            })
        }
    }
}

/// Sets what was given; the rest stays as it is, and as it was when this was decided.
async fn put(client: &Client, args: &PutRegionArgs) -> Result<Reply, Failure> {
    let path = format!("/regions/{}", part(&args.region));
    let known = match client.get(&path).await {
        Ok(known) => Some(known),
        Err(Failure::Refused { status: 404, .. }) => None,
        Err(failure) => return Err(failure),
    };
    let region = known.as_ref().map_or(&Value::Null, |known| &known.body);
    let mut distances = region["distances"].as_object().cloned().unwrap_or_default();
    distances.extend(read(&args.distances)?);
    let name = args.name.as_deref().or(region["name"].as_str());
    let mut body = json!({"name": name});
    if known.is_some() || !args.distances.is_empty() {
        body["distances"] = Value::Object(distances);
    }
    let etag = known.as_ref().and_then(|known| known.etag.as_deref());
    client
        .send_based_on(Method::PUT, &path, Content::Json(&body), etag)
        .await
}

fn read(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let distance = |text: &String| {
        let (region, km) = text.split_once('=')?;
        let km: u32 = km.trim().parse().ok()?;
        Some((region.trim().to_owned(), km.into()))
    };
    let read = |text| {
        distance(text).ok_or_else(|| {
            let detail =
                format!("`{text}` is no distance: write it as in tianjin=955, kilometres.");
            Failure::Input(detail)
        })
    };
    given.iter().map(read).collect()
}

/// `shenzhen 1213, tianjin 955`
pub fn shown(distances: &Value) -> String {
    let each = distances.as_object().into_iter().flatten();
    let each: Vec<String> = each.map(|(region, km)| format!("{region} {km}")).collect();
    match each.is_empty() {
        true => "-".to_owned(),
        false => each.join(", "),
    }
}
