//! One node's part in the mint plan: what it has heard, what it holds, what it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use weir_config::NodeId;

use super::covering::Lineage;
use super::document::{Members, Plan, PlanId};
use super::row::{Kept, MintRow, Tag};
#[cfg(test)]
use super::rules::Rules;
use super::terms::PlanTerms;

/// How far ahead of every epoch known here an epoch may be. Nothing gets there but a broken node.
const EPOCH_AHEAD_MAX: u64 = 1 << 32;
/// The most plans remembered beside the node's own; the newest stay.
const DOCUMENTS_MAX: usize = 16;
/// The most nodes whose rows are remembered.
const ROWS_MAX: usize = 2 * super::MEMBERS_MAX;
/// Of all that have seen a plan, so many publish it.
const PUBLISHERS: usize = 4;

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
    remembers: bool,
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
            leased_until: None,
            promises: BTreeMap::new(),
            leaving: false,
            asked: BTreeSet::new(),
            obstacle: None,
            #[cfg(test)]
            rules: Rules::default(),
        }
    }

    /// The newest row of another node. Rows that come late, or twice, change nothing.
    pub fn hear(&mut self, now: Duration, from: &NodeId, row: MintRow) {
        if *from == self.me || !row.seen.as_ref().is_none_or(|id| self.is_near(id)) {
            return;
        }
        if !self.heard.contains_key(from) && self.heard.len() >= ROWS_MAX {
            self.heard.retain(|node, _| self.live.contains(node));
            if self.heard.len() >= ROWS_MAX {
                return;
            }
        }
        let before = self.heard.get(from);
        if before.is_some_and(|heard| heard.row.is_newer_than(&row)) {
            return;
        }
        let same = |heard: &&Heard| {
            (heard.row.incarnation, heard.row.counter) == (row.incarnation, row.counter)
        };
        let taken_in = before.filter(same).map_or(now, |heard| heard.taken_in);
        if let Some(seen) = &row.seen {
            self.epoch = self.epoch.max(seen.epoch);
            if row.complete {
                self.done = self.done.take().max(Some(seen.clone()));
            }
        }
        self.heard.insert(from.clone(), Heard { row, taken_in });
    }

    /// A plan that another node published.
    pub fn hear_plan(&mut self, plan: Plan) {
        if !self.is_near(&plan.id) || self.seen().is_some_and(|seen| seen.id == plan.id) {
            return;
        }
        self.epoch = self.epoch.max(plan.id.epoch);
        self.done = self.done.take().max(Some(plan.settled.clone()));
        self.documents
            .entry(plan.id.clone())
            .or_insert_with(|| Arc::new(plan));
        while self.documents.len() > DOCUMENTS_MAX {
            self.documents.pop_first();
        }
    }

    fn is_near(&self, id: &PlanId) -> bool {
        id.epoch <= self.epoch.saturating_add(EPOCH_AHEAD_MAX)
    }

    /// Who is there, as membership sees it.
    pub fn set_live(&mut self, now: Duration, live: BTreeSet<NodeId>) {
        self.live = live;
        self.live.insert(self.me.clone());
        self.count_gone(now);
    }

    fn count_gone(&mut self, now: Duration) {
        self.live.insert(self.me.clone());
        let asked = std::mem::take(&mut self.asked);
        self.asked = asked
            .into_iter()
            .filter(|node| !self.is_there(node))
            .collect();
        let members = self.held.seen.iter().flat_map(|plan| plan.seats.keys());
        let gone = members.filter(|node| !self.live.contains(*node));
        let since = |node: &NodeId| self.gone_since.get(node).copied().unwrap_or(now);
        self.gone_since = gone.map(|node| (node.clone(), since(node))).collect();
    }

    /// What is to be done: settle a plan that is complete, take a newer one, or propose one. One at a time.
    pub fn tick(&mut self, now: Duration) -> Outcome {
        self.count_gone(now);
        self.forget_the_past(now);
        self.leased_until = self.leased_until.max(self.lease_until());
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
        self.held = next;
        self.remembers = true;
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

    fn leave_now(&mut self) -> Option<Kept> {
        let seen = self.seen()?.id.clone();
        let left = self.held.left.as_ref() == Some(&seen) && self.held.share == 0;
        (self.leaving && !left).then(|| Kept {
            share: 0,
            left: Some(seen),
            ..self.held.clone()
        })
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

    /// Drops what says nothing any more.
    fn forget_the_past(&mut self, now: Duration) {
        self.promises.retain(|_, until| *until > now);
        let seen = self.held.seen.as_ref().map(|plan| &plan.id);
        let said: BTreeSet<&PlanId> = self
            .heard
            .values()
            .filter_map(|heard| heard.row.seen.as_ref())
            .collect();
        self.documents
            .retain(|id, _| Some(id) > seen || said.contains(id));
    }

    /// What to publish now under the key `mint`.
    pub fn row(&mut self, now: Duration) -> MintRow {
        let elapsed = now.saturating_sub(self.started).as_millis();
        let counter = 1 + elapsed as u64 / self.terms.beat().as_millis().max(1) as u64;
        if self.sent.back().is_none_or(|(sent, _)| *sent < counter) {
            self.sent.push_back((counter, now));
        }
        let old = |at: Duration| now.saturating_sub(at) > self.terms.fence;
        while self.sent.len() > 1 && old(self.sent[0].1) {
            self.sent.pop_front();
        }
        let seen = self.held.seen.clone();
        let echoes = seen.iter().flat_map(|plan| &plan.seats);
        let echoes = echoes
            .map(|(node, seat)| self.echo(node, seat.memory))
            .collect();
        MintRow {
            incarnation: self.incarnation,
            memory: if self.remembers { self.held.memory } else { 0 },
            counter: self.sent.back().map_or(0, |(sent, _)| *sent),
            complete: self.held.complete,
            agreed: self.has_agreed(now),
            left: self.has_put_down_its_share(),
            share: self.share(),
            seen: seen.map(|plan| plan.id.clone()),
            echoes,
        }
    }

    /// Echoes the newest counter of a member, and promises what goes with it.
    fn echo(&mut self, node: &NodeId, memory: u64) -> Tag {
        let heard = self
            .heard
            .get(node)
            .filter(|heard| heard.row.memory == memory);
        let Some(heard) = heard else {
            return Tag::NONE;
        };
        let until = heard.taken_in + self.terms.promise();
        let promised = self.promises.entry(node.clone()).or_insert(until);
        *promised = until.max(*promised);
        Tag::of(heard.row.incarnation, heard.row.counter)
    }

    /// What to publish now under the key `plan`: a few of those that have seen a plan do it for all of them.
    pub fn document(&self) -> Option<Arc<Plan>> {
        let plan = self.held.seen.as_ref()?;
        let has_seen = |node: &&NodeId| {
            let row = self.heard.get(*node).map(|heard| &heard.row);
            row.is_some_and(|row| row.seen.as_ref() == Some(&plan.id))
        };
        let before = self.live.iter().take_while(|node| **node < self.me);
        let publishes = before.filter(has_seen).count() < PUBLISHERS || plan.id.proposer == self.me;
        publishes.then(|| plan.clone())
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

    fn has_put_down_its_share(&self) -> bool {
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
    fn is_there(&self, node: &NodeId) -> bool {
        let row = self.heard.get(node).map(|heard| heard.row.memory);
        let (live, now) = match *node == self.me {
            true => (true, Some(self.held.memory)),
            false => (self.live.contains(node), row),
        };
        live && now.is_none_or(|now| self.memories_of(node).all(|memory| memory == now))
    }

    fn memories_of(&self, node: &NodeId) -> impl Iterator<Item = u64> {
        let lineage = self.lineage().into_iter();
        let all = lineage.flat_map(|lineage| lineage.replaced());
        all.filter_map(|replaced| replaced.members.get(node).copied())
    }

    pub(super) fn seen(&self) -> Option<&Plan> {
        self.held.seen.as_deref()
    }

    pub(super) fn lineage(&self) -> Option<Lineage<'_>> {
        let complete = self.held.complete;
        self.seen().map(|plan| Lineage { plan, complete })
    }
}

// === impl MintRow ===

impl MintRow {
    /// The order in which one node says its rows.
    fn is_newer_than(&self, other: &Self) -> bool {
        let order = |row: &Self| {
            (
                row.incarnation,
                row.counter,
                row.seen.clone(),
                row.complete,
                row.agreed,
            )
        };
        order(self) > order(other)
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
