//! What a node hears of others, and what of it still says something.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use weir_config::NodeId;

use super::document::{Plan, PlanId};
use super::planner::{Heard, Planner};
use super::row::MintRow;

/// How far ahead of every epoch known here an epoch may be. Nothing gets there but a broken node.
const EPOCH_AHEAD_MAX: u64 = 1 << 32;
/// The most plans remembered beside the node's own; the newest stay.
const DOCUMENTS_MAX: usize = 16;
/// The most nodes whose rows are remembered.
const ROWS_MAX: usize = 2 * super::MEMBERS_MAX;
// === impl Planner ===

impl Planner {
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

    pub(super) fn is_near(&self, id: &PlanId) -> bool {
        id.epoch <= self.epoch.saturating_add(EPOCH_AHEAD_MAX)
    }

    /// Who is there, as membership sees it.
    pub fn set_live(&mut self, now: Duration, live: BTreeSet<NodeId>) {
        self.live = live;
        self.live.insert(self.me.clone());
        self.count_gone(now);
    }

    pub(super) fn count_gone(&mut self, now: Duration) {
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

    /// Drops what says nothing any more.
    pub(super) fn forget_the_past(&mut self, now: Duration) {
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
