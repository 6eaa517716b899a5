use std::time::Duration;

use super::Terms;
use super::mint::per_second;

/// What calls ask of a node, learned from what was offered.
///
/// An average that forgets (0.7 of it stays after one interval), and next to it what the last turn saw:
/// demand that jumps is believed by half at once, demand that falls is forgotten in a few intervals. Neither is
/// ever more than the limit: a node that was asked for twice of it must not go on as if it were.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Demand {
    average_per_second: u64,
    /// What a node makes ready for.
    expected_per_second: u64,
    offered_at: Option<Duration>,
}

/// Of a thousand of the average, what the newest interval weighs.
const NEWEST_PER_MILLE: u128 = 300;

// === impl Demand ===

impl Demand {
    /// Takes in what was offered during `elapsed`, in parts. Never expects more than `limit_per_second`.
    pub fn observe(
        &mut self,
        terms: &Terms,
        limit_per_second: u64,
        offered: u64,
        elapsed: Duration,
        now: Duration,
    ) {
        if offered > 0 {
            self.offered_at = Some(now);
        }
        let inst = per_second(offered, elapsed.max(terms.interval / 8)).min(limit_per_second);
        // A turn that came early has seen little: it weighs as much less.
        let interval = terms.interval.as_micros().max(1);
        let weight = elapsed.as_micros().min(3 * interval) * NEWEST_PER_MILLE / interval;
        let average = (u128::from(self.average_per_second) * (1_000 - weight)
            + u128::from(inst) * weight)
            / 1_000;
        self.average_per_second = average as u64;
        let quick = self.average_per_second / 2 + inst / 2;
        self.expected_per_second = self.average_per_second.max(quick).min(limit_per_second);
    }

    /// In parts.
    pub fn expected_per_second(&self) -> u64 {
        self.expected_per_second
    }

    pub fn limit(&mut self, limit_per_second: u64) {
        self.average_per_second = self.average_per_second.min(limit_per_second);
        self.expected_per_second = self.expected_per_second.min(limit_per_second);
    }

    /// Whether anything was offered in the last `time`.
    pub fn within(&self, time: Duration, now: Duration) -> bool {
        self.offered_at
            .is_some_and(|at| now.saturating_sub(at) < time)
    }
}
