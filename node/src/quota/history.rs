//! What a gateway used on this node in the last minutes, second by second.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_cluster::ledger::Meter;

/// Seconds that are remembered.
pub const HISTORY_SECONDS: u64 = 15 * 60;

/// Calls and bytes of some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct UsedFigures {
    /// Carried on the link: request and response, heads and bodies.
    pub bytes: u64,
    /// Calls that took the link.
    pub calls: u64,
    /// Calls beyond the package, and calls relayed over the public link for other reasons.
    pub overflow_calls: u64,
    /// Bytes of those that this node relayed.
    pub overflow_bytes: u64,
}

/// What was used lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct UseFigures {
    /// In the last whole second.
    pub last_second: UsedFigures,
    pub last_10_seconds: UsedFigures,
    pub last_minute: UsedFigures,
    pub last_5_minutes: UsedFigures,
    pub last_15_minutes: UsedFigures,
}

/// What was used in one second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SecondFigures {
    /// How many whole seconds ago it ended.
    pub seconds_ago: u64,
    #[serde(flatten)]
    pub used: UsedFigures,
}

/// The seconds in which anything was used, the oldest first; 40 bytes each, at most 15 minutes of them.
#[derive(Debug, Default)]
pub(super) struct History {
    seconds: VecDeque<(u64, UsedFigures)>,
    /// The meter's totals at the end of the last second.
    totals: UsedFigures,
}

// === impl History ===

impl History {
    /// Begins with what the meter has counted before.
    pub fn since(meter: &Meter) -> Self {
        History {
            seconds: VecDeque::new(),
            totals: totals(meter),
        }
    }

    /// Whether the meter counted anything since the last second ended.
    pub fn is_behind(&self, meter: &Meter) -> bool {
        totals(meter) != self.totals
    }

    /// Ends a second. Seconds are counted from any start; several that were not ended count as one.
    pub fn end_second(&mut self, second: u64, meter: &Meter) {
        let now = totals(meter);
        let used = now.since(self.totals);
        self.totals = now;
        if used != UsedFigures::default() {
            self.seconds.push_back((second, used));
        }
        let old = |&(at, _): &(u64, UsedFigures)| at + HISTORY_SECONDS <= second;
        while self.seconds.front().is_some_and(old) {
            self.seconds.pop_front();
        }
        if self.seconds.is_empty() {
            self.seconds = VecDeque::new();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// The sums as of a second that has ended.
    pub fn figures(&self, second: u64) -> UseFigures {
        let mut figures = UseFigures::default();
        for (at, used) in &self.seconds {
            let ago = second.saturating_sub(*at);
            for (limit, sum) in [
                (1, &mut figures.last_second),
                (10, &mut figures.last_10_seconds),
                (60, &mut figures.last_minute),
                (300, &mut figures.last_5_minutes),
                (HISTORY_SECONDS, &mut figures.last_15_minutes),
            ] {
                if ago < limit {
                    *sum = sum.plus(*used);
                }
            }
        }
        figures
    }

    /// Second by second, the oldest first; seconds without use are left out.
    pub fn seconds(&self, second: u64) -> Vec<SecondFigures> {
        let figures = |&(at, used): &(u64, UsedFigures)| SecondFigures {
            seconds_ago: second.saturating_sub(at),
            used,
        };
        self.seconds.iter().map(figures).collect()
    }
}

fn totals(meter: &Meter) -> UsedFigures {
    UsedFigures {
        bytes: meter.charged_bytes(),
        calls: meter.admitted_calls(),
        overflow_calls: meter.overflow_calls(),
        overflow_bytes: meter.overflow_bytes(),
    }
}

// === impl UsedFigures ===

impl UsedFigures {
    fn since(self, before: Self) -> Self {
        UsedFigures {
            bytes: self.bytes.saturating_sub(before.bytes),
            calls: self.calls.saturating_sub(before.calls),
            overflow_calls: self.overflow_calls.saturating_sub(before.overflow_calls),
            overflow_bytes: self.overflow_bytes.saturating_sub(before.overflow_bytes),
        }
    }

    fn plus(self, other: Self) -> Self {
        UsedFigures {
            bytes: self.bytes + other.bytes,
            calls: self.calls + other.calls,
            overflow_calls: self.overflow_calls + other.overflow_calls,
            overflow_bytes: self.overflow_bytes + other.overflow_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_summed_up_over_each_time_and_forgotten_after_the_longest() {
        let meter = Meter::new();
        let mut history = History::since(&meter);
        for second in 0..100 {
            meter.count_overflow(1, 10);
            history.end_second(second, &meter);
        }
        let figures = history.figures(99);
        let calls = |used: UsedFigures| used.overflow_calls;
        assert_eq!(calls(figures.last_second), 1);
        assert_eq!(calls(figures.last_10_seconds), 10);
        assert_eq!(calls(figures.last_minute), 60);
        assert_eq!(calls(figures.last_5_minutes), 100);
        assert_eq!(figures.last_15_minutes.overflow_bytes, 1_000);
        assert_eq!(history.seconds(99).len(), 100);

        history.end_second(99 + HISTORY_SECONDS - 1, &meter);
        assert_eq!(
            calls(history.figures(99 + HISTORY_SECONDS - 1).last_15_minutes),
            1
        );
        history.end_second(99 + HISTORY_SECONDS, &meter);
        assert!(history.is_empty(), "an idle gateway holds nothing");
    }

    #[test]
    fn what_was_counted_before_is_no_use_of_now() {
        let meter = Meter::new();
        meter.count_overflow(5, 0);
        let mut history = History::since(&meter);
        assert!(!history.is_behind(&meter));
        history.end_second(0, &meter);
        assert!(history.is_empty());
    }
}
