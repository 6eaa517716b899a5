use super::EXPECTED_CALL_MAX_BYTES;

/// What a call of a gateway weighs, learned from those that are over: `Hints::expected_call_bytes`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct CallSize {
    /// In 1/256 bytes, so that small changes are not rounded away.
    average: u64,
    charged_bytes: u64,
    finished_calls: u64,
}

/// Calls after which the average has forgotten two thirds of what was before.
const MEMORY_CALLS: u64 = 64;

// === impl CallSize ===

impl CallSize {
    /// Takes in the meter's totals, as they are now.
    pub fn observe(&mut self, charged_bytes: u64, finished_calls: u64) {
        let calls = finished_calls.saturating_sub(self.finished_calls);
        if calls == 0 {
            return;
        }
        let bytes = charged_bytes.saturating_sub(self.charged_bytes);
        let inst = (bytes / calls).min(EXPECTED_CALL_MAX_BYTES) * 256;
        let weight = calls.min(MEMORY_CALLS);
        self.average = match self.finished_calls {
            0 => inst,
            _ => (self.average * (MEMORY_CALLS - weight) + inst * weight) / MEMORY_CALLS,
        };
        self.charged_bytes = charged_bytes;
        self.finished_calls = finished_calls;
    }

    /// At most 64 KiB; 0 until a call is over.
    pub fn expected_bytes(&self) -> u64 {
        self.average / 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_size_follows_the_calls_and_stays_below_its_limit() {
        let mut size = CallSize::default();
        assert_eq!(size.expected_bytes(), 0);
        size.observe(4_000, 1);
        assert_eq!(size.expected_bytes(), 4_000);
        // A download that is still under way weighs nothing yet.
        size.observe(9_000, 1);
        assert_eq!(size.expected_bytes(), 4_000);
        (2..1_000).for_each(|n| size.observe(4_000 + n * 1_000_000, n));
        assert!(size.expected_bytes() > EXPECTED_CALL_MAX_BYTES * 99 / 100);
        assert!(size.expected_bytes() <= EXPECTED_CALL_MAX_BYTES);
    }
}
