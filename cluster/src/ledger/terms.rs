use std::time::Duration;

/// How a ledger behaves; the same on all nodes of a cluster. Why these numbers: the table in `ledger/mod.rs`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// How much of L all nodes together may have saved up, as time of L.
    pub burst: Duration,
    /// Time between two turns: the gossip interval.
    pub interval: Duration,
    /// How many intervals of its demand a node wants on hand.
    pub horizon_intervals: u32,
    /// How long what is beyond cap and target may lie untouched before it is given up.
    pub hold: Duration,
}

// === impl Terms ===

impl Terms {
    pub(super) fn horizon(&self) -> Duration {
        self.interval * self.horizon_intervals
    }
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            burst: Duration::from_secs(1),
            interval: Duration::from_millis(100),
            horizon_intervals: 3,
            hold: Duration::from_millis(400),
        }
    }
}
