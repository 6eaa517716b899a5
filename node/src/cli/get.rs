//! `weir get`: what is configured.

use std::io::Write;

use serde_json::Value;

use super::arguments::GetArgs;
use super::client::{Client, part};
use super::failure::Failure;
use super::object::{self, line, printable};
use super::region;
use super::table::Table;

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Region,
    MiniProgram,
    Space,
    Gateway,
    Business,
    Package,
}

/// A heading and how its cell is read from an object.
type Column = (&'static str, fn(&Value) -> String);

/// Shows a list or an object.
///
/// # Errors
/// For a kind that does not exist, and whatever the admin API refuses.
pub async fn run(client: &Client, args: &GetArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (kind, id) = target(&args.what, args.id.as_deref())?;
    let reply = client.get(&path(kind, id.as_deref(), args)?).await?;
    if args.connection.json {
        writeln!(out, "{:#}", reply.body)?;
    } else if id.is_some() {
        write!(out, "{}", object::render(&reply.body))?;
    } else {
        write!(out, "{}", list(kind, &reply.body))?;
    }
    Ok(())
}

/// The kind and the id that were typed, `KIND`, `KIND ID` or `KIND/ID`.
pub fn target(what: &str, id: Option<&str>) -> Result<(Kind, Option<String>), Failure> {
    let (name, id) = match (what.split_once('/'), id) {
        (Some((name, inner)), None) => (name, Some(inner)),
        (Some(_), Some(_)) => {
            let detail = format!("`{what}` names an object already; leave out the id after it.");
            return Err(Failure::Input(detail));
        }
        (None, id) => (what, id),
    };
    let kind = match name.replace('_', "-").as_str() {
        "region" | "regions" => Kind::Region,
        "mini-program" | "mini-programs" => Kind::MiniProgram,
        "space" | "spaces" => Kind::Space,
        "gateway" | "gateways" => Kind::Gateway,
        "business" | "businesses" => Kind::Business,
        "package" | "packages" => Kind::Package,
        _ => {
            let detail = format!(
                "There is no kind `{}`. There are regions, mini-programs, spaces, gateways, businesses, and the \
                 package of a gateway.",
                printable(name)
            );
            return Err(Failure::Input(detail));
        }
    };
    Ok((kind, id.filter(|id| !id.is_empty()).map(str::to_owned)))
}

fn path(kind: Kind, id: Option<&str>, args: &GetArgs) -> Result<String, Failure> {
    let list = match kind {
        Kind::Region => "/regions",
        Kind::MiniProgram => "/platform/mini-programs",
        Kind::Space => "/spaces",
        Kind::Gateway | Kind::Package => "/gateways",
        Kind::Business => "/businesses",
    };
    if args.gateway.is_some() && (kind != Kind::Business || id.is_some()) {
        let detail =
            "--gateway chooses among businesses: write `weir get businesses --gateway ID`.";
        return Err(Failure::Input(detail.to_owned()));
    }
    match id {
        Some(id) if kind == Kind::Package => Ok(format!("{list}/{}/package", part(id))),
        Some(id) => Ok(format!("{list}/{}", part(id))),
        None if kind == Kind::Package => {
            let detail = "Say whose package: `weir get package GATEWAY`.";
            Err(Failure::Input(detail.to_owned()))
        }
        None => Ok(format!("{list}{}", query(args))),
    }
}

fn query(args: &GetArgs) -> String {
    let limit = args.limit.map(|limit| limit.to_string());
    let given = [
        ("gateway", &args.gateway),
        ("limit", &limit),
        ("after", &args.after),
    ];
    let mut query = String::new();
    for (name, value) in given {
        if let Some(value) = value {
            let mark = if query.is_empty() { '?' } else { '&' };
            query.push_str(&format!("{mark}{name}={}", part(value)));
        }
    }
    query
}

/// The table of one page.
pub fn list(kind: Kind, page: &Value) -> String {
    let columns = columns(kind);
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut table = Table::new(&headings);
    let items = page["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if items.is_empty() {
        return "There are none.\n".to_owned();
    }
    for item in items {
        table.row(columns.iter().map(|(_, cell)| cell(item)).collect());
    }
    let mut text = table.render();
    if let Some(next) = page["next"].as_str() {
        text.push_str(&format!("There are more: --after {}\n", printable(next)));
    }
    text
}

fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Region => &[
            ("id", |o| line(&o["id"])),
            ("name", |o| line(&o["name"])),
            ("distances", |o| region::shown(&o["distances"])),
        ],
        Kind::MiniProgram => &[
            ("appid", |o| line(&o["appid"])),
            ("name", |o| line(&o["name"])),
            ("versions", versions),
            ("domains", |o| count(&o["request_domains"])),
        ],
        Kind::Space => &[
            ("id", |o| line(&o["id"])),
            ("name", |o| line(&o["name"])),
            ("agreement", |o| line(&o["agreement"]["version"])),
            ("mini programs", |o| count(&o["mini_programs"])),
        ],
        Kind::Gateway | Kind::Package => &[
            ("id", |o| line(&o["id"])),
            ("name", |o| line(&o["name"])),
            ("space", |o| line(&o["space"])),
            ("package", |o| line(&o["package"]["name"])),
            ("bandwidth", |o| bandwidth(&o["package"]["bandwidth_bps"])),
            ("qps", |o| line(&o["package"]["qps"])),
            ("overflow", |o| line(&o["overflow"])),
        ],
        Kind::Business => &[
            ("id", |o| line(&o["id"])),
            ("name", |o| line(&o["name"])),
            ("gateway", |o| line(&o["gateway"])),
            ("on the link", |o| line(&o["access"]["enabled"])),
            ("versions", |o| line(&o["access"]["versions"])),
            ("gray", |o| {
                format!("{}%", line(&o["access"]["gray"]["percent"]))
            }),
            ("access domain", |o| line(&o["access_domain"])),
        ],
    }
}

fn versions(program: &Value) -> String {
    let named = |name: &&str| program["versions"][*name].is_object();
    let there: Vec<&str> = ["release", "trial", "develop"]
        .into_iter()
        .filter(named)
        .collect();
    if there.is_empty() {
        "-".to_owned()
    } else {
        there.join(", ")
    }
}

fn count(list: &Value) -> String {
    list.as_array().map_or(0, Vec::len).to_string()
}

/// `20 Mbps`, or bits a second where that is no round number.
fn bandwidth(bps: &Value) -> String {
    match bps.as_u64() {
        Some(bps) if bps >= 1_000_000 && bps % 100_000 == 0 => format!("{} Mbps", bps as f64 / 1e6),
        Some(bps) => format!("{bps} bps"),
        None => "-".to_owned(),
    }
}
