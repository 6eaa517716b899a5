//! One node's part in the mint plan: what it has heard, what it holds, what it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use weir_config::NodeId;

use super::covering::Lineage;
use super::document::{Members, Plan, PlanId};
use super::row::{Kept, MintRow};
#[cfg(test)]
use super::rules::Rules;
use super::terms::PlanTerms;

/// The mint plan as one node takes part in it. No I/O, and no clock: `now` is the time since some start of the
/// node's own, on a clock that goes on while the machine is suspended.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Planner {
    pub(super) me: NodeId,
    pub(super) incarnation: u64,
    pub(super) terms: PlanTerms,
    pub(super) begins: bool,
    /// What is on the disk: what others see, and what is acted on.
    pub(super) held: Kept,
    /// Something is on the disk.
    pub(super) remembers: bool,
    /// What the last tick asked to make durable.
    next: Option<Kept>,
    pub(super) heard: BTreeMap<NodeId, Heard>,
    /// Plans that others have seen, or that may be taken.
    pub(super) documents: BTreeMap<PlanId, Arc<Plan>>,
    /// The newest plan that anyone knows to be complete.
    pub(super) done: Option<PlanId>,
    pub(super) epoch: u64,
    pub(super) live: BTreeSet<NodeId>,
    /// Since when each member that is not live is gone.
    pub(super) gone_since: BTreeMap<NodeId, Duration>,
    pub(super) started: Duration,
    /// Counters of the last fence, with the time at which each was first published.
    pub(super) sent: VecDeque<(u64, Duration)>,
    /// Until when this node may mint under the plan it has seen.
    pub(super) lease: Option<Duration>,
    /// The newest end of a lease that this run has had.
    pub(super) leased_until: Option<Duration>,
    /// Until when this node agrees to no plan without the node.
    pub(super) promises: BTreeMap<NodeId, Duration>,
    /// This run ends: share 0.
    pub(super) leaving: bool,
    /// What an operator said is gone, until a plan says so.
    pub(super) asked: BTreeSet<NodeId>,
    /// Why no plan is proposed though one is wanted.
    pub(super) obstacle: Option<super::Obstacle>,
    #[cfg(test)]
    pub(super) rules: Rules,
}

/// The newest row of another node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Heard {
    pub row: MintRow,
    /// When its counter was first heard.
    pub taken_in: Duration,
}

/// What a tick asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// To be made durable; then call [`Planner::kept`]. If the disk refuses, do not: nothing changes then, and
    /// the next tick asks again.
    pub keep: Option<Kept>,
}

// === impl Planner ===

impl Planner {
    /// A node that starts. `incarnation` is its gossip generation, greater than any before; `kept` is what is
    /// on its disk; `begins` says that it begins a cluster: it looks for no others and remembers none.
    pub fn new(
        me: NodeId,
        incarnation: u64,
        kept: Option<Kept>,
        terms: PlanTerms,
        begins: bool,
        now: Duration,
    ) -> Self {
        let remembers = kept.is_some();
        let held = kept.unwrap_or_else(|| Kept::nothing(incarnation));
        Planner {
            me,
            incarnation,
            terms,
            begins,
            epoch: held.seen.as_ref().map_or(0, |plan| plan.id.epoch),
            done: held.known_complete(),
            held,
            remembers,
            next: None,
            heard: BTreeMap::new(),
            documents: BTreeMap::new(),
            live: BTreeSet::new(),
            gone_since: BTreeMap::new(),
            started: now,
            sent: VecDeque::new(),
            lease: None,
            leased_until: None,
            promises: BTreeMap::new(),
            leaving: false,
            asked: BTreeSet::new(),
            obstacle: None,
            #[cfg(test)]
            rules: Rules::default(),
        }
    }

    /// What is to be done: settle a plan that is complete, take a newer one, or propose one. One at a time.
    pub fn tick(&mut self, now: Duration) -> Outcome {
        self.count_gone(now);
        self.forget_the_past(now);
        self.renew_lease();
        let next = self
            .leave_now()
            .or_else(|| self.settle(now))
            .or_else(|| self.take())
            .or_else(|| {
                self.propose(now)
                    .map(|plan| self.taking(Arc::new(plan), false))
            });
        // A memory that could be lost at the next start is none: nobody plans with it.
        self.next = next.or_else(|| (!self.remembers).then(|| self.held.clone()));
        Outcome {
            keep: self.next.clone(),
        }
    }

    /// What the last tick asked to keep is on the disk.
    pub fn kept(&mut self) {
        let Some(next) = self.next.take() else {
            return;
        };
        if next.seen != self.held.seen {
            self.lease = None;
        }
        self.held = next;
        self.remembers = true;
        self.renew_lease();
        self.done = self.done.take().max(self.held.known_complete());
        if let Some(plan) = &self.held.seen {
            self.epoch = self.epoch.max(plan.id.epoch);
            self.documents.remove(&plan.id);
            let settled = self.held.complete.then_some(&plan.id);
            let all: BTreeSet<&NodeId> = plan
                .over
                .iter()
                .flat_map(|over| over.members.keys())
                .collect();
            self.asked.retain(|node| match settled {
                Some(_) => plan.seats.contains_key(node),
                None => all.contains(node) && !plan.forgotten.contains(node),
            });
        }
    }

    fn settle(&mut self, now: Duration) -> Option<Kept> {
        if self.held.complete || !self.is_complete(now) {
            return None;
        }
        Some(self.settled(self.held.clone()))
    }

    /// The same, when it is known that the plan is complete.
    fn settled(&self, mut held: Kept) -> Kept {
        held.complete = true;
        let Some(plan) = &held.seen else {
            return held;
        };
        if held.left.as_ref().is_none_or(|left| plan.id > *left) {
            held.left = None;
            held.share = plan.weight(&self.me, held.memory);
        }
        held
    }

    fn take(&mut self) -> Option<Kept> {
        let mut newest = self.documents.values().rev();
        let plan = newest.find(|plan| self.admits(plan))?.clone();
        let complete = self.done.as_ref() == Some(&plan.id);
        Some(self.taking(plan, complete))
    }

    fn admits(&self, plan: &Plan) -> bool {
        let complete = self.done.as_ref() == Some(&plan.id);
        let Some(seen) = self.lineage() else {
            return true;
        };
        #[cfg(test)]
        if !self.rules.covers && plan.id > seen.plan.id {
            return true;
        }
        seen.admits(Lineage { plan, complete })
    }

    /// What this node holds once it has taken a plan: never more than before, nothing if any plan that may be
    /// in force leaves it out.
    fn taking(&self, plan: Arc<Plan>, complete: bool) -> Kept {
        let memory = self.held.memory;
        let has = |members: &Members| members.get(&self.me) == Some(&memory);
        let within = plan.over.iter().all(|replaced| has(&replaced.members));
        #[cfg(test)]
        let within = within || !self.rules.absent_is_none;
        let most = if within {
            plan.weight(&self.me, memory)
        } else {
            0
        };
        let left = self.leaving.then(|| plan.id.clone());
        let taken = Kept {
            memory,
            share: self.held.share.min(most),
            left: left.or_else(|| self.held.left.clone()),
            seen: Some(plan),
            complete: false,
        };
        if complete { self.settled(taken) } else { taken }
    }

    /// What this node mints at most while its lease holds, of [`WHOLE`](crate::ledger::WHOLE).
    pub fn share(&self) -> u64 {
        let asked = self.next.as_ref().map_or(u64::MAX, |next| next.share);
        if self.leaving {
            0
        } else {
            self.held.share.min(asked)
        }
    }

    pub(super) fn seen(&self) -> Option<&Plan> {
        self.held.seen.as_deref()
    }

    pub(super) fn lineage(&self) -> Option<Lineage<'_>> {
        let complete = self.held.complete;
        self.seen().map(|plan| Lineage { plan, complete })
    }
}

// === impl Kept ===

impl Kept {
    /// The newest plan that this tells to be complete.
    fn known_complete(&self) -> Option<PlanId> {
        let plan = self.seen.as_ref()?;
        let complete = self.complete;
        Some(Lineage { plan, complete }.settled().clone())
    }
}
