//! The times of the mint plan.

use std::time::Duration;

/// What all nodes of a cluster have alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PlanTerms {
    /// How long a node mints after it last knew itself heard. `QUOTA.md` "Crash or partition".
    pub fence: Duration,
    /// How much faster than another any node's clock may run, in percent.
    pub drift_percent: u32,
}

// === impl PlanTerms ===

impl Default for PlanTerms {
    fn default() -> Self {
        PlanTerms {
            fence: Duration::from_secs(10),
            drift_percent: 2,
        }
    }
}

impl PlanTerms {
    /// How often a node says anew that it is there.
    pub fn beat(&self) -> Duration {
        self.fence / 10
    }

    /// How long who echoed a node agrees to no plan without it: longer than that node's lease on any clock.
    pub fn promise(&self) -> Duration {
        self.fence + self.fence * self.drift_percent / 100
    }
}
