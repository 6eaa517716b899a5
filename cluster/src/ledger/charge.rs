use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::Meter;

/// The running charge of one admitted call. Bytes are taken from what was reserved first; what was
/// reserved and did not flow is given back when the charge is dropped, as far as the purse has room.
#[derive(Debug)]
pub struct Charge {
    meter: Arc<Meter>,
    /// Bytes reserved that have not flowed; negative once more has flowed.
    reserved: AtomicI64,
}

/// The most that is counted in one step, 4 TiB: sums stay countable.
const STEP_MAX_BYTES: u64 = 1 << 42;

// === impl Charge ===

impl Charge {
    pub(super) fn new(meter: Arc<Meter>, reserved: u64) -> Self {
        Charge {
            meter,
            reserved: AtomicI64::new(reserved as i64),
        }
    }

    /// Charges bytes that have just flowed, in either direction.
    pub fn add(&self, bytes: u64) {
        let bytes = bytes.min(STEP_MAX_BYTES) as i64;
        let before = self.reserved.fetch_sub(bytes, Ordering::Relaxed);
        let uncovered = bytes - before.clamp(0, bytes);
        self.meter.flowed(bytes as u64, uncovered as u64);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let unused = u64::try_from(*self.reserved.get_mut()).unwrap_or(0);
        self.meter.finished(unused);
    }
}
