//! What gateways carry, as their meters count it while it flows: the basis of bandwidth, its peaks and the forecast.
//! A long download counts in every second it takes, not in the one it ends in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_cluster::ledger::Meter;

use super::recent::SECONDS;
use super::varint;

/// Seconds of gateways in memory, all together, 48 bytes each.
const ENTRIES_MAX: usize = 300_000;

/// Over some time, of one gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Carried {
    /// On the link: up and down, heads and bodies.
    pub bytes: u64,
    /// Calls that took the link.
    pub calls: u64,
    /// Calls beyond the package, and calls relayed for other reasons.
    pub overflow_calls: u64,
    /// Bytes of those that nodes relayed.
    pub overflow_bytes: u64,
    /// The most of `bytes` in one second.
    pub peak_bytes: u64,
    /// The most of `calls` in one second.
    pub peak_calls: u64,
}

/// What is asked: seconds since 1970-01-01 UTC, `from` included, `to` not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarriedQuery {
    pub gateway: String,
    pub from_s: u64,
    pub to_s: u64,
    /// How far points are apart; each node answers with these, or with longer ones where that is all it has.
    pub step_s: u64,
}

/// One gateway's, of one node or of several put together: by second, minute or hour.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CarriedSeries {
    /// 1, 60 or 3600.
    pub step_s: u64,
    pub points: BTreeMap<u64, Carried>,
}

/// What gateways carried in the same time.
pub(super) type ByGateway = Vec<(Arc<str>, Carried)>;

/// The last hour of all gateways by second; only seconds with something in them.
#[derive(Debug, Default)]
pub(super) struct CarriedRecent {
    seconds: VecDeque<(u64, ByGateway)>,
    entries: usize,
    totals: BTreeMap<Arc<str>, Carried>,
    /// From here on everything is known.
    pub begin_s: u64,
}

// === impl Carried ===

impl Carried {
    fn totals(meter: &Meter) -> Self {
        Carried {
            bytes: meter.charged_bytes(),
            calls: meter.admitted_calls(),
            overflow_calls: meter.overflow_calls(),
            overflow_bytes: meter.overflow_bytes(),
            ..Carried::default()
        }
    }

    /// In the second between two totals.
    fn second(self, before: Self) -> Self {
        let bytes = self.bytes.saturating_sub(before.bytes);
        let calls = self.calls.saturating_sub(before.calls);
        Carried {
            bytes,
            calls,
            overflow_calls: self.overflow_calls.saturating_sub(before.overflow_calls),
            overflow_bytes: self.overflow_bytes.saturating_sub(before.overflow_bytes),
            peak_bytes: bytes,
            peak_calls: calls,
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Carried::default()
    }

    /// Another time of the same nodes: peaks are the greater one.
    pub fn then(&mut self, other: &Carried) {
        self.add(other);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        self.peak_calls = self.peak_calls.max(other.peak_calls);
    }

    /// The same time of other nodes: peaks add up, which is exact for a second, and else the most that it can be.
    pub fn beside(&mut self, other: &Carried) {
        self.add(other);
        self.peak_bytes = self.peak_bytes.saturating_add(other.peak_bytes);
        self.peak_calls = self.peak_calls.saturating_add(other.peak_calls);
    }

    fn add(&mut self, other: &Carried) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.calls = self.calls.saturating_add(other.calls);
        self.overflow_calls = self.overflow_calls.saturating_add(other.overflow_calls);
        self.overflow_bytes = self.overflow_bytes.saturating_add(other.overflow_bytes);
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        let figures = [
            self.bytes,
            self.calls,
            self.overflow_calls,
            self.overflow_bytes,
            self.peak_bytes,
            self.peak_calls,
        ];
        figures
            .into_iter()
            .for_each(|it| varint::write(&mut out, it));
        out
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        Some(Carried {
            bytes: varint::read(bytes)?,
            calls: varint::read(bytes)?,
            overflow_calls: varint::read(bytes)?,
            overflow_bytes: varint::read(bytes)?,
            peak_bytes: varint::read(bytes)?,
            peak_calls: varint::read(bytes)?,
        })
    }
}

// === impl CarriedSeries ===

impl CarriedSeries {
    /// Adds another node's. The coarser of both steps is taken.
    pub fn merge(&mut self, other: CarriedSeries) {
        if self.step_s == 0 {
            *self = other;
            return;
        }
        let step_s = self.step_s.max(other.step_s);
        let mut other = other.folded(step_s);
        *self = std::mem::take(self).folded(step_s);
        for (at_s, point) in std::mem::take(&mut other.points) {
            self.points.entry(at_s).or_default().beside(&point);
        }
    }

    /// The same with longer steps; peaks are those of the points.
    pub fn folded(self, step_s: u64) -> Self {
        if step_s <= self.step_s {
            return self;
        }
        let mut folded = CarriedSeries {
            step_s,
            points: BTreeMap::new(),
        };
        for (at_s, point) in self.points {
            let at_s = at_s / step_s * step_s;
            folded.points.entry(at_s).or_default().then(&point);
        }
        folded
    }
}

// === impl CarriedRecent ===

impl CarriedRecent {
    pub fn new(begin_s: u64) -> Self {
        CarriedRecent {
            begin_s,
            ..CarriedRecent::default()
        }
    }

    /// Ends a second: what each gateway carried in it. The meter of one that was not known before is as old as that.
    pub fn end_second<'m>(
        &mut self,
        at_s: u64,
        meters: impl Iterator<Item = (&'m str, &'m Meter)>,
    ) -> ByGateway {
        let mut carried = Vec::new();
        let mut totals = BTreeMap::new();
        for (gateway, meter) in meters {
            let now = Carried::totals(meter);
            let (name, before) = match self.totals.remove_entry(gateway) {
                Some((name, before)) => (name, before),
                None => (gateway.into(), Carried::default()),
            };
            let second = now.second(before);
            if !second.is_nothing() {
                carried.push((name.clone(), second));
            }
            totals.insert(name, now);
        }
        self.totals = totals;
        if !carried.is_empty() {
            self.entries += carried.len();
            self.seconds.push_back((at_s, carried.clone()));
        }
        self.begin_s = self.begin_s.max(at_s.saturating_sub(SECONDS));
        while let Some((oldest_s, gateways)) = self.seconds.front() {
            if *oldest_s >= self.begin_s && self.entries <= ENTRIES_MAX {
                break;
            }
            self.begin_s = self.begin_s.max(oldest_s + 1);
            self.entries -= gateways.len();
            self.seconds.pop_front();
        }
        carried
    }

    pub fn read(&self, query: &CarriedQuery) -> CarriedSeries {
        let wanted = self.seconds.iter();
        let wanted = wanted.filter(|(at_s, _)| (query.from_s..query.to_s).contains(at_s));
        let points = wanted.filter_map(|(at_s, gateways)| {
            let found = gateways
                .iter()
                .find(|(gateway, _)| **gateway == *query.gateway);
            found.map(|(_, carried)| (*at_s, *carried))
        });
        CarriedSeries {
            step_s: 1,
            points: points.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flows_is_counted_in_its_own_second_and_peaks_of_nodes_add_up_by_the_second() {
        let node = |calls: [u64; 3]| {
            let meter = Meter::new();
            let mut recent = CarriedRecent::new(100);
            assert!(
                recent
                    .end_second(100, [("shop", &*meter)].into_iter())
                    .is_empty()
            );
            for (at, calls) in calls.into_iter().enumerate() {
                meter.count_overflow(calls, 10 * calls);
                recent.end_second(101 + at as u64, [("shop", &*meter)].into_iter());
            }
            let all = CarriedQuery {
                gateway: "shop".to_owned(),
                from_s: 0,
                to_s: 1_000,
                step_s: 1,
            };
            recent.read(&all)
        };
        let mut both = node([1, 0, 3]);
        assert_eq!(both.points.keys().copied().collect::<Vec<_>>(), [101, 103]);
        both.merge(node([2, 2, 2]));
        let at = |at: u64| both.points[&at].overflow_calls;
        assert_eq!([at(101), at(102), at(103)], [3, 2, 5]);
        let folded = both.clone().folded(60);
        assert_eq!(folded.points[&60].overflow_bytes, 100);
        assert_eq!(folded.points.len(), 1);
    }

    #[test]
    fn peaks_are_the_greatest_second_of_a_time_and_the_sum_over_nodes() {
        let second = |bytes| Carried {
            bytes,
            peak_bytes: bytes,
            ..Carried::default()
        };
        let mut time = second(5);
        time.then(&second(9));
        assert_eq!((time.bytes, time.peak_bytes), (14, 9));
        time.beside(&second(3));
        assert_eq!((time.bytes, time.peak_bytes), (17, 12));
        assert_eq!(Carried::from_bytes(&time.to_bytes()), Some(time));
    }
}
