//! Schedules for people.

use serde_json::Value;
use weir_config::moment;

use crate::cli::object::line;
use crate::cli::table::Table;

/// The schedules of a business as a table.
pub fn list(page: &Value) -> String {
    let items = page["items"].as_array().map(Vec::as_slice);
    let items = items.unwrap_or_default();
    if items.is_empty() {
        return "There are none.\n".to_owned();
    }
    let mut table = Table::new(&["id", "what", "from", "until", "state"]);
    for item in items {
        let (began, ended) = times(&item["plan"]);
        table.row(vec![
            line(&item["id"]),
            what(item),
            began,
            ended,
            state(item),
        ]);
    }
    table.render()
}

/// What a schedule does and when, without a full stop.
pub fn one(schedule: &Value) -> String {
    let (began, ended) = times(&schedule["plan"]);
    let until = match ended.as_str() {
        "-" => String::new(),
        ended => format!(" until {ended}"),
    };
    format!(
        "Schedule {} of business {} is {}: {} from {began}{until}",
        line(&schedule["id"]),
        line(&schedule["business"]),
        state(schedule),
        what(schedule),
    )
}

/// `paused: 12 of 200 calls failed …`
pub fn state(schedule: &Value) -> String {
    let state = &schedule["state"];
    let name = line(&state["name"]);
    match state["why"].as_str() {
        Some(_) => format!("{name}: {}", line(&state["why"])),
        None => name,
    }
}

fn what(schedule: &Value) -> String {
    let plan = &schedule["plan"];
    match plan["action"].as_str() {
        Some("rise") => {
            let to = format!("rise to {}%", line(&plan["target_percent"]));
            match schedule["progress"]["percent"].as_f64() {
                Some(percent) => format!("{to}, now {percent}%"),
                None => to,
            }
        }
        Some("change") => format!("change {}", line(&plan["patch"])),
        _ => line(&plan["action"]),
    }
}

fn times(plan: &Value) -> (String, String) {
    let Some(start) = plan["start"].as_str() else {
        return (line(&plan["at"]), line(&plan["until"]));
    };
    let over_ms = plan["over_ms"].as_u64().unwrap_or(0);
    let ended_ms = moment::parse(start).map(|start_ms| start_ms.saturating_add(over_ms));
    (
        line(&plan["start"]),
        ended_ms.map_or("-".to_owned(), moment::text),
    )
}
