//! How the calls of a rising business fared on this node over the last minutes.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// How far back calls count, milliseconds.
pub const WINDOW_MS: u64 = 120_000;
/// Least time between two looks at the counters, milliseconds.
pub const SAMPLE_MS: u64 = 5_000;
/// So few calls say nothing.
pub const LEAST_CALLS: u64 = 50;
/// The samples of one window, the one just before it included.
const SAMPLES: usize = (WINDOW_MS / SAMPLE_MS) as usize + 1;

/// Calls on the link, and those of them that failed by the fault of the gateway or of the origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    pub calls: u64,
    pub errors: u64,
}

/// The calls of each rise, by the schedule's object id.
pub type CallsByRise = BTreeMap<String, Calls>;

/// A rise as it goes on now. After a pause it is another one: what was before no longer counts against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Episode {
    /// The schedule's object id.
    pub rise: String,
    /// Differs before, during and after every pause.
    pub mark: u64,
}

/// Samples of growing counters, of all rises that are on their way.
#[derive(Debug, Default)]
pub struct RecentCalls {
    rises: BTreeMap<String, Samples>,
}

#[derive(Debug)]
struct Samples {
    mark: u64,
    /// When, and what the counters said; the oldest first.
    taken: VecDeque<(u64, Calls)>,
}

// === impl Calls ===

impl Calls {
    /// The share that failed, percent; `None` where too few calls were made to tell.
    pub fn error_percent(self) -> Option<f64> {
        // What is relayed fails without being a call on the link.
        let calls = self.calls.max(self.errors);
        (calls >= LEAST_CALLS).then(|| self.errors as f64 * 100.0 / calls as f64)
    }

    fn since(self, earlier: Calls) -> Calls {
        Calls {
            calls: self.calls.saturating_sub(earlier.calls),
            errors: self.errors.saturating_sub(earlier.errors),
        }
    }
}

impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
    }
}

// === impl RecentCalls ===

impl RecentCalls {
    /// Looks at the counters of these rises, and forgets all others.
    pub fn sample(&mut self, now_ms: u64, rises: Vec<(Episode, Calls)>) {
        let mut before = std::mem::take(&mut self.rises);
        for (episode, counted) in rises {
            let known = before.remove(&episode.rise);
            let mut samples = known
                .filter(|known| known.goes_on(&episode, now_ms, counted))
                .unwrap_or_else(|| Samples::begin(episode.mark));
            samples.take(now_ms, counted);
            self.rises.insert(episode.rise, samples);
        }
    }

    /// What has become of the calls since the window began, up to what the counters say now.
    pub fn calls(&self, now: Vec<(Episode, Calls)>) -> CallsByRise {
        let calls = |(episode, counted): (Episode, Calls)| {
            let samples = self.rises.get(&episode.rise)?;
            let goes_on = samples.mark == episode.mark;
            let (_, first) = samples.taken.front().filter(|_| goes_on)?;
            Some((episode.rise, counted.since(*first)))
        };
        now.into_iter().filter_map(calls).collect()
    }
}

// === impl Samples ===

impl Samples {
    fn begin(mark: u64) -> Self {
        Samples {
            mark,
            taken: VecDeque::with_capacity(SAMPLES),
        }
    }

    /// Counters that went back are those of a business that was taken off and attached anew; a clock that went
    /// back makes the times useless.
    fn goes_on(&self, episode: &Episode, now_ms: u64, counted: Calls) -> bool {
        let last = self.taken.back();
        self.mark == episode.mark
            && last.is_some_and(|(at_ms, last)| {
                *at_ms <= now_ms && last.calls <= counted.calls && last.errors <= counted.errors
            })
    }

    fn take(&mut self, now_ms: u64, counted: Calls) {
        let window_began_ms = now_ms.saturating_sub(WINDOW_MS);
        // The newest sample from before the window says what was counted when it began.
        while self.taken.len() >= SAMPLES
            || self
                .taken
                .get(1)
                .is_some_and(|(at_ms, _)| *at_ms <= window_began_ms)
        {
            self.taken.pop_front();
        }
        self.taken.push_back((now_ms, counted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(calls: u64, errors: u64) -> Calls {
        Calls { calls, errors }
    }

    fn episode(mark: u64) -> Episode {
        Episode {
            rise: "wx1/warm".to_owned(),
            mark,
        }
    }

    /// Looks at the counters of one rise at these moments.
    fn after(samples: &[(u64, u64, Calls)]) -> Option<Calls> {
        let mut recent = RecentCalls::default();
        for (now_ms, mark, counted) in samples {
            recent.sample(*now_ms, vec![(episode(*mark), *counted)]);
        }
        let (_, mark, counted) = samples.last().copied()?;
        let calls = recent.calls(vec![(episode(mark), counted)]);
        calls.get("wx1/warm").copied()
    }

    #[test]
    fn only_the_calls_of_the_window_count() {
        let bad_long_ago = [
            (0, 0, counted(0, 0)),
            (5_000, 0, counted(1_000, 900)),
            (10_000, 0, counted(1_100, 900)),
            (WINDOW_MS + 5_000, 0, counted(1_400, 903)),
        ];
        assert_eq!(after(&bad_long_ago), Some(counted(400, 3)));
    }

    #[test]
    fn what_was_before_a_pause_does_not_count_after_it() {
        let resumed = [
            (0, 0, counted(0, 0)),
            (5_000, 0, counted(1_000, 900)),
            (10_000, 1, counted(1_000, 900)),
            (15_000, 1, counted(1_060, 901)),
        ];
        assert_eq!(after(&resumed), Some(counted(60, 1)));
    }

    #[test]
    fn what_was_counted_since_the_last_look_counts_too() {
        let mut recent = RecentCalls::default();
        recent.sample(0, vec![(episode(0), counted(10, 1))]);
        let calls = recent.calls(vec![(episode(0), counted(70, 4))]);
        assert_eq!(calls["wx1/warm"], counted(60, 3));
        let resumed = recent.calls(vec![(episode(1), counted(70, 4))]);
        assert!(resumed.is_empty(), "not looked at since");
    }

    #[test]
    fn counters_and_clocks_that_go_back_begin_a_new_window() {
        let attached_anew = [
            (0, 0, counted(500, 400)),
            (5_000, 0, counted(10, 1)),
            (10_000, 0, counted(30, 2)),
        ];
        assert_eq!(after(&attached_anew), Some(counted(20, 1)));
        let clock_set_back = [
            (900_000, 0, counted(0, 0)),
            (5_000, 0, counted(100, 100)),
            (10_000, 0, counted(130, 100)),
        ];
        assert_eq!(after(&clock_set_back), Some(counted(30, 0)));
    }

    #[test]
    fn a_window_has_a_limit_however_often_the_counters_are_looked_at() {
        let mut recent = RecentCalls::default();
        for now_ms in 0..1_000 {
            recent.sample(now_ms, vec![(episode(0), counted(now_ms, 0))]);
        }
        assert!(recent.rises["wx1/warm"].taken.len() <= SAMPLES);
        recent.sample(2_000, Vec::new());
        assert!(recent.rises.is_empty(), "a rise that is over is forgotten");
    }

    #[test]
    fn fifty_calls_are_needed_to_tell_a_share() {
        assert_eq!(counted(49, 49).error_percent(), None);
        assert_eq!(counted(50, 5).error_percent(), Some(10.0));
        assert_eq!(counted(0, 60).error_percent(), Some(100.0), "relayed calls");
    }
}
