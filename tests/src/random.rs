//! Chance that can be had again: the same seed, the same choices.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// SplitMix64, enough to choose nodes and moments by.
#[derive(Clone, Debug)]
pub struct Random(u64);

// === impl Random ===

impl Random {
    /// By `WEIR_TEST_SEED`, or by the time; prints which, so that a failure can be tried again.
    pub fn seeded() -> Self {
        let given = std::env::var("WEIR_TEST_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(1, |now| u64::from(now.subsec_nanos()) ^ now.as_secs())
        });
        println!("seed {seed} (again with WEIR_TEST_SEED={seed})");
        Random(seed)
    }

    /// By a seed that does not change.
    pub fn of(seed: u64) -> Self {
        Random(seed)
    }

    /// Another line of chance, for a task of its own.
    pub fn fork(&mut self) -> Self {
        Random(self.number())
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.number() % count as u64).expect("less than a usize")
    }

    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.number() % (range.end - range.start))
    }
}
