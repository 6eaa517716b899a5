//! Bytes over time, as the one who counts them saw them.

use std::time::Duration;

/// Width of a slot. Finer than any window the ledger is judged by.
pub const SLOT: Duration = Duration::from_millis(50);

/// Bytes by slot of time since the load began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Series(Vec<u64>);

// === impl Series ===

impl Series {
    pub fn add(&mut self, at: Duration, bytes: u64) {
        let slot = (at.as_millis() / SLOT.as_millis()) as usize;
        if self.0.len() <= slot {
            self.0.resize(slot + 1, 0);
        }
        self.0[slot] += bytes;
    }

    pub fn merge(&mut self, other: &Series) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(sum, more)| *sum += more);
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Bytes of the whole slots between two moments.
    pub fn between(&self, from: Duration, to: Duration) -> u64 {
        let slot = |at: Duration| (at.as_millis() / SLOT.as_millis()) as usize;
        self.0
            .iter()
            .skip(slot(from))
            .take(slot(to) - slot(from))
            .sum()
    }

    /// Bytes a second between two moments.
    pub fn rate(&self, from: Duration, to: Duration) -> f64 {
        self.between(from, to) as f64 / (to - from).as_secs_f64()
    }

    /// The most that any window of time carries beyond what `limit` bytes a second allow it, in bytes: rule 1
    /// of the ledger is a bound on exactly this.
    pub fn excess(&self, limit: u64) -> f64 {
        let allowed = limit as f64 * SLOT.as_secs_f64();
        let (mut best, mut running) = (0.0_f64, 0.0_f64);
        for &bytes in &self.0 {
            running = (running + bytes as f64 - allowed).max(0.0);
            best = best.max(running);
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excess_is_that_of_the_worst_window() {
        let mut series = Series::default();
        // 1,000 bytes a second allow 50 a slot.
        for (slot, bytes) in [50, 50, 250, 150, 0, 0, 0, 0, 0, 0, 0, 90]
            .into_iter()
            .enumerate()
        {
            series.add(SLOT * slot as u32, bytes);
        }
        assert_eq!(series.excess(1_000), 300.0);
        assert_eq!(series.total(), 590);
        assert_eq!(series.between(SLOT * 2, SLOT * 4), 400);
        assert_eq!(series.rate(SLOT * 2, SLOT * 4), 4_000.0);
    }
}
