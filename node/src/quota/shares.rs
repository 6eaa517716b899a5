//! What other nodes may mint, as far as this one knows the plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weir_cluster::ledger::WHOLE;
use weir_cluster::plan::Plan;
use weir_config::NodeId;

/// A node goes on under a plan for so long after another was seen: it may not have seen that one.
const BEFORE_LASTS: Duration = Duration::from_secs(60);

/// The greatest share of each node under the plans of the last minute; of everyone the whole where no plan is
/// known.
#[derive(Debug, Default)]
pub(super) struct Shares {
    plan: Option<Arc<Plan>>,
    before: BTreeMap<NodeId, u64>,
    changed_at: Duration,
}

// === impl Shares ===

impl Shares {
    /// Takes the newest plan that was seen.
    pub fn take(&mut self, plan: Option<&Arc<Plan>>, now: Duration) {
        let known = self.plan.as_ref().map(|plan| &plan.id);
        let Some(plan) = plan.filter(|plan| Some(&plan.id) != known) else {
            return;
        };
        let mut before = match self.is_recent(now) {
            true => std::mem::take(&mut self.before),
            false => BTreeMap::new(),
        };
        for (node, seat) in self.plan.iter().flat_map(|plan| &plan.seats) {
            let share = before.entry(node.clone()).or_default();
            *share = seat.weight.max(*share);
        }
        self.before = before;
        self.plan = Some(plan.clone());
        self.changed_at = now;
    }

    /// The most a node may mint, of [`WHOLE`].
    pub fn of(&self, node: &NodeId, now: Duration) -> u64 {
        let Some(plan) = &self.plan else {
            return WHOLE;
        };
        let planned = plan.seats.get(node).map_or(0, |seat| seat.weight);
        let before = self.before.get(node).filter(|_| self.is_recent(now));
        planned.max(before.copied().unwrap_or(0))
    }

    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.changed_at) < BEFORE_LASTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_counts_for_a_minute_after_the_plan_that_gave_it() {
        let (a, b): (NodeId, NodeId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let s = Duration::from_secs;
        let mut shares = Shares::default();
        assert_eq!(shares.of(&a, s(0)), WHOLE, "no plan is known");
        let plan_of = |node: &NodeId, epoch| {
            let mut plan = Plan::first(node, 1);
            plan.id.epoch = epoch;
            Arc::new(plan)
        };
        shares.take(Some(&plan_of(&a, 1)), s(10));
        assert_eq!([shares.of(&a, s(10)), shares.of(&b, s(10))], [WHOLE, 0]);
        shares.take(Some(&plan_of(&b, 2)), s(20));
        assert_eq!([shares.of(&a, s(79)), shares.of(&b, s(20))], [WHOLE, WHOLE]);
        assert_eq!(shares.of(&a, s(80)), 0);
    }
}
