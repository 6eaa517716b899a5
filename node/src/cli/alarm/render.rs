//! Alarms for people.

use serde_json::Value;

use crate::cli::object::line;
use crate::cli::table::Table;

/// The table of alarms, what is wrong now, and whether anybody is told.
pub fn list(alarms: &Value, receivers: &Value) -> String {
    let mut table = Table::new(&["alarm", "watches", "severity", "state", "told to"]);
    let mut wrong = String::new();
    for alarm in items(&alarms["alarms"]) {
        table.row(vec![
            line(&alarm["id"]),
            line(&alarm["rule"]["kind"]),
            line(&alarm["severity"]),
            line(&alarm["state"]),
            told_to(alarm),
        ]);
        for subject in items(&alarm["subjects"]) {
            wrong.push_str(&format!("  {}\n", said(alarm, subject)));
        }
    }
    let mut text = table.render();
    match wrong.is_empty() {
        true => text.push_str("\nNothing is wrong.\n"),
        false => text.push_str(&format!("\nNow:\n{wrong}")),
    }
    match alarms["watched_by"].as_str() {
        Some(node) => text.push_str(&format!("Node {node} watches for the cluster.\n")),
        None => text.push_str("This node does not know yet which node watches.\n"),
    }
    if items(&receivers["items"]).is_empty() {
        text.push_str(
            "There is no receiver: nobody is told. Set one with `weir alarm receiver put`.\n",
        );
    }
    text
}

/// One alarm with all that is set.
pub fn one(alarm: &Value) -> String {
    let mut text = format!(
        "{} ({}): {}, {}\nrule      {}\nscope     {}\nfor       {} s\ntold to   {}\nrepeat    {} s\n",
        line(&alarm["id"]),
        line(&alarm["name"]),
        line(&alarm["state"]),
        line(&alarm["severity"]),
        alarm["rule"],
        alarm["scope"],
        line(&alarm["for_s"]),
        told_to(alarm),
        line(&alarm["repeat_s"]),
    );
    for subject in items(&alarm["subjects"]) {
        text.push_str(&format!("{}\n", said(alarm, subject)));
    }
    text
}

/// What each receiver answered to a test notice.
pub fn tested(test: &Value) -> String {
    let mut table = Table::new(&["receiver", "result", "why"]);
    for receiver in items(&test["receivers"]) {
        let delivered = receiver["delivered"] == true;
        table.row(vec![
            line(&receiver["receiver"]),
            if delivered { "delivered" } else { "refused" }.to_owned(),
            line(&receiver["why"]),
        ]);
    }
    table.render()
}

pub fn receivers(page: &Value) -> String {
    let mut table = Table::new(&["receiver", "format", "host", "on"]);
    for receiver in items(&page["items"]) {
        let cells = ["id", "format", "host", "enabled"];
        table.row(cells.map(|cell| line(&receiver[cell])).into());
    }
    table.render()
}

fn told_to(alarm: &Value) -> String {
    if alarm["silent"] == true {
        return "nobody".to_owned();
    }
    match alarm["receivers"].as_array() {
        None => "every receiver".to_owned(),
        Some(receivers) => receivers.iter().map(line).collect::<Vec<_>>().join(", "),
    }
}

fn said(alarm: &Value, subject: &Value) -> String {
    let (id, state) = (line(&alarm["id"]), line(&subject["state"]));
    format!(
        "{id}, {state} since {}: {}",
        line(&subject["since"]),
        line(&subject["text"])
    )
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
