//! Calls and their figures for people.

use serde_json::Value;

use crate::cli::object::{line, printable};
use crate::cli::quantity::{bytes, count, decimal};
use crate::cli::table::Table;

/// From nothing to the most there is.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns of a sparkline.
const SPARKS: usize = 60;

/// A call's story.
pub fn call(call: &Value) -> String {
    let mut text = format!("Call {}\n\n", line(&call["call_id"]));
    for step in items(&call["story"]) {
        let after = step["after_ms"].as_f64();
        let after = after.map_or_else(String::new, |ms| format!("+{ms:.1} ms"));
        text.push_str(&format!("{after:>12}  {}\n", line(&step["text"])));
    }
    if let Some(advice) = call["advice"].as_str() {
        text.push_str(&format!("\nWhat to do: {}\n", printable(advice)));
    }
    text
}

/// A row a call.
pub fn calls(page: &Value) -> String {
    let mut text = match items(&page["items"]) {
        [] => "No call that is kept matches.\n".to_owned(),
        records => table(records),
    };
    if let Some(next) = page["next"].as_str() {
        text.push_str(&format!("More: --after {}\n", printable(next)));
    }
    text + &missing(page)
}

fn table(records: &[Value]) -> String {
    let mut table = Table::new(&[
        "at", "call", "node", "decision", "status", "reason", "ms", "up", "down", "path",
    ]);
    for record in records {
        let size = |name: &str| bytes(number(&record[name]));
        table.row(vec![
            line(&record["at"]),
            line(&record["call_id"]),
            line(&record["node"]),
            line(&record["decision"]),
            or_dash(&record["status"]),
            or_dash(&record["reason"]),
            decimal(number(&record["timings"]["total_ms"])),
            size("request_bytes"),
            size("response_bytes"),
            format!("{} {}", line(&record["method"]), line(&record["path"])),
        ]);
    }
    table.render()
}

/// Figures over time: a line of requests, the sums, and a row a group or a point.
pub fn monitored(told: &Value) -> String {
    let of = match told["business"].as_str() {
        Some(business) => format!("business {}", printable(business)),
        None => format!("gateway {}", line(&told["gateway"])),
    };
    let mut text = format!(
        "Calls of {of}, {} to {}, every {} s\n\n",
        line(&told["from"]),
        line(&told["to"]),
        line(&told["step_s"]),
    );
    let groups = items(&told["groups"]);
    let mut table = figures_table(if told["by"].is_null() { "at" } else { "" });
    if told["by"].is_null() {
        let points = groups
            .first()
            .map_or(&[][..], |group| items(&group["points"]));
        if !points.is_empty() {
            let requests: Vec<f64> = points.iter().map(|it| number(&it["requests"])).collect();
            text.push_str(&format!("requests  {}\n\n", sparkline(&requests)));
        }
        for point in points {
            table.row(figures_row(line(&point["at"]), point));
        }
    } else {
        for group in groups {
            let name = match line(&group["name"]).as_str() {
                "" => "-".to_owned(),
                name => name.to_owned(),
            };
            table.row(figures_row(name, &group["total"]));
        }
    }
    table.row(figures_row("all".to_owned(), &told["total"]));
    text.push_str(&table.render());
    text.push_str(&format!(
        "\nCounted on {}; whole up to {}.\n",
        line(&told["nodes"]),
        line(&told["complete_to"])
    ));
    text + &missing(told)
}

fn figures_table(first: &str) -> Table {
    Table::new(&[
        first,
        "requests",
        "success",
        "refused",
        "public",
        "overflow",
        "time-outs",
        "mean",
        "p50",
        "p95",
        "p99",
        "up",
        "down",
    ])
}

fn figures_row(name: String, figures: &Value) -> Vec<String> {
    let ms = |field: &str| match figures[field].as_f64() {
        Some(ms) => format!("{} ms", decimal(ms)),
        None => "-".to_owned(),
    };
    let success = figures["success_rate"].as_f64();
    let calls = |field: &str| count(number(&figures[field]));
    vec![
        name,
        calls("requests"),
        success.map_or("-".to_owned(), |rate| format!("{} %", percent(rate))),
        calls("refused"),
        calls("public"),
        calls("overflow"),
        calls("origin_timeouts"),
        ms("mean_ms"),
        ms("p50_ms"),
        ms("p95_ms"),
        ms("p99_ms"),
        bytes(number(&figures["request_bytes"])),
        bytes(number(&figures["response_bytes"])),
    ]
}

/// Never rounded up to 100: one failed call in a million is one.
fn percent(rate: f64) -> String {
    let percent = (rate * 10_000.0).floor() / 100.0;
    let text = format!("{percent:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What was refused, by reason, and the newest of it.
pub fn refusals(told: &Value) -> String {
    let mut text = format!(
        "Refused {} to {}: {}\n\n",
        line(&told["from"]),
        line(&told["to"]),
        count(number(&told["refused"]))
    );
    let mut reasons = Table::new(&["reason", "refused"]);
    for group in items(&told["reasons"]) {
        let refused = count(number(&group["total"]["requests"]));
        reasons.row(vec![or_dash(&group["name"]), refused]);
    }
    let mut businesses = Table::new(&["business", "refused"]);
    for business in items(&told["businesses"]) {
        let refused = count(number(&business["refused"]));
        businesses.row(vec![or_dash(&business["business"]), refused]);
    }
    text.push_str(&format!("{}\n{}", reasons.render(), businesses.render()));
    let log = items(&told["block_log"]);
    if !log.is_empty() {
        text.push_str(&format!("\n{}", table(log)));
    }
    text + &missing(told)
}

/// One character a value, the greatest the highest; neighbours are added up where there are too many.
fn sparkline(values: &[f64]) -> String {
    let each = values.len().div_ceil(SPARKS).max(1);
    let sums: Vec<f64> = values
        .chunks(each)
        .map(|chunk| chunk.iter().sum())
        .collect();
    let most = sums.iter().copied().fold(0.0, f64::max);
    let bar = |value: f64| match most > 0.0 {
        true => {
            let height = (value / most * (BARS.len() - 1) as f64).round() as usize;
            BARS[height.min(BARS.len() - 1)]
        }
        false => BARS[0],
    };
    sums.into_iter().map(bar).collect()
}

fn missing(told: &Value) -> String {
    let nodes = items(&told["unanswered"]).iter();
    let lines = nodes.map(|node| {
        format!(
            "{} is missing here: {}\n",
            line(&node["node"]),
            line(&node["reason"])
        )
    });
    lines.collect()
}

fn or_dash(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        value => line(value),
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sparkline_has_a_character_a_value_and_no_more_than_fit() {
        assert_eq!(sparkline(&[0.0, 1.0, 7.0]), "▁▂█");
        assert_eq!(sparkline(&[0.0, 0.0]), "▁▁");
        assert_eq!(sparkline(&[1.0; 600]).chars().count(), SPARKS);
    }

    #[test]
    fn a_success_rate_is_100_only_where_no_call_failed() {
        assert_eq!(percent(1.0), "100");
        assert_eq!(percent(0.999_999), "99.99");
        assert_eq!(percent(0.5), "50");
    }

    #[test]
    fn a_story_is_read_from_top_to_bottom_with_what_to_do_at_its_end() {
        let told = json!({"call_id": "0190", "advice": "Wait.", "story": [
            {"after_ms": 0.0, "text": "Arrived."}, {"after_ms": null, "text": "Decided."},
            {"after_ms": 12.34, "text": "Over."}]});
        let text = "Call 0190\n\n     +0.0 ms  Arrived.\n              Decided.\n    +12.3 ms  Over.\n\n\
                    What to do: Wait.\n";
        assert_eq!(call(&told), text);
    }

    #[test]
    fn nodes_that_are_missing_are_named() {
        let page = json!({"items": [], "next": null,
            "unanswered": [{"node": "n3", "reason": "it is dead"}]});
        assert_eq!(
            calls(&page),
            "No call that is kept matches.\nn3 is missing here: it is dead\n"
        );
    }
}
