//! By what figures are told apart, and how they are asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::figures::Figures;

/// The business and rule of what is counted together, because there was no room to count it apart.
pub const OTHER: &str = "other";
/// Between the parts of a key's text: no name of ours has it.
const BETWEEN: char = '\u{1f}';

/// What the calls that are counted together have in common. All of it is from the configuration or from fixed sets:
/// nothing that a client can make up.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SeriesKey {
    /// Empty: calls of no business, such as those to unknown access domains.
    pub business: Arc<str>,
    pub gateway: Arc<str>,
    /// Domain and path prefix of the URL rule; empty where none matched.
    pub rule: Arc<str>,
    /// `release`, `trial`, `develop`; empty where the call was refused before that was read.
    pub version: Arc<str>,
    /// `wx_client` …; empty as above.
    pub source: Arc<str>,
    /// `2xx` …; empty where the client went away before it was answered.
    pub status: Arc<str>,
    /// Why the call did not take the link or failed; empty where it did not.
    pub reason: Arc<str>,
    /// `link`, `relay`, `public`, `refused`.
    pub decision: Arc<str>,
}

/// By what the figures of a business or gateway can be shown apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    Business,
    /// URL rule.
    Rule,
    /// Region of the node that served the call.
    Region,
    Node,
    Version,
    Source,
    /// Status class, as `2xx`.
    Status,
    Reason,
    /// `link`, `relay`, `public`, `refused`.
    Decision,
}

/// Whose calls.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Business(String),
    Gateway(String),
    /// Everything, calls of no business too.
    All,
}

/// What is asked: seconds since 1970-01-01 UTC, `from` included, `to` not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesQuery {
    pub scope: Scope,
    pub from_s: u64,
    pub to_s: u64,
    /// Length of each point; a coarser one is taken where that is all there is.
    pub step_s: u64,
    pub by: Option<Dimension>,
    /// Only calls of this decision.
    pub decision: Option<String>,
}

/// What one node answers, and what several answer put together.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// What the points really are apart, seconds: at least what was asked.
    pub step_s: u64,
    /// Up to here everything is counted; points at or after it may still grow.
    pub complete_to_s: u64,
    /// By value of the dimension (one with an empty name where none was asked), by time.
    pub groups: BTreeMap<String, BTreeMap<u64, Packed>>,
}

/// Figures on their way between nodes: base64 of their bytes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Packed(pub Figures);

// === impl SeriesKey ===

impl SeriesKey {
    /// Everything there is no room for.
    pub fn other() -> Self {
        let empty: Arc<str> = Arc::from("");
        SeriesKey {
            business: OTHER.into(),
            gateway: OTHER.into(),
            rule: OTHER.into(),
            version: empty.clone(),
            source: empty.clone(),
            status: empty.clone(),
            reason: empty.clone(),
            decision: empty,
        }
    }

    /// The same business, without what tells its calls apart.
    pub fn other_of_business(&self) -> Self {
        SeriesKey {
            business: self.business.clone(),
            gateway: self.gateway.clone(),
            ..SeriesKey::other()
        }
    }

    pub fn is_of(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Business(business) => *self.business == **business,
            Scope::Gateway(gateway) => *self.gateway == **gateway,
            Scope::All => true,
        }
    }

    /// The value of a dimension that calls have; those of nodes are the same for all calls of one.
    pub fn value(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Business => &self.business,
            Dimension::Rule => &self.rule,
            Dimension::Version => &self.version,
            Dimension::Source => &self.source,
            Dimension::Status => &self.status,
            Dimension::Reason => &self.reason,
            Dimension::Decision => &self.decision,
            Dimension::Region | Dimension::Node => "",
        }
    }

    /// What comes after business and gateway, for the disk.
    pub(super) fn text(&self) -> String {
        let parts = [
            &*self.rule,
            &*self.version,
            &*self.source,
            &*self.status,
            &*self.reason,
            &*self.decision,
        ];
        parts.join(&BETWEEN.to_string())
    }

    pub(super) fn of_text(business: &str, gateway: &str, text: &str) -> Option<Self> {
        let mut parts = text.split(BETWEEN).map(Arc::from);
        let key = SeriesKey {
            business: business.into(),
            gateway: gateway.into(),
            rule: parts.next()?,
            version: parts.next()?,
            source: parts.next()?,
            status: parts.next()?,
            reason: parts.next()?,
            decision: parts.next()?,
        };
        parts.next().is_none().then_some(key)
    }
}

// === impl Dimension ===

impl Dimension {
    pub const ALL: [Dimension; 9] = [
        Dimension::Business,
        Dimension::Rule,
        Dimension::Region,
        Dimension::Node,
        Dimension::Version,
        Dimension::Source,
        Dimension::Status,
        Dimension::Reason,
        Dimension::Decision,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Business => "business",
            Dimension::Rule => "rule",
            Dimension::Region => "region",
            Dimension::Node => "node",
            Dimension::Version => "version",
            Dimension::Source => "source",
            Dimension::Status => "status",
            Dimension::Reason => "reason",
            Dimension::Decision => "decision",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Dimension::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl SeriesQuery ===

impl SeriesQuery {
    /// Where a moment is shown, with points so far apart; those before `from` stand at the first point.
    pub(super) fn point(&self, at_s: u64, step_s: u64) -> u64 {
        at_s / step_s * step_s
    }

    pub(super) fn group<'k>(&self, key: &'k SeriesKey) -> &'k str {
        self.by.map_or("", |by| key.value(by))
    }

    pub(super) fn wants(&self, key: &SeriesKey) -> bool {
        let decision = self.decision.as_deref();
        key.is_of(&self.scope) && decision.is_none_or(|decision| *key.decision == *decision)
    }
}

// === impl Series ===

impl Series {
    pub fn add(&mut self, group: &str, at_s: u64, figures: &Figures) {
        let points = match self.groups.get_mut(group) {
            Some(points) => points,
            None => self.groups.entry(group.to_owned()).or_default(),
        };
        points.entry(at_s).or_default().0.merge(figures);
    }

    /// Adds what another node answered to the same question. The coarser of both steps is taken.
    pub fn merge(&mut self, other: Series) {
        if self.step_s == 0 {
            *self = other;
            return;
        }
        let step_s = self.step_s.max(other.step_s);
        if step_s != self.step_s {
            let mine = std::mem::take(&mut self.groups);
            self.step_s = step_s;
            self.take(mine);
        }
        self.complete_to_s = self.complete_to_s.min(other.complete_to_s);
        self.take(other.groups);
    }

    fn take(&mut self, groups: BTreeMap<String, BTreeMap<u64, Packed>>) {
        let step_s = self.step_s.max(1);
        for (group, points) in groups {
            for (at_s, Packed(figures)) in points {
                self.add(&group, at_s / step_s * step_s, &figures);
            }
        }
    }

    /// All points of a group as one; of all groups where `group` is `None`.
    pub fn total(&self, group: Option<&str>) -> Figures {
        let mut total = Figures::default();
        let wanted = self
            .groups
            .iter()
            .filter(|(name, _)| group.is_none_or(|it| it == *name));
        for Packed(figures) in wanted.flat_map(|(_, points)| points.values()) {
            total.merge(figures);
        }
        total
    }

    /// The same with steps twice as long.
    pub(super) fn folded_twice(mut self) -> Self {
        let groups = std::mem::take(&mut self.groups);
        self.step_s = self.step_s.max(1) * 2;
        self.take(groups);
        self
    }

    /// About what this takes on its way to another node.
    pub(super) fn answer_bytes(&self) -> usize {
        let points = self.groups.values().flat_map(BTreeMap::values);
        let bytes = points.map(|Packed(figures)| figures.to_bytes().len() * 4 / 3 + 20);
        bytes.sum()
    }

    /// Keeps the groups with the most calls apart, and puts the others under [`OTHER`].
    pub(super) fn narrow(&mut self, groups_max: usize) {
        if self.groups.len() <= groups_max {
            return;
        }
        let calls = |points: &BTreeMap<u64, Packed>| -> u64 {
            points.values().map(|packed| packed.0.requests).sum()
        };
        let mut by_calls: Vec<(u64, String)> = self
            .groups
            .iter()
            .map(|(group, points)| (calls(points), group.clone()))
            .collect();
        by_calls.sort_by(|a, b| b.cmp(a));
        for (_, group) in by_calls.split_off(groups_max.saturating_sub(1)) {
            for (at_s, Packed(figures)) in self.groups.remove(&group).unwrap_or_default() {
                self.add(OTHER, at_s, &figures);
            }
        }
    }

    /// All groups under one name: for what a node has of itself only once, its name or its region.
    pub fn under(mut self, name: &str) -> Self {
        let groups = std::mem::take(&mut self.groups);
        for points in groups.into_values() {
            for (at_s, Packed(figures)) in points {
                self.add(name, at_s, &figures);
            }
        }
        self
    }
}

// === impl Packed ===

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(self.0.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).ok();
        let figures = bytes.and_then(|bytes| Figures::from_bytes(&bytes));
        let figures = figures.ok_or_else(|| serde::de::Error::custom("these are no figures"))?;
        Ok(Packed(figures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(requests: u64) -> Figures {
        Figures {
            requests,
            ..Figures::default()
        }
    }

    fn series(step_s: u64, points: &[(&str, u64, u64)]) -> Series {
        let mut series = Series {
            step_s,
            complete_to_s: 1_000,
            ..Series::default()
        };
        for (group, at_s, count) in points {
            series.add(group, *at_s, &requests(*count));
        }
        series
    }

    #[test]
    fn what_nodes_answer_is_added_up_with_the_coarser_of_their_steps() {
        let mut all = Series::default();
        all.merge(series(1, &[("a", 60, 1), ("a", 61, 2), ("b", 125, 4)]));
        let mut later = series(60, &[("a", 60, 8)]);
        later.complete_to_s = 900;
        all.merge(later);
        assert_eq!((all.step_s, all.complete_to_s), (60, 900));
        assert_eq!(all.total(Some("a")).requests, 11);
        assert_eq!(all.groups["a"].keys().collect::<Vec<_>>(), [&60]);
        assert_eq!(all.groups["b"].keys().collect::<Vec<_>>(), [&120]);
        assert_eq!(all.total(None).requests, 15);
    }

    #[test]
    fn of_many_groups_those_with_the_most_calls_stay_and_nothing_is_lost() {
        let points: Vec<(String, u64)> = (0..100).map(|at| (format!("g{at:03}"), at)).collect();
        let points: Vec<(&str, u64, u64)> = points
            .iter()
            .map(|(group, count)| (group.as_str(), 7, *count))
            .collect();
        let mut all = series(1, &points);
        all.narrow(10);
        assert_eq!(all.groups.len(), 10);
        assert_eq!(all.total(None).requests, 4_950);
        assert_eq!(all.total(Some("g099")).requests, 99);
        assert_eq!(all.total(Some(OTHER)).requests, (0..=90).sum::<u64>());
    }

    #[test]
    fn figures_travel_as_text_and_nonsense_is_refused() {
        let some = series(1, &[("a", 1, 5)]);
        let text = serde_json::to_string(&some).unwrap();
        assert_eq!(serde_json::from_str::<Series>(&text).unwrap(), some);
        assert!(serde_json::from_str::<Packed>("\"AQ\"").is_err());
    }

    #[test]
    fn a_key_comes_back_from_its_text() {
        let mut key = SeriesKey::other();
        key.reason = "package_qps".into();
        key.status = "3xx".into();
        let back = SeriesKey::of_text(&key.business, &key.gateway, &key.text());
        assert_eq!(back, Some(key));
        assert_eq!(SeriesKey::of_text("b", "g", "x"), None);
    }
}
