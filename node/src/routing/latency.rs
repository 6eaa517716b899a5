//! How long the calls of one business took: a histogram of few buckets, and of each bucket a call for example.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

/// Upper bounds of the buckets, seconds, each included; one more has no bound. The last is the default deadline.
pub const BOUNDS_S: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0];
const BOUNDS_US: [u64; 10] = [
    5_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 15_000_000,
];
const BUCKETS: usize = BOUNDS_US.len() + 1;
/// A bucket's example stays so long, milliseconds, so that a busy bucket costs a counter.
const EXAMPLE_MS: u64 = 1_000;

/// The calls of one business, counted by the cores.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [Bucket; BUCKETS],
    sum_us: AtomicU64,
}

#[derive(Debug, Default)]
struct Bucket {
    calls: AtomicU64,
    /// When the next example is taken, milliseconds since 1970-01-01 UTC.
    example_from_ms: AtomicU64,
    /// Never waited for.
    example: Mutex<Option<Exemplar>>,
}

/// One call of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exemplar {
    pub call_id: Uuid,
    /// How long it took, microseconds.
    pub us: u64,
    /// When it ended, milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
}

/// What was counted of one business, or of several together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LatencyFigures {
    /// Calls of each bucket alone.
    pub buckets: [u64; BUCKETS],
    pub sum_us: u64,
    pub exemplars: [Option<Exemplar>; BUCKETS],
}

// === impl Latency ===

impl Latency {
    /// Counts a call that is over. Its id tells when it began.
    pub fn observe(&self, took: Duration, call_id: Uuid) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.partition_point(|&bound| bound < us);
        let bucket = &self.buckets[place];
        bucket.calls.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        let at_ms = began_ms(call_id).saturating_add(us / 1_000);
        if at_ms < bucket.example_from_ms.load(Ordering::Relaxed) {
            return;
        }
        if let Some(mut example) = bucket.example.try_lock() {
            bucket
                .example_from_ms
                .store(at_ms.saturating_add(EXAMPLE_MS), Ordering::Relaxed);
            *example = Some(Exemplar { call_id, us, at_ms });
        }
    }

    pub fn figures(&self) -> LatencyFigures {
        let bucket = |place: usize| &self.buckets[place];
        LatencyFigures {
            buckets: std::array::from_fn(|place| bucket(place).calls.load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
            exemplars: std::array::from_fn(|place| *bucket(place).example.lock()),
        }
    }
}

/// The first 48 bits of a UUIDv7 (RFC 9562 section 5.7).
fn began_ms(call_id: Uuid) -> u64 {
    (call_id.as_u128() >> 80) as u64
}

// === impl LatencyFigures ===

impl LatencyFigures {
    pub fn calls(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl std::ops::AddAssign<&LatencyFigures> for LatencyFigures {
    fn add_assign(&mut self, other: &LatencyFigures) {
        for (mine, other) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += other;
        }
        self.sum_us = self.sum_us.wrapping_add(other.sum_us);
        for (mine, other) in self.exemplars.iter_mut().zip(&other.exemplars) {
            let newer = |other: &&Exemplar| mine.is_none_or(|mine| mine.at_ms < other.at_ms);
            if let Some(other) = other.as_ref().filter(newer) {
                *mine = Some(*other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, n: u128) -> Uuid {
        Uuid::from_u128((u128::from(ms) << 80) | (7 << 76) | n)
    }

    #[test]
    fn a_call_is_counted_in_the_first_bucket_that_holds_it() {
        let latency = Latency::default();
        for (us, place) in [
            (0, 0),
            (5_000, 0),
            (5_001, 1),
            (20_000, 1),
            (15_000_000, 9),
            (15_000_001, 10),
        ] {
            let before = latency.figures().buckets[place];
            latency.observe(Duration::from_micros(us), id(1_000, 1));
            assert_eq!(latency.figures().buckets[place], before + 1, "{us}");
        }
        assert_eq!(latency.figures().calls(), 6);
        assert_eq!(latency.figures().sum_us, 30_030_002);
        assert!(
            BOUNDS_S
                .iter()
                .zip(BOUNDS_US)
                .all(|(s, us)| (s * 1e6).round() as u64 == us)
        );
    }

    #[test]
    fn an_example_stays_for_a_second_and_of_two_the_newer_is_shown() {
        let latency = Latency::default();
        let took = Duration::from_millis(1);
        latency.observe(took, id(10_000, 1));
        latency.observe(took, id(10_500, 2));
        let shown = |latency: &Latency| latency.figures().exemplars[0].unwrap().call_id;
        assert_eq!(shown(&latency), id(10_000, 1));
        latency.observe(took, id(11_000, 3));
        assert_eq!(shown(&latency), id(11_000, 3));
        let other = Latency::default();
        other.observe(took, id(20_000, 4));
        let mut both = latency.figures();
        both += &other.figures();
        assert_eq!(
            (both.exemplars[0].unwrap().call_id, both.calls()),
            (id(20_000, 4), 4)
        );
        let mut both = other.figures();
        both += &latency.figures();
        assert_eq!(both.exemplars[0].unwrap().call_id, id(20_000, 4));
    }
}
