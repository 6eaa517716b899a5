//! The mint plan's part: which share of L each node may mint now.

use weir_cluster::ledger::WHOLE;

use super::scenario::Scenario;

/// The fence, F: a node that is gone is planned out after it.
const FENCE_US: u64 = 10_000_000;

/// A restarted node mints once others have echoed it: two rounds of gossip.
const ECHO_US: u64 = 400_000;

/// Equal shares of the members.
#[derive(Debug)]
pub struct Plan {
    stopped_us: Vec<Option<u64>>,
    mints_from_us: Vec<u64>,
}

// === impl Plan ===

impl Plan {
    pub fn new(scenario: &Scenario) -> Self {
        Plan {
            stopped_us: vec![None; scenario.nodes],
            mints_from_us: vec![0; scenario.nodes],
        }
    }

    pub fn start(&mut self, node: usize, now_us: u64) {
        if self.stopped_us[node].take().is_some() {
            self.mints_from_us[node] = now_us + ECHO_US;
        }
    }

    pub fn stop(&mut self, node: usize, now_us: u64) {
        self.stopped_us[node] = Some(now_us);
    }

    pub fn share(&self, node: usize, now_us: u64) -> u64 {
        if now_us < self.mints_from_us[node] {
            return 0;
        }
        let member = |stopped: &&Option<u64>| stopped.is_none_or(|at| now_us < at + FENCE_US);
        let members = self.stopped_us.iter().filter(member).count() as u64;
        WHOLE / members.max(1)
    }
}
