use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that is watched, and whom it is told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    pub id: String,
    /// For people; empty: the id does.
    #[serde(default)]
    pub name: String,
    /// An alarm that is off watches nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub severity: Severity,
    pub rule: AlarmRule,
    #[serde(default)]
    pub scope: AlarmScope,
    /// How long it has to hold before it is told, seconds, at most a day. Left out: as long as is usual for the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
    /// Whom it is told, by the receivers' ids. Left out: every receiver; an empty list: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<BTreeSet<String>>,
    /// When nobody is told; what still holds afterwards is told then.
    #[serde(default)]
    pub quiet: Vec<QuietTime>,
    /// Told again after so many seconds while it lasts, 60 to 604,800; 0: never.
    #[serde(default = "repeat_default_s")]
    pub repeat_s: u64,
    /// Whether its end is told too.
    #[serde(default = "yes")]
    pub tell_resolved: bool,
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    #[default]
    Warning,
    Critical,
}

/// What is watched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlarmRule {
    /// Fewer of a business's calls go well than this share: of those that could have, without what clients spoil.
    SuccessRate {
        /// Percent, over 0 up to 100.
        below_percent: f64,
        /// With fewer calls in the window nothing is said.
        #[serde(default = "min_calls_default")]
        min_calls: u64,
        #[serde(default)]
        window_s: Window,
    },
    /// 95 in 100 of a business's calls are quicker than what is slower than this.
    P95 {
        /// Milliseconds.
        above_ms: u64,
        #[serde(default = "min_calls_default")]
        min_calls: u64,
        #[serde(default)]
        window_s: Window,
    },
    /// A gateway carries more than this share of its package.
    PackageUse {
        /// Percent, over 0 up to 100.
        above_percent: f64,
        #[serde(default)]
        window_s: Window,
    },
    /// Calls of a gateway take the public link, since the package is used up.
    OverflowBegins {
        /// It is over when there was none in so long.
        #[serde(default)]
        window_s: Window,
    },
    /// A node is not heard of, and has not taken its leave.
    NodeGone {},
    /// The live nodes do not hold the same configuration.
    ConfigDisagreement {},
    /// A certificate of a node's own settings ends soon.
    CertificateExpiring {
        /// Days before its end, 1 to 365.
        days: u32,
    },
    /// A space has not accepted the text of the service agreement that is needed soon.
    AgreementExpiring {
        /// Days before it is needed, 0 to 365.
        days: u32,
    },
    /// A node has a share of the packages and mints nothing, since too few others hear it.
    NodeFenced {},
}

/// Over which time calls and bytes are summed up, seconds: 10, 60, 300 or 900.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u64, example = 60)]
pub struct Window(pub u64);

/// Whose calls, or which gateway: of all of them each by itself, where nothing is said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmScope {
    /// Only this gateway, or its businesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Only this business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business: Option<String>,
}

/// A time of the day at which nobody is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietTime {
    /// `22:00`
    pub from: String,
    /// `07:00`: of the next day, where that is before `from`.
    pub to: String,
    /// The clock that is meant, as `+08:00`.
    #[serde(default = "utc")]
    pub utc_offset: String,
    /// Days on which it begins, `mon` to `sun`; empty: every day.
    #[serde(default)]
    pub days: BTreeSet<Day>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Who is told of alarms: a webhook. Its URL is a secret; no document, history or restore carries it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmReceiver {
    pub id: String,
    pub format: ReceiverFormat,
    #[serde(rename = "webhook_url")]
    pub url: WebhookUrl,
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// What a receiver understands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverFormat {
    /// A JSON document with everything that is known (`docs/alarms.md`).
    #[default]
    Generic,
    /// WeCom (Enterprise WeChat) group robots: Markdown.
    Wecom,
    /// Slack, and whoever takes its messages (Mattermost, Rocket.Chat, Feishu through a bridge).
    Slack,
}

/// A URL that is used and never shown: whoever has it can write to the group behind it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookUrl(pub String);

fn yes() -> bool {
    true
}

fn utc() -> String {
    "+00:00".to_owned()
}

fn repeat_default_s() -> u64 {
    4 * 3_600
}

fn min_calls_default() -> u64 {
    20
}

// === impl AlarmRule ===

impl AlarmRule {
    pub fn kind(&self) -> &'static str {
        match self {
            AlarmRule::SuccessRate { .. } => "success_rate",
            AlarmRule::P95 { .. } => "p95",
            AlarmRule::PackageUse { .. } => "package_use",
            AlarmRule::OverflowBegins { .. } => "overflow_begins",
            AlarmRule::NodeGone {} => "node_gone",
            AlarmRule::ConfigDisagreement {} => "config_disagreement",
            AlarmRule::CertificateExpiring { .. } => "certificate_expiring",
            AlarmRule::AgreementExpiring { .. } => "agreement_expiring",
            AlarmRule::NodeFenced {} => "node_fenced",
        }
    }

    /// How long it has to hold where nobody says how long, seconds.
    pub fn usual_for_s(&self) -> u64 {
        match self {
            AlarmRule::SuccessRate { .. } => 60,
            AlarmRule::P95 { .. } | AlarmRule::PackageUse { .. } => 300,
            AlarmRule::ConfigDisagreement {} | AlarmRule::NodeFenced {} => 60,
            AlarmRule::NodeGone {} => 10,
            AlarmRule::OverflowBegins { .. }
            | AlarmRule::CertificateExpiring { .. }
            | AlarmRule::AgreementExpiring { .. } => 0,
        }
    }

    /// Over which time it sums up; `None`: it looks at this moment.
    pub fn window(&self) -> Option<Window> {
        match self {
            AlarmRule::SuccessRate { window_s, .. }
            | AlarmRule::P95 { window_s, .. }
            | AlarmRule::PackageUse { window_s, .. }
            | AlarmRule::OverflowBegins { window_s } => Some(*window_s),
            _ => None,
        }
    }

    /// Whether it is about businesses, so that one of them can be meant.
    pub fn is_of_businesses(&self) -> bool {
        matches!(self, AlarmRule::SuccessRate { .. } | AlarmRule::P95 { .. })
    }

    /// Whether it is about gateways or their businesses.
    pub fn has_scope(&self) -> bool {
        self.window().is_some()
    }
}

// === impl Window ===

impl Window {
    /// Those that every node keeps sums for.
    pub const ALL: [Window; 4] = [Window(10), Window(60), Window(300), Window(900)];
}

impl Default for Window {
    fn default() -> Self {
        Window(60)
    }
}

// === impl Alarm ===

impl Alarm {
    /// What is watched in every cluster until somebody says otherwise.
    pub fn built_in() -> Vec<Alarm> {
        let alarm = |id: &str, name: &str, severity, rule| Alarm {
            id: id.to_owned(),
            name: name.to_owned(),
            enabled: true,
            severity,
            rule,
            scope: AlarmScope::default(),
            for_s: None,
            receivers: None,
            quiet: Vec::new(),
            repeat_s: repeat_default_s(),
            tell_resolved: true,
        };
        let (warning, critical) = (Severity::Warning, Severity::Critical);
        let window_s = Window::default();
        vec![
            alarm("node-gone", "Node gone", critical, AlarmRule::NodeGone {}),
            alarm(
                "node-fenced",
                "Node mints nothing",
                warning,
                AlarmRule::NodeFenced {},
            ),
            alarm(
                "config-disagreement",
                "Nodes hold different configurations",
                warning,
                AlarmRule::ConfigDisagreement {},
            ),
            alarm(
                "success-rate",
                "Calls fail",
                critical,
                AlarmRule::SuccessRate {
                    below_percent: 95.0,
                    min_calls: min_calls_default(),
                    window_s,
                },
            ),
            alarm(
                "slow-calls",
                "Calls are slow",
                warning,
                AlarmRule::P95 {
                    above_ms: 3_000,
                    min_calls: min_calls_default(),
                    window_s: Window(300),
                },
            ),
            alarm(
                "package-use",
                "Package nearly used up",
                warning,
                AlarmRule::PackageUse {
                    above_percent: 80.0,
                    window_s,
                },
            ),
            alarm(
                "overflow",
                "Calls take the public link",
                warning,
                AlarmRule::OverflowBegins { window_s },
            ),
            alarm(
                "certificate",
                "Certificate ends soon",
                warning,
                AlarmRule::CertificateExpiring { days: 14 },
            ),
            alarm(
                "agreement",
                "Service agreement to be accepted",
                warning,
                AlarmRule::AgreementExpiring { days: 14 },
            ),
        ]
    }

    /// How long it has to hold before it is told, milliseconds.
    pub fn for_ms(&self) -> u64 {
        let for_s = self.for_s.unwrap_or_else(|| self.rule.usual_for_s());
        for_s.saturating_mul(1_000)
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        match self.name.as_str() {
            "" => &self.id,
            name => name,
        }
    }

    /// Whether a receiver is told of it.
    pub fn is_told(&self, receiver: &str) -> bool {
        let receivers = self.receivers.as_ref();
        receivers.is_none_or(|receivers| receivers.contains(receiver))
    }

    /// Whether it is quiet at this moment.
    pub fn is_quiet(&self, now_ms: u64) -> bool {
        self.quiet.iter().any(|quiet| quiet.holds(now_ms))
    }
}

// === impl QuietTime ===

impl QuietTime {
    /// Minutes of the day, and of the offset; `None` for what cannot be read.
    pub fn times(&self) -> Option<(i64, i64, i64)> {
        let offset = self.utc_offset.as_str();
        let sign = match offset.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let offset = clock(offset.get(1..)?)?;
        Some((clock(&self.from)?, clock(&self.to)?, sign * offset))
    }

    /// Whether this moment, milliseconds since 1970-01-01 UTC, is within it.
    pub fn holds(&self, now_ms: u64) -> bool {
        const DAY: i64 = 24 * 60;
        let Some((from, to, offset)) = self.times() else {
            return false;
        };
        let now = (now_ms / 60_000) as i64 + offset;
        let (day, minute) = (now.div_euclid(DAY), now.rem_euclid(DAY));
        let begins_on = |day: i64| self.days.is_empty() || self.days.contains(&Day::of(day));
        match from <= to {
            true => (from..to).contains(&minute) && begins_on(day),
            // Over midnight: it began today, or yesterday.
            false => minute >= from && begins_on(day) || minute < to && begins_on(day - 1),
        }
    }
}

/// Minutes of `hh:mm`.
fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: i64| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<i64>().ok()?;
        (digits && number < below).then_some(number)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

// === impl Day ===

impl Day {
    /// Of days since 1970-01-01, a Thursday.
    fn of(day: i64) -> Self {
        use Day::*;
        [Thu, Fri, Sat, Sun, Mon, Tue, Wed][day.rem_euclid(7) as usize]
    }
}

// === impl WebhookUrl ===

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
