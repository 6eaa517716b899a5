//! Which versions of the access config clients decide by, counted from the `x-wx-conf-version` of their calls, so
//! that an operator sees a change arrive.
//!
//! Each core counts for itself and hands over what it counted once a second: a call waits for nobody. It is what
//! clients say, and they may say anything: of each business the 16 newest versions are kept apart that are not newer
//! than its own, all others are one figure.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use weir_config::Stamp;
use weir_config::access::Route;

use crate::routing::{RoutingTable, SharedRouting};

/// Versions of one business that are counted apart.
pub const VERSIONS_KEPT: usize = 16;
/// Versions a core counts apart until it hands over.
const NOTED: usize = 64;
/// Businesses that are kept without asking whether they are still there.
const SWEEP_ABOVE: usize = 1_024;
/// How often a core hands over.
const HAND_OVER: Duration = Duration::from_secs(1);
/// Length of the periods that recent calls are counted in.
const PERIOD_MS: u64 = 60_000;

/// The counts of a node, by business.
#[derive(Debug, Default)]
pub struct ClientVersions {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    by_business: HashMap<String, Versions>,
    /// With more businesses than this, those gone from the configuration are forgotten.
    sweep_above: usize,
}

/// The counts of one business.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Versions {
    /// Newest first, at most [`VERSIONS_KEPT`].
    pub known: Vec<(Stamp, Count)>,
    /// Older ones, ones that are newer than the business's own, and what is no version.
    pub other: Count,
    /// Calls that named no version: clients without an access config.
    pub none: Count,
}

/// How many calls said one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Since the node started.
    pub calls: u64,
    /// Milliseconds since 1970-01-01 UTC; 0: never.
    pub last_at_ms: u64,
    this_period: u64,
    last_period: u64,
}

/// What a call said.
#[derive(Clone, Debug)]
enum Said {
    Version(Stamp),
    Other,
    None,
}

/// What one core counted of one business since it last handed over.
#[derive(Debug, Default)]
struct Noted {
    /// As clients wrote them.
    versions: Vec<(String, Said, u64)>,
    other: u64,
    none: u64,
}

thread_local! {
    static NOTED_HERE: RefCell<HashMap<String, Noted>> = RefCell::default();
}

/// Counts one call.
pub fn note(route: &Route, conf_version: Option<&str>) {
    NOTED_HERE.with_borrow_mut(|noted| match noted.get_mut(&route.business) {
        Some(business) => business.note(route, conf_version),
        None => {
            let mut business = Noted::default();
            business.note(route, conf_version);
            noted.insert(route.business.clone(), business);
        }
    });
}

/// Hands over what this core counts, for as long as its thread runs.
pub async fn hand_over(routing: SharedRouting) {
    loop {
        tokio::time::sleep(HAND_OVER).await;
        let noted = NOTED_HERE.take();
        if !noted.is_empty() {
            let table = routing.load();
            table.beside.clients.take(noted, now_ms(), &table);
        }
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

// === impl Noted ===

impl Noted {
    fn note(&mut self, route: &Route, conf_version: Option<&str>) {
        let Some(text) = conf_version else {
            self.none += 1;
            return;
        };
        if let Some((_, _, calls)) = self.versions.iter_mut().find(|(known, ..)| known == text) {
            *calls += 1;
            return;
        }
        let said = match text.parse::<Stamp>() {
            Ok(stamp) if stamp <= route.conf_version => Said::Version(stamp),
            _ => Said::Other,
        };
        match said {
            Said::Version(_) if self.versions.len() < NOTED => {
                self.versions.push((text.to_owned(), said, 1));
            }
            _ => self.other += 1,
        }
    }
}

// === impl ClientVersions ===

impl ClientVersions {
    /// The counts of a business; `None` where it had no call since the node started.
    pub fn of(&self, business: &str) -> Option<Versions> {
        self.counted.lock().by_business.get(business).cloned()
    }

    fn take(&self, noted: HashMap<String, Noted>, now_ms: u64, table: &RoutingTable) {
        let mut counted = self.counted.lock();
        if counted.by_business.len() > counted.sweep_above.max(SWEEP_ABOVE) {
            let stays = |id: &String| table.access.business(id).is_some();
            counted.by_business.retain(|id, _| stays(id));
            counted.sweep_above = 2 * counted.by_business.len();
        }
        for (business, noted) in noted {
            let versions = counted.by_business.entry(business).or_default();
            for (_, said, calls) in noted.versions {
                versions.add(said, calls, now_ms);
            }
            versions.add(Said::Other, noted.other, now_ms);
            versions.add(Said::None, noted.none, now_ms);
        }
    }
}

// === impl Versions ===

impl Versions {
    fn add(&mut self, said: Said, calls: u64, now_ms: u64) {
        if calls == 0 {
            return;
        }
        let stamp = match said {
            Said::None => return self.none.add(calls, now_ms),
            Said::Other => return self.other.add(calls, now_ms),
            Said::Version(stamp) => stamp,
        };
        let at = self.known.partition_point(|(known, _)| *known > stamp);
        match self.known.get_mut(at) {
            Some((known, count)) if *known == stamp => count.add(calls, now_ms),
            _ if at >= VERSIONS_KEPT => self.other.add(calls, now_ms),
            _ => {
                let mut count = Count::default();
                count.add(calls, now_ms);
                self.known.insert(at, (stamp, count));
                if let Some((_, oldest)) = self
                    .known
                    .drain(VERSIONS_KEPT.min(self.known.len())..)
                    .next()
                {
                    self.other.merge(oldest);
                }
            }
        }
    }
}

// === impl Count ===

impl Count {
    fn add(&mut self, calls: u64, now_ms: u64) {
        let recent = self.periods(now_ms);
        (self.this_period, self.last_period) = (recent.0 + calls, recent.1);
        self.calls += calls;
        self.last_at_ms = now_ms;
    }

    /// Calls of this period and of the one before it.
    fn periods(&self, now_ms: u64) -> (u64, u64) {
        match (now_ms / PERIOD_MS).saturating_sub(self.last_at_ms / PERIOD_MS) {
            0 => (self.this_period, self.last_period),
            1 => (0, self.this_period),
            _ => (0, 0),
        }
    }

    /// Calls of the last one to two minutes.
    pub fn recent(&self) -> u64 {
        self.recent_at(now_ms())
    }

    fn recent_at(&self, now_ms: u64) -> u64 {
        let (this, last) = self.periods(now_ms);
        this + last
    }

    fn merge(&mut self, other: Count) {
        self.calls += other.calls;
        self.last_at_ms = self.last_at_ms.max(other.last_at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64) -> Stamp {
        Stamp {
            wall_ms: n,
            counter: 0,
            node: "n1".parse().unwrap(),
        }
    }

    #[test]
    fn the_newest_sixteen_versions_are_counted_apart_and_no_call_is_lost() {
        let mut versions = Versions::default();
        // Oldest last, newest last: any order.
        for n in (1..=20).chain((21..=40).rev()) {
            versions.add(Said::Version(stamp(n)), 2, 1_000);
        }
        versions.add(Said::Version(stamp(40)), 1, 1_000);
        versions.add(Said::None, 5, 1_000);
        let known: Vec<u64> = versions
            .known
            .iter()
            .map(|(stamp, _)| stamp.wall_ms)
            .collect();
        assert_eq!(known, (25..=40).rev().collect::<Vec<_>>());
        assert_eq!(versions.known[0].1.calls, 3);
        assert_eq!(versions.other.calls, 2 * 24);
        assert_eq!(versions.none.calls, 5);
    }

    #[test]
    fn calls_are_recent_for_one_to_two_minutes() {
        let mut count = Count::default();
        count.add(3, 10 * PERIOD_MS + 1);
        count.add(4, 11 * PERIOD_MS - 1);
        assert_eq!(count.recent_at(11 * PERIOD_MS - 1), 7);
        count.add(1, 11 * PERIOD_MS);
        assert_eq!(count.recent_at(11 * PERIOD_MS), 8);
        assert_eq!(count.recent_at(12 * PERIOD_MS), 1);
        assert_eq!(count.recent_at(13 * PERIOD_MS), 0);
        assert_eq!(count.calls, 8);
    }
}
