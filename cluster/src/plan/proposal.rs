//! Who proposes a plan, when, and which.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weir_config::NodeId;

use super::covering::{Lineage, merge};
use super::document::{
    MEMBERS_MAX, Members, OVER_MAX, PLAN_MAX_BYTES, Plan, PlanId, Replaced, Seat,
};
use super::planner::Planner;
use crate::ledger::WHOLE;

/// Why no plan is proposed though one is wanted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Obstacle {
    /// Of a plan that would be replaced no more than half of the members are there. If those missing are gone
    /// for ever, an operator must say so.
    NoMajority { missing: Vec<NodeId> },
    /// The plan would have more than 1,024 members, take the place of more than 32 plans, or be longer than
    /// 30,000 bytes.
    TooLarge {
        members: usize,
        replaces: usize,
        bytes: usize,
    },
}

// === impl Planner ===

impl Planner {
    /// The next plan, if it is this node's to propose one and the plan can be completed as things are.
    pub(super) fn propose(&mut self, now: Duration) -> Option<Plan> {
        self.obstacle = None;
        let Some(seen) = self.held.seen.clone() else {
            let first = self.begins && self.documents.is_empty() && !self.leaving;
            return first.then(|| Plan::first(&self.me, self.held.memory));
        };
        if !self.held.complete {
            self.obstacle = self.obstacle_to(&seen);
        }
        if !self.is_proposer(&seen) || self.awaits_a_member(&seen, now) {
            return None;
        }
        let rivals = self.rivals(&seen)?;
        let wanted = self.wanted(&seen);
        let needless = rivals.is_empty() && !self.must_change(&seen, &wanted);
        if needless || wanted.is_empty() {
            return None;
        }
        let own = self.lineage();
        let lineages: Vec<Lineage<'_>> = own.into_iter().chain(rivals).collect();
        let over = merge(&lineages)?;
        let forgotten = self.forgotten(&lineages, &over);
        let plan = self.plan(wanted, over, forgotten);
        self.obstacle = self.obstacle_to(&plan);
        self.obstacle.is_none().then_some(plan)
    }

    /// The lowest live member proposes, and who was told to forget a node.
    fn is_proposer(&self, seen: &Plan) -> bool {
        let stays = |node: &NodeId| {
            let row = self.heard.get(node).map(|heard| &heard.row);
            self.live.contains(node)
                && row.is_none_or(|row| !row.left && Some(row.memory) == memory(seen, node))
        };
        let stays_outside = |node: &NodeId| {
            let row = self.heard.get(node).map(|heard| &heard.row);
            row.is_some_and(|row| !row.left && row.seen.is_some())
        };
        let lowest = seen.seats.keys().find(|node| match **node == self.me {
            true => !self.leaving && seen.has(node, self.held.memory),
            false => stays(node),
        });
        // Where no member is left, any node may say what is to be done.
        let left = || {
            self.live
                .iter()
                .find(|node| **node == self.me || stays_outside(node))
        };
        lowest.or_else(left) == Some(&self.me) || !self.asked.is_empty()
    }

    /// A member that is gone for less than a fence is not dropped, and cannot acknowledge.
    fn awaits_a_member(&self, seen: &Plan, now: Duration) -> bool {
        self.gone_since.iter().any(|(node, since)| {
            let row = self.heard.get(node).map(|heard| &heard.row);
            let never_back =
                row.is_some_and(|row| row.left || Some(row.memory) != memory(seen, node));
            let asked = never_back || self.asked.contains(node);
            !asked && now.saturating_sub(*since) < self.terms.fence
        })
    }

    /// Plans that live nodes have seen and from which this node's is not to be had. Nothing if one of them has
    /// yet to be heard.
    fn rivals(&self, seen: &Plan) -> Option<Vec<Lineage<'_>>> {
        let own = Lineage {
            plan: self.seen()?,
            complete: self.held.complete,
        };
        let mut rivals: BTreeMap<&PlanId, Lineage<'_>> = BTreeMap::new();
        for (node, heard) in &self.heard {
            let Some(id) = heard.row.seen.as_ref().filter(|id| **id != seen.id) else {
                continue;
            };
            if !self.live.contains(node) {
                continue;
            }
            match self.documents.get(id) {
                None if *id > seen.id => return None,
                None => {}
                Some(plan) => {
                    let complete = heard.row.complete || self.done.as_ref() == Some(id);
                    let rival = Lineage { plan, complete };
                    if !rival.admits(own) {
                        rivals.insert(id, rival);
                    }
                }
            }
        }
        Some(rivals.into_values().collect())
    }

    /// All live nodes that do not leave; fewer new ones at a time than stay, so that those who stay can do
    /// without the new ones if they die.
    fn wanted(&self, seen: &Plan) -> Members {
        let memory_of = |node: &NodeId| match self.heard.get(node) {
            _ if *node == self.me => (!self.leaving).then_some(self.held.memory),
            Some(heard) => (!heard.row.left && heard.row.memory > 0).then_some(heard.row.memory),
            None => memory(seen, node),
        };
        let live = self.live.iter();
        let live = live.filter_map(|node| Some((node.clone(), memory_of(node)?)));
        let (mut wanted, new): (Members, Members) =
            live.partition(|(node, memory)| seen.has(node, *memory));
        let most = match wanted.len() {
            0 => MEMBERS_MAX,
            stay => (stay - 1).max(1),
        };
        wanted.extend(new.into_iter().take(most));
        wanted
    }

    fn must_change(&self, seen: &Plan, wanted: &Members) -> bool {
        if !self.held.complete {
            // Let it be completed first, unless a member can no longer acknowledge it.
            let there = |(node, seat): (&NodeId, &Seat)| {
                let itself = self
                    .memory_now(node)
                    .is_none_or(|memory| memory == seat.memory);
                self.live.contains(node) && itself
            };
            return !seen.seats.iter().all(there) || !self.asked.is_empty();
        }
        seen.members() != *wanted || wanted.keys().any(|node| self.came_back(seen, node))
    }

    /// A member that left, and started again under the same plan, mints nothing before the next one.
    fn came_back(&self, seen: &Plan, node: &NodeId) -> bool {
        let weight = seen.seats.get(node).map_or(0, |seat| seat.weight);
        if *node == self.me {
            return self.held.share < weight;
        }
        self.heard.get(node).is_some_and(|heard| {
            let row = &heard.row;
            row.seen.as_ref() == Some(&seen.id) && row.complete && row.share < weight
        })
    }

    fn memory_now(&self, node: &NodeId) -> Option<u64> {
        match *node == self.me {
            true => Some(self.held.memory),
            false => self.heard.get(node).map(|heard| heard.row.memory),
        }
    }

    fn forgotten(&self, lineages: &[Lineage<'_>], over: &[Replaced]) -> BTreeSet<NodeId> {
        let open = lineages.iter().filter(|lineage| !lineage.complete);
        let before = open.flat_map(|lineage| lineage.plan.forgotten.iter());
        let all = before.chain(&self.asked);
        let counts = |node: &&NodeId| {
            over.iter()
                .any(|replaced| replaced.members.contains_key(*node))
        };
        all.filter(counts).cloned().collect()
    }

    fn plan(&self, wanted: Members, over: Vec<Replaced>, forgotten: BTreeSet<NodeId>) -> Plan {
        let weight = WHOLE / wanted.len() as u64;
        let seats = wanted.into_iter();
        let id = PlanId {
            epoch: self.epoch + 1,
            proposer: self.me.clone(),
            memory: self.held.memory,
        };
        Plan {
            settled: over.first().map_or(&id, |first| &first.id).clone(),
            id,
            seats: seats
                .map(|(node, memory)| (node, Seat { weight, memory }))
                .collect(),
            over,
            forgotten,
        }
    }

    /// What would keep a plan from being completed.
    fn obstacle_to(&self, plan: &Plan) -> Option<Obstacle> {
        let (members, replaces) = (plan.seats.len(), plan.over.len());
        let bytes = if self.held.seen.as_deref() == Some(plan) {
            0
        } else {
            plan.encode().len()
        };
        if members > MEMBERS_MAX || replaces > OVER_MAX || bytes > PLAN_MAX_BYTES {
            return Some(Obstacle::TooLarge {
                members,
                replaces,
                bytes,
            });
        }
        let mut missing = BTreeSet::new();
        for replaced in &plan.over {
            let voters = replaced.members.iter();
            let voters = voters.filter(|(node, memory)| !plan.forgets(node, **memory));
            let (there, gone): (Vec<_>, Vec<_>) = voters.partition(|(node, memory)| {
                let itself = self.memory_now(node).is_none_or(|now| now == **memory);
                self.live.contains(*node) && itself
            });
            if !gone.is_empty() && there.len() <= gone.len() {
                missing.extend(gone.into_iter().map(|(node, _)| node.clone()));
            }
        }
        let missing: Vec<NodeId> = missing.into_iter().collect();
        (!missing.is_empty()).then_some(Obstacle::NoMajority { missing })
    }
}

fn memory(plan: &Plan, node: &NodeId) -> Option<u64> {
    plan.seats.get(node).map(|seat| seat.memory)
}
