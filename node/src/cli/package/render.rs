//! A package for people: the limit, its use, node by node, and what was beyond it.

use serde_json::Value;

use crate::cli::object::{line, printable};
use crate::cli::quantity::{bandwidth, bytes, count, decimal};
use crate::cli::table::Table;

/// Cells of a bar.
const BAR: usize = 20;

/// Windows as the API names them, and as they are read.
const WINDOWS: [(&str, &str); 5] = [
    ("now", "now"),
    ("last_10_s", "10 s"),
    ("last_1_min", "1 min"),
    ("last_5_min", "5 min"),
    ("last_15_min", "15 min"),
];

/// Everything there is to see, in tables.
pub fn whole(package: &Value) -> String {
    let mut text = head(package);
    text.push_str(&format!("\n{}", used(package)));
    text.push_str(&format!("\n{}", nodes(package)));
    let businesses = businesses(package);
    if !businesses.is_empty() {
        text.push_str(&format!("\n{businesses}"));
    }
    text.push_str(&past(package));
    text.push_str(&notes(package));
    text
}

/// The greatest seconds of the past, and what comes of the growth; empty where nobody remembers.
fn past(package: &Value) -> String {
    if package["peaks"].is_null() {
        return String::new();
    }
    let mut table = Table::new(&[
        "greatest second of",
        "bandwidth",
        "of the limit",
        "calls/s",
        "when",
        "overflow calls",
    ]);
    for (name, shown) in [
        ("last_hour", "the last hour"),
        ("last_day", "the last day"),
        ("last_week", "the last week"),
    ] {
        let peak = &package["peaks"][name];
        // Greatest seconds of several nodes in the same hour, added up, are the most there can have been.
        let most = if peak["exact"] == true {
            ""
        } else {
            "at most "
        };
        table.row(vec![
            shown.to_owned(),
            format!(
                "{most}{}",
                bandwidth(number(&peak["bytes_per_second"]) * 8.0)
            ),
            format!("{} %", decimal(number(&peak["percent"]))),
            count(number(&peak["calls_per_second"])),
            peak["at"].as_str().map_or("-".to_owned(), printable),
            count(number(&peak["overflow_calls"])),
        ]);
    }
    let forecast = &package["forecast"];
    let said = match forecast["used_up_at"].as_str() {
        Some(at) => format!(
            "The package is used up at {} if its use goes on growing.",
            printable(at)
        ),
        None => format!(
            "No word on when the package is used up: {}.",
            line(&forecast["why"])
        ),
    };
    format!("\n{}\n{said}\n", table.render())
}

/// The limit, and what it is made of.
fn head(package: &Value) -> String {
    let limit = &package["limit"];
    let mut text = format!(
        "Package of gateway {} at {}\n\nlimit    {}\npackage  {}, {}\n",
        line(&package["gateway"]),
        line(&package["at"]),
        amount(limit),
        line(&limit["package"]["name"]),
        amount(&limit["package"]),
    );
    for pack in items(&limit["elastic_packs"]) {
        text.push_str(&format!(
            "pack     {}, {} more until {}\n",
            line(&pack["id"]),
            added(pack),
            line(&pack["until"])
        ));
    }
    if let Some(at) = limit["changes_at"].as_str() {
        text.push_str(&format!(
            "         the limit changes at {}\n",
            printable(at)
        ));
    }
    text
}

/// `20 Mbps (2.5 MB/s), 1000 calls/s`.
pub fn amount(limit: &Value) -> String {
    let bps = number(&limit["bandwidth_bps"]);
    let calls = match limit["qps"].as_u64() {
        Some(qps) => format!("{qps} calls/s"),
        None => "no limit on calls".to_owned(),
    };
    format!("{} ({}/s), {calls}", bandwidth(bps), bytes(bps / 8.0))
}

/// What a pack adds.
pub fn added(pack: &Value) -> String {
    let bps = number(&pack["bandwidth_bps"]);
    let calls = pack["qps"].as_u64().map(|qps| format!("{qps} calls/s"));
    let parts = [(bps > 0.0).then(|| bandwidth(bps)), calls];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" and ")
}

/// What all nodes use, over the windows.
fn used(package: &Value) -> String {
    let mut table = Table::new(&[
        "all nodes",
        "bandwidth",
        "of the limit",
        "",
        "calls/s",
        "of the limit",
        "overflow calls/s",
    ]);
    for (name, shown) in WINDOWS {
        let used = &package["used"][name];
        let percent = number(&used["percent"]);
        let calls_percent = used["calls_percent"].as_f64();
        table.row(vec![
            shown.to_owned(),
            bandwidth(number(&used["bytes_per_second"]) * 8.0),
            bar(percent),
            format!("{} %", decimal(percent)),
            decimal(number(&used["calls_per_second"])),
            calls_percent.map_or("-".to_owned(), |percent| format!("{} %", decimal(percent))),
            decimal(number(&used["overflow_calls_per_second"])),
        ]);
    }
    table.render()
}

/// A row a node: what it uses, what it may mint, what it holds and where that came from.
fn nodes(package: &Value) -> String {
    let mut table = Table::new(&[
        "node", "region", "weight", "state", "now", "10 s", "", "balance", "demand/s", "minted",
        "given", "received", "lost", "overflow",
    ]);
    for node in items(&package["nodes"]) {
        let held = &node["bytes"];
        let ten = &node["used"]["last_10_s"];
        let of = |field: &str| bytes(number(&held[field]));
        let overflow = &node["overflow"];
        let calls = number(&overflow["bandwidth_calls"]) + number(&overflow["qps_calls"]);
        table.row(vec![
            line(&node["node"]),
            line(&node["region"]),
            format!("{} %", decimal(number(&node["weight"]) * 100.0)),
            state(node).to_owned(),
            bandwidth(number(&node["used"]["now"]["bytes_per_second"]) * 8.0),
            bandwidth(number(&ten["bytes_per_second"]) * 8.0),
            bar(number(&ten["percent"])),
            of("balance"),
            of("demand_per_second"),
            of("minted"),
            of("given"),
            of("received"),
            of("lost"),
            count(calls),
        ]);
    }
    table.render()
}

fn state(node: &Value) -> &'static str {
    match (node["minting"] == true, node["fenced"].is_null()) {
        (true, _) => "mints",
        (false, false) => "fenced",
        (false, true) => "waits",
    }
}

/// The businesses that had overflow; empty where none had.
fn businesses(package: &Value) -> String {
    let mut table = Table::new(&[
        "business",
        "calls on the link",
        "bytes",
        "beyond bandwidth",
        "beyond calls/s",
    ]);
    let mut any = false;
    for business in items(&package["businesses"]) {
        let calls = |what: &str| number(&business[what]["calls"]);
        if calls("beyond_bandwidth") + calls("beyond_qps") == 0.0 {
            continue;
        }
        any = true;
        table.row(vec![
            line(&business["business"]),
            count(calls("link")),
            bytes(number(&business["link"]["bytes"])),
            count(calls("beyond_bandwidth")),
            count(calls("beyond_qps")),
        ]);
    }
    if any { table.render() } else { String::new() }
}

/// What an operator should know of these figures, a line each.
fn notes(package: &Value) -> String {
    let mut text = String::new();
    for node in items(&package["nodes"]) {
        if let Some(why) = node["fenced"]["why"].as_str() {
            text.push_str(&format!(
                "{} mints nothing since {}: {}\n",
                line(&node["node"]),
                line(&node["fenced"]["since"]),
                printable(why)
            ));
        }
    }
    for node in items(&package["unanswered"]) {
        text.push_str(&format!(
            "{} is missing from these figures: {}\n",
            line(&node["node"]),
            line(&node["reason"])
        ));
    }
    if text.is_empty() {
        return text;
    }
    format!("\n{text}")
}

/// Full at 100 percent; what is beyond shows at its end.
fn bar(percent: f64) -> String {
    let cells = (percent / 100.0 * BAR as f64)
        .round()
        .clamp(0.0, BAR as f64) as usize;
    let end = if percent > 100.5 { '>' } else { ']' };
    format!("[{}{}{end}", "#".repeat(cells), ".".repeat(BAR - cells))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_limit_and_says_when_there_is_more() {
        assert_eq!(bar(0.0), "[....................]");
        assert_eq!(bar(50.0), "[##########..........]");
        assert_eq!(bar(100.2), "[####################]");
        assert_eq!(bar(180.0), "[####################>");
        assert_eq!(bar(f64::NAN), "[....................]");
    }
}
