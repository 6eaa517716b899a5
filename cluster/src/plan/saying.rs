//! What a node says of itself.

use std::sync::Arc;
use std::time::Duration;

use weir_config::NodeId;

use super::document::Plan;
use super::planner::Planner;
use super::row::{MintRow, Tag};

/// Of all that have seen a plan, so many publish it.
const PUBLISHERS: usize = 4;

// === impl Planner ===

impl Planner {
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
}
