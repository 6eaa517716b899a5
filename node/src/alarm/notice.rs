//! What a receiver is told, in the words and shapes it understands.

use serde::{Deserialize, Serialize};
use serde_json::json;
use weir_config::moment;
use weir_config::object::{ReceiverFormat, Severity};

/// WeCom takes so many bytes of Markdown; Slack more.
const MARKDOWN_MAX: usize = 4_000;
/// Subjects that are listed where several are told of at once.
const LISTED: usize = 20;

/// Which turn an alarm has taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Firing,
    Resolved,
    /// Nothing is wrong: somebody tries the receiver.
    Test,
}

/// What one alarm has to say of one subject, or of several at once.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The same for all that is said of one alarm and subject: who gets a notice twice sees it by this.
    pub key: String,
    pub cluster: String,
    pub alarm: String,
    pub title: String,
    /// The rule's kind.
    pub kind: String,
    pub severity: Severity,
    pub phase: Phase,
    /// What it is about: a business, a gateway, a node, a space, or the cluster.
    pub subject: String,
    /// One sentence.
    pub text: String,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    /// Of value and threshold: `%`, `ms`, `days`, `calls`; empty: there is no value.
    pub unit: String,
    /// Since when it holds, milliseconds since 1970-01-01 UTC.
    pub since_ms: u64,
    pub at_ms: u64,
    /// How often it was told before.
    pub repeat: u32,
    /// Sentences of other subjects, where several are told of at once.
    #[serde(default)]
    pub also: Vec<String>,
    /// The node that tells.
    pub node: String,
}

// === impl Notice ===

impl Notice {
    /// The body of a webhook, JSON.
    pub fn body(&self, format: ReceiverFormat) -> Vec<u8> {
        let body = match format {
            ReceiverFormat::Generic => self.document(),
            ReceiverFormat::Wecom => {
                json!({"msgtype": "markdown", "markdown": {"content": self.wecom()}})
            }
            ReceiverFormat::Slack => json!({"text": self.slack()}),
        };
        body.to_string().into_bytes()
    }

    fn document(&self) -> serde_json::Value {
        json!({
            "version": 1,
            "key": self.key,
            "cluster": self.cluster,
            "alarm": self.alarm,
            "title": self.title,
            "kind": self.kind,
            "severity": self.severity,
            "state": self.phase,
            "subject": self.subject,
            "text": self.text,
            "value": self.value,
            "threshold": self.threshold,
            "unit": self.unit,
            "since": moment::text(self.since_ms),
            "at": moment::text(self.at_ms),
            "repeat": self.repeat,
            "also": self.also,
            "node": self.node,
        })
    }

    fn headline(&self) -> String {
        let what = match (self.phase, self.severity) {
            (Phase::Resolved, _) => "Resolved",
            (Phase::Test, _) => "Test",
            (Phase::Firing, Severity::Critical) => "Critical",
            (Phase::Firing, Severity::Warning) => "Warning",
        };
        format!("{what}: {} ({})", self.title, self.subject)
    }

    fn details(&self) -> Vec<String> {
        let mut lines = vec![self.text.clone()];
        lines.extend(self.also.iter().take(LISTED).cloned());
        if self.also.len() > LISTED {
            lines.push(format!("… and {} more.", self.also.len() - LISTED));
        }
        lines
    }

    fn foot(&self) -> String {
        let since = moment::text(self.since_ms);
        let again = match self.repeat {
            0 => String::new(),
            times => format!(", told {times} times before"),
        };
        format!(
            "cluster {} · since {since}{again} · {}",
            self.cluster, self.key
        )
    }

    /// <https://developer.work.weixin.qq.com/document/path/91770>: a subset of Markdown, with three colours.
    fn wecom(&self) -> String {
        let colour = match (self.phase, self.severity) {
            (Phase::Resolved | Phase::Test, _) => "info",
            (Phase::Firing, _) => "warning",
        };
        let mut text = format!(
            "<font color=\"{colour}\">**{}**</font>",
            plain(&self.headline())
        );
        for line in self.details() {
            text.push_str(&format!("\n> {}", plain(&line)));
        }
        text.push_str(&format!(
            "\n<font color=\"comment\">{}</font>",
            plain(&self.foot())
        ));
        cut(text)
    }

    /// <https://api.slack.com/reference/surfaces/formatting>
    fn slack(&self) -> String {
        let mark = match (self.phase, self.severity) {
            (Phase::Resolved | Phase::Test, _) => ":white_check_mark:",
            (Phase::Firing, Severity::Critical) => ":rotating_light:",
            (Phase::Firing, Severity::Warning) => ":warning:",
        };
        let mut text = format!("{mark} *{}*", plain(&self.headline()));
        for line in self.details() {
            text.push_str(&format!("\n{}", plain(&line)));
        }
        text.push_str(&format!("\n_{}_", plain(&self.foot())));
        cut(text)
    }
}

/// Names are an operator's; none may become a link, a mention or a tag. Both formats take these three entities.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn cut(mut text: String) -> String {
    if text.len() > MARKDOWN_MAX {
        text.truncate(text.floor_char_boundary(MARKDOWN_MAX));
        text.push('…');
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;

    pub fn notice() -> Notice {
        Notice {
            key: "weir/success-rate/shop".to_owned(),
            cluster: "weir".to_owned(),
            alarm: "success-rate".to_owned(),
            title: "Calls fail".to_owned(),
            kind: "success_rate".to_owned(),
            severity: Severity::Critical,
            phase: Phase::Firing,
            subject: "shop".to_owned(),
            text: "91.0 % of the calls of shop <@all> went well & 95 % should.".to_owned(),
            value: Some(91.0),
            threshold: Some(95.0),
            unit: "%".to_owned(),
            since_ms: 1_700_000_000_000,
            at_ms: 1_700_000_060_000,
            repeat: 0,
            also: Vec::new(),
            node: "n1".to_owned(),
        }
    }

    fn body(notice: &Notice, format: ReceiverFormat) -> Value {
        serde_json::from_slice(&notice.body(format)).unwrap()
    }

    #[test]
    fn the_generic_body_says_everything() {
        let body = body(&notice(), ReceiverFormat::Generic);
        assert_eq!(
            (&body["state"], &body["severity"]),
            (&json!("firing"), &json!("critical"))
        );
        assert_eq!(
            (&body["value"], &body["threshold"], &body["unit"]),
            (&json!(91.0), &json!(95.0), &json!("%"))
        );
        assert_eq!(body["since"], "2023-11-14T22:13:20Z");
        assert_eq!(body["key"], "weir/success-rate/shop");
    }

    #[test]
    fn wecom_and_slack_get_their_markdown_in_which_no_name_is_a_mention() {
        let wecom = body(&notice(), ReceiverFormat::Wecom);
        assert_eq!(wecom["msgtype"], "markdown");
        let text = wecom["markdown"]["content"].as_str().unwrap();
        assert!(
            text.starts_with("<font color=\"warning\">**Critical: Calls fail (shop)**</font>"),
            "{text}"
        );
        assert!(text.contains("&lt;@all&gt; went well &amp; 95"), "{text}");
        let slack = body(&notice(), ReceiverFormat::Slack);
        let text = slack["text"].as_str().unwrap();
        assert!(
            text.starts_with(":rotating_light: *Critical") && !text.contains("<@"),
            "{text}"
        );
        let mut resolved = notice();
        resolved.phase = Phase::Resolved;
        let text = body(&resolved, ReceiverFormat::Slack)["text"].to_string();
        assert!(
            text.contains(":white_check_mark: *Resolved: Calls fail"),
            "{text}"
        );
    }

    #[test]
    fn a_long_notice_is_cut_to_what_receivers_take() {
        let mut long = notice();
        long.also = (0..1_000)
            .map(|n| format!("商店 {n}: {}", "很慢。".repeat(40)))
            .collect();
        for format in [ReceiverFormat::Wecom, ReceiverFormat::Slack] {
            assert!(long.body(format).len() < 5_000);
        }
        long.also = (0..30).map(|n| format!("shop-{n} fails.")).collect();
        let text = body(&long, ReceiverFormat::Slack)["text"].to_string();
        assert!(text.contains("… and 10 more."), "{text}");
    }
}
