//! What an operator is told of the mint plan.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_config::NodeId;

use super::document::{PlanId, Seat};
use super::planner::Planner;
use super::proposal::Obstacle;

/// The mint plan as this node knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanStatus {
    /// The newest plan this node has seen.
    pub seen: Option<PlanId>,
    /// Whether it is in force; else it waits for nodes.
    pub complete: bool,
    /// What this node mints while its lease holds, of [`WHOLE`](crate::ledger::WHOLE).
    pub share: u64,
    /// Set where the node has a share and may not mint it.
    pub fenced: Option<Fenced>,
    /// Nodes without whose word the plan is not complete.
    pub waiting_for: Vec<NodeId>,
    /// Why no plan is proposed though one is wanted.
    pub obstacle: Option<Obstacle>,
    pub members: BTreeMap<NodeId, MemberStatus>,
}

/// Why and since when a node mints nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fenced {
    /// When its lease ran out; its start if it had none.
    pub since: Duration,
    pub why: FencedWhy,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FencedWhy {
    /// It was never heard by half of the members since its start.
    NotYetHeard,
    /// Fewer than half of the members hear it, or it stood still.
    CutOff,
}

/// One member of the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberStatus {
    /// Of [`WHOLE`](crate::ledger::WHOLE).
    pub weight: u64,
    /// How old the newest word of this node is that the member has confirmed. Nothing of this node itself.
    pub echo_age: Option<Duration>,
}

// === impl Planner ===

impl Planner {
    pub fn status(&self, now: Duration) -> PlanStatus {
        let share = self.share();
        let expired = self.lease.is_none_or(|until| until <= now);
        let had = self.leased_until;
        let fenced = (share > 0 && expired).then(|| Fenced {
            since: had.unwrap_or(self.started),
            why: had.map_or(FencedWhy::NotYetHeard, |_| FencedWhy::CutOff),
        });
        let mut members = BTreeMap::new();
        if let Some(plan) = self.seen() {
            let echoed_at = self.echoes(plan);
            let member = |(node, seat): (&NodeId, &Seat)| {
                let status = MemberStatus {
                    weight: seat.weight,
                    echo_age: echoed_at(node, seat.memory).map(|at| now.saturating_sub(at)),
                };
                (node.clone(), status)
            };
            members = plan.seats.iter().map(member).collect();
        }
        PlanStatus {
            seen: self.seen().map(|plan| plan.id.clone()),
            complete: self.held.complete,
            share,
            fenced,
            waiting_for: self.waiting_for(now),
            obstacle: self.obstacle.clone(),
            members,
        }
    }
}
