//! When a plan is complete: nobody mints more than it gives him, and nobody else mints.

use std::collections::BTreeSet;
use std::time::Duration;

use weir_config::NodeId;

use super::document::{Plan, Replaced};
use super::planner::Planner;

/// How a member of a plan that is replaced stands to the new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// It has seen the plan.
    Acknowledged,
    /// It mints nothing under the plan that is replaced, now or ever.
    Harmless,
    /// It is left out, and mints until its lease has run out.
    LeftOut,
    /// It is waited for.
    Awaited,
}

// === impl Planner ===

impl Planner {
    /// Whether the plan this node has seen is complete, as far as it has heard.
    pub(super) fn is_complete(&self, now: Duration) -> bool {
        let Some(plan) = self.seen() else {
            return false;
        };
        if self.done.as_ref() == Some(&plan.id) {
            return true;
        }
        let seats = plan.seats.iter();
        let mut members = seats.map(|(node, seat)| self.acknowledges(node, seat.memory, plan));
        members.all(|acknowledges| acknowledges)
            && plan
                .over
                .iter()
                .all(|replaced| self.is_replaced(plan, replaced, now))
    }

    fn is_replaced(&self, plan: &Plan, replaced: &Replaced, now: Duration) -> bool {
        let voters = replaced.members.iter();
        let voters = voters.filter(|(node, memory)| !plan.forgets(node, **memory));
        let (mut all, mut acknowledged, mut agreed) = (0, 0, 0);
        let (mut left_out, mut awaited) = (false, false);
        for (node, memory) in voters {
            all += 1;
            match self.standing(node, *memory, plan, replaced) {
                Standing::Acknowledged => {
                    acknowledged += 1;
                    agreed += usize::from(self.agrees(node, now));
                }
                Standing::Harmless => {}
                Standing::LeftOut => left_out = true,
                Standing::Awaited => awaited = true,
            }
        }
        #[cfg(test)]
        let agreed = if self.rules.fences {
            agreed
        } else {
            acknowledged
        };
        // Any two majorities share a member: of two plans that replace the same one, one knows of the other.
        let most = |count: usize| all == 0 || 2 * count > all;
        !awaited && most(acknowledged) && (!left_out || most(agreed))
    }

    fn standing(&self, node: &NodeId, memory: u64, plan: &Plan, replaced: &Replaced) -> Standing {
        if self.acknowledges(node, memory, plan) {
            return Standing::Acknowledged;
        }
        let (memory_now, left) = self.memory_and_leave(node);
        let reborn = memory_now.is_some_and(|now| now > memory);
        let left = memory_now == Some(memory) && left.is_some_and(|left| replaced.id <= *left);
        if reborn || left {
            Standing::Harmless
        } else if plan.has(node, memory) {
            Standing::Awaited
        } else {
            Standing::LeftOut
        }
    }

    /// Nodes without whose word the plan is not complete.
    pub(super) fn waiting_for(&self, now: Duration) -> Vec<NodeId> {
        let Some(plan) = self.seen().filter(|_| !self.held.complete) else {
            return Vec::new();
        };
        let seats = plan
            .seats
            .iter()
            .map(|(node, seat)| (node, seat.memory, false));
        let replaced = plan.over.iter().flat_map(|replaced| {
            let voters = replaced.members.iter();
            let voters = voters.filter(|(node, memory)| !plan.forgets(node, **memory));
            let open = !self.is_replaced(plan, replaced, now);
            voters.filter(move |_| open).map(move |(node, memory)| {
                let standing = self.standing(node, *memory, plan, replaced);
                (node, *memory, standing == Standing::Harmless)
            })
        });
        let awaited = seats.chain(replaced).filter(|(node, memory, harmless)| {
            let done = self.acknowledges(node, *memory, plan) && self.agrees(node, now);
            !(*harmless || done)
        });
        let awaited: BTreeSet<NodeId> = awaited.map(|(node, ..)| node.clone()).collect();
        awaited.into_iter().collect()
    }

    /// In which incarnation the node's memory began, and the plan it left under if it did.
    fn memory_and_leave(&self, node: &NodeId) -> (Option<u64>, Option<&super::PlanId>) {
        if *node == self.me {
            return (Some(self.held.memory), None);
        }
        let row = self.heard.get(node).map(|heard| &heard.row);
        let left = row.filter(|row| row.left).and_then(|row| row.seen.as_ref());
        (row.map(|row| row.memory), left)
    }

    fn acknowledges(&self, node: &NodeId, memory: u64, plan: &Plan) -> bool {
        if *node == self.me {
            return memory == self.held.memory;
        }
        let heard = self.heard.get(node);
        heard.is_some_and(|heard| heard.row.acknowledges(memory, &plan.id))
    }

    fn agrees(&self, node: &NodeId, now: Duration) -> bool {
        match *node == self.me {
            true => self.has_agreed(now),
            false => self.heard.get(node).is_some_and(|heard| heard.row.agreed),
        }
    }

    /// Whether no node that the plan leaves out can mint on a word of this one.
    pub(super) fn has_agreed(&self, now: Duration) -> bool {
        let Some(plan) = self.seen() else {
            return false;
        };
        // What it promised before it started, it has forgotten.
        let mut open = self
            .promises
            .iter()
            .filter(|(node, until)| now < **until && !plan.seats.contains_key(*node));
        now >= self.started + self.terms.promise() && open.next().is_none()
    }
}
