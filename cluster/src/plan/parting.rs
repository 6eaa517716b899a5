//! Nodes that leave, and nodes that an operator says are gone.

use weir_config::NodeId;

use super::covering::Lineage;
use super::planner::Planner;
use super::row::Kept;

/// Why a node cannot be forgotten.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ForgetError {
    #[error("`{0}` is not in the mint plan: there is nothing to forget")]
    Unknown(NodeId),
    #[error(
        "`{0}` is live: while it may mint, to forget it would let the cluster use more than its packages. Stop it first"
    )]
    Live(NodeId),
}

// === impl Planner ===

impl Planner {
    pub(super) fn leave_now(&mut self) -> Option<Kept> {
        let seen = self.seen()?.id.clone();
        let left = self.held.left.as_ref() == Some(&seen) && self.held.share == 0;
        (self.leaving && !left).then(|| Kept {
            share: 0,
            left: Some(seen),
            ..self.held.clone()
        })
    }

    /// Gives the share up for as long as this node runs. Others mint it once they have planned without it.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Whether all that leaving takes is done: the others no longer count on this node, or there are none.
    pub fn has_left(&self) -> bool {
        let Some(plan) = self.seen() else {
            return self.leaving;
        };
        let out = self.held.complete && !plan.has(&self.me, self.held.memory);
        let alone = self.live.iter().all(|node| *node == self.me);
        self.leaving && self.has_put_down_its_share() && (out || alone)
    }

    pub(super) fn has_put_down_its_share(&self) -> bool {
        let seen = self.held.seen.as_ref().map(|plan| &plan.id);
        self.leaving && self.held.share == 0 && self.held.left.as_ref() == seen
    }

    /// Plans without a node that an operator says is gone for ever. If it is not, but only cut off, both sides
    /// mint its share until they meet.
    ///
    /// # Errors
    /// The node is live, or in no plan.
    pub fn forget(&mut self, node: &NodeId) -> Result<(), ForgetError> {
        if self.memories_of(node).next().is_none() {
            return Err(ForgetError::Unknown(node.clone()));
        }
        if self.is_there(node) {
            return Err(ForgetError::Live(node.clone()));
        }
        self.asked.insert(node.clone());
        Ok(())
    }

    /// Whether a member is live and no other. One that is back without its memory is another; then it is what
    /// it was that is gone.
    pub(super) fn is_there(&self, node: &NodeId) -> bool {
        let row = self.heard.get(node).map(|heard| heard.row.memory);
        let (live, now) = match *node == self.me {
            true => (true, Some(self.held.memory)),
            false => (self.live.contains(node), row),
        };
        live && now.is_none_or(|now| self.memories_of(node).all(|memory| memory == now))
    }

    /// As which members a node is known, in the plan this node has seen and in those of others.
    fn memories_of(&self, node: &NodeId) -> impl Iterator<Item = u64> {
        let others = self.documents.values().map(|plan| Lineage {
            plan,
            complete: false,
        });
        let all = self.lineage().into_iter().chain(others);
        let all = all.flat_map(|lineage| lineage.replaced());
        all.filter_map(|replaced| replaced.members.get(node).copied())
    }
}
