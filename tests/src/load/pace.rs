use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Calls a second wanted of a stream. Clones are the same pace.
#[derive(Clone, Debug)]
pub struct Pace(Arc<AtomicU64>);

/// A stream that rests looks for a new pace this often.
const RESTING: Duration = Duration::from_millis(10);

// === impl Pace ===

impl Pace {
    pub fn new(calls_per_second: f64) -> Self {
        let pace = Pace(Arc::default());
        pace.set(calls_per_second);
        pace
    }

    /// From the next call on.
    pub fn set(&self, calls_per_second: f64) {
        self.0
            .store((calls_per_second * 1_000.0) as u64, Ordering::Relaxed);
    }

    /// The time between two calls of one of `connections` connections; `Err`: rest so long, then ask again.
    pub(super) fn gap(&self, connections: usize) -> Result<Duration, Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => Err(RESTING),
            milli => Ok(Duration::from_secs_f64(
                connections as f64 * 1_000.0 / milli as f64,
            )),
        }
    }
}
