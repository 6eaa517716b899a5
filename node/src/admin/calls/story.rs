//! A call's story: its record as steps in words, in their order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::advice::{advice, row};
use crate::monitor::{CLIENT_GONE, CallRecord};

/// A call, and what became of it in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallStory {
    #[serde(flatten)]
    pub record: CallRecord,
    pub story: Vec<Step>,
    /// What to do about it; null where there is nothing to do.
    pub advice: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Milliseconds after the call arrived; null where that is not known.
    pub after_ms: Option<f64>,
    pub text: String,
}

// === impl CallStory ===

impl CallStory {
    pub fn of(record: CallRecord) -> Self {
        let mut story = vec![arrival(&record)];
        story.extend(business(&record));
        story.push(decision(&record));
        story.extend(way(&record));
        story.extend(answer(&record));
        story.push(end(&record));
        let reason = record.reason.as_deref().unwrap_or("");
        let advice = match record.outcome.as_str() {
            "ok" if reason.is_empty() => None,
            _ => advice(reason, record.status),
        };
        CallStory {
            advice: advice.map(str::to_owned),
            record,
            story,
        }
    }
}

fn step(after_ms: impl Into<Option<f64>>, text: String) -> Step {
    Step {
        after_ms: after_ms.into(),
        text,
    }
}

fn arrival(record: &CallRecord) -> Step {
    let tls = if record.tls { " with TLS" } else { "" };
    let mut text = format!(
        "Arrived at node {} in {} at {}, from {} over {}{tls}: {} {}.",
        record.node,
        record.region,
        record.at,
        record.client_ip,
        record.protocol,
        record.method,
        record.path,
    );
    if let Some(accept_ms) = record.timings.accept_ms {
        text += &format!(
            " It was the first call on its connection, opened {} before.",
            time(accept_ms)
        );
    }
    step(0.0, text)
}

fn business(record: &CallRecord) -> Option<Step> {
    let business = record.business.as_deref()?;
    let mut text = format!(
        "It called the access domain of business {business}, of gateway {} (route tag {})",
        or_dash(record.gateway.as_deref()),
        or_dash(record.route_tag.as_deref()),
    );
    if let (Some(version), Some(source)) = (&record.version, &record.source) {
        text += &format!(", as version {version} from {source}");
    }
    if let Some(conf_version) = &record.conf_version {
        text += &format!("; the configuration of {conf_version} was in force");
    }
    Some(step(None, text + "."))
}

fn decision(record: &CallRecord) -> Step {
    let reason = record.reason.as_deref().unwrap_or("");
    let row = row(reason).map_or_else(String::new, |row| format!(" (row {row} of the decision)"));
    let words = reason.replace('_', " ");
    let rule = record.rule.as_deref().unwrap_or("");
    let text = match record.decision.as_str() {
        "link" => format!(
            "Decided: the link (row 8 of the decision). The URL rule is {rule}; the package had room."
        ),
        "relay" => format!(
            "Decided: the public link, for {words}{row}. The URL rule is {rule}. The client cannot take that link by \
             itself, so the node passed the call on, unprotected."
        ),
        "public" => format!(
            "Decided: the public link, for {words}{row}. The URL rule is {rule}. The client was told to call the \
             origin itself."
        ),
        "own" => {
            "Answered by the node itself: an access config, or a browser's question before a call."
                .to_owned()
        }
        _ => {
            let code = record
                .code
                .map_or_else(String::new, |code| format!(", code {code}"));
            let detail = record.detail.as_deref().unwrap_or("");
            format!("Refused: {words}{code}{row}. {}", sentence(detail))
        }
    };
    step(None, text.trim_end().to_owned())
}

/// To the origin: waiting, attempts, connection.
fn way(record: &CallRecord) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(queue_ms) = record.timings.queue_ms.filter(|&ms| ms > 0.0) {
        let text = format!(
            "Waited {} for a place among the calls under way to its origin.",
            time(queue_ms)
        );
        steps.push(step(None, text));
    }
    for (number, attempt) in record.failed_attempts.iter().enumerate() {
        let text = format!(
            "Attempt {} of {}, to {}, brought no answer: {}.",
            number + 1,
            record.attempts,
            attempt.address,
            attempt.reason.replace('_', " ")
        );
        steps.push(step(None, text));
    }
    if let Some(address) = &record.origin_address {
        let domain = or_dash(record.domain.as_deref());
        let connection = match record.timings.connect_ms {
            Some(ms) => format!("on a new connection, made in {}", time(ms)),
            None => "on a connection that was there".to_owned(),
        };
        steps.push(step(
            None,
            format!("Sent to {domain} at {address}, {connection}."),
        ));
    }
    steps
}

fn answer(record: &CallRecord) -> Option<Step> {
    let first_byte_ms = record.timings.first_byte_ms?;
    let status = match record.status {
        Some(status) => format!(" with status {status}"),
        None => String::new(),
    };
    let text = format!(
        "The origin began to answer after {}{status}.",
        time(first_byte_ms)
    );
    Some(step(first_byte_ms, text))
}

fn end(record: &CallRecord) -> Step {
    let total_ms = record.timings.total_ms;
    let after = time(total_ms);
    let bytes = format!(
        "{} B from the client, {} B to it",
        record.request_bytes, record.response_bytes
    );
    let failed = record.reason.as_deref().is_some_and(|it| it != CLIENT_GONE);
    let text = match (record.outcome.as_str(), record.status) {
        ("client_fault", _) if !failed => {
            format!("The client went away after {after}, before the answer was complete: {bytes}.")
        }
        ("ok" | "refused" | "public", Some(status)) => {
            format!("Over after {after}, with status {status}: {bytes}.")
        }
        (_, status) => {
            let said = status.map_or_else(String::new, |status| format!(" with status {status}"));
            let detail = record.detail.as_deref().filter(|_| failed).unwrap_or("");
            let text = format!("Failed after {after}{said}: {bytes}. {}", sentence(detail));
            text.trim_end().to_owned()
        }
    };
    step(total_ms, text)
}

fn or_dash(text: Option<&str>) -> &str {
    text.unwrap_or("-")
}

/// `12.3 ms`, `1.5 s`.
fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1_000.0 => format!("{ms:.1} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let text = format!("{}{}", first.to_uppercase(), chars.as_str());
    match text.ends_with(['.', '!', '?']) {
        true => text,
        false => text + ".",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{AttemptRecord, Timings};

    fn call() -> CallRecord {
        CallRecord {
            at: "2026-01-31T08:30:00.125Z".to_owned(),
            node: "n2".to_owned(),
            region: "shenzhen".to_owned(),
            business: Some("wx1".to_owned()),
            gateway: Some("shop".to_owned()),
            route_tag: Some("tag".to_owned()),
            domain: Some("https://api.example".to_owned()),
            rule: Some("https://api.example/v1".to_owned()),
            version: Some("trial".to_owned()),
            source: Some("wx_client".to_owned()),
            client_ip: "10.0.0.9".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            method: "GET".to_owned(),
            path: "/v1/x".to_owned(),
            decision: "link".to_owned(),
            outcome: "ok".to_owned(),
            status: Some(200),
            origin_address: Some("10.1.0.1:443".to_owned()),
            attempts: 1,
            timings: Timings {
                first_byte_ms: Some(12.34),
                total_ms: 15.0,
                ..Timings::default()
            },
            request_bytes: 200,
            response_bytes: 1_000,
            ..CallRecord::default()
        }
    }

    fn text(record: CallRecord) -> (String, Option<String>) {
        let told = CallStory::of(record);
        let steps: Vec<String> = told.story.into_iter().map(|step| step.text).collect();
        (steps.join("\n"), told.advice)
    }

    #[test]
    fn a_call_that_went_well_is_told_from_its_arrival_to_its_last_byte() {
        let (story, advice) = text(call());
        assert_eq!(
            story,
            "Arrived at node n2 in shenzhen at 2026-01-31T08:30:00.125Z, from 10.0.0.9 over HTTP/1.1: GET /v1/x.\n\
             It called the access domain of business wx1, of gateway shop (route tag tag), as version trial from \
             wx_client.\n\
             Decided: the link (row 8 of the decision). The URL rule is https://api.example/v1; the package had room.\n\
             Sent to https://api.example at 10.1.0.1:443, on a connection that was there.\n\
             The origin began to answer after 12.3 ms with status 200.\n\
             Over after 15.0 ms, with status 200: 200 B from the client, 1000 B to it."
        );
        assert_eq!(advice, None);
    }

    #[test]
    fn a_failed_call_says_what_was_tried_what_went_wrong_and_what_to_do() {
        let (story, advice) = text(CallRecord {
            outcome: "origin_fault".to_owned(),
            reason: Some("origin_timeout".to_owned()),
            code: Some(-601_008),
            detail: Some("the origin did not answer within 15000 ms".to_owned()),
            status: Some(504),
            origin_address: None,
            attempts: 2,
            failed_attempts: vec![
                AttemptRecord {
                    address: "10.1.0.1:443".to_owned(),
                    reason: "origin_unreachable".to_owned(),
                },
                AttemptRecord {
                    address: "10.1.0.2:443".to_owned(),
                    reason: "origin_timeout".to_owned(),
                },
            ],
            timings: Timings {
                total_ms: 15_020.0,
                ..Timings::default()
            },
            ..call()
        });
        assert!(
            story.contains(
                "Attempt 1 of 2, to 10.1.0.1:443, brought no answer: origin unreachable."
            )
        );
        assert!(
            story.contains("Failed after 15.0 s with status 504:"),
            "{story}"
        );
        assert!(
            story.ends_with("The origin did not answer within 15000 ms."),
            "{story}"
        );
        assert!(advice.unwrap().contains("timeout_ms"));
    }

    #[test]
    fn calls_that_did_not_take_the_link_say_by_which_row_and_what_to_do() {
        let of = |decision: &str, outcome: &str, reason: &str| {
            text(CallRecord {
                decision: decision.to_owned(),
                outcome: outcome.to_owned(),
                reason: Some(reason.to_owned()),
                detail: Some("said so".to_owned()),
                origin_address: None,
                ..call()
            })
        };
        let (story, advice) = of("public", "public", "package_bandwidth");
        assert!(story.contains("the public link, for package bandwidth (row 7 of the decision)"));
        assert!(advice.unwrap().contains("elastic pack"));
        let (story, advice) = of("refused", "refused", "unknown_access_domain");
        assert!(story.contains("Refused: unknown access domain (row 1 of the decision). Said so."));
        assert!(advice.is_some());
        let (story, _) = of("link", "client_fault", "client_gone");
        assert!(
            story.ends_with("before the answer was complete: 200 B from the client, 1000 B to it.")
        );
    }
}
