//! How long this node may mint: by the echoes of others, and its own clock alone.

use std::time::Duration;

use weir_config::NodeId;

use super::document::{Members, Plan};
use super::planner::Planner;
use super::row::Tag;

// === impl Planner ===

impl Planner {
    /// The part of the time between `from` and `to` in which this node may mint its share. Mint before each
    /// call that may change the share: this is for the share of now.
    pub fn mint_window(&self, from: Duration, to: Duration) -> Duration {
        self.lease.unwrap_or_default().min(to).saturating_sub(from)
    }

    /// Looks for newer echoes. A lease once had holds to its end, unless another plan is taken.
    pub(super) fn renew_lease(&mut self) {
        self.lease = self.lease.max(self.lease_by_echoes());
        self.leased_until = self.leased_until.max(self.lease);
    }

    /// Until when half of all plans that may be in force let this node mint, on its own clock.
    fn lease_by_echoes(&self) -> Option<Duration> {
        let plan = self.seen()?;
        let newest = self.lease_by(plan, &plan.members());
        #[cfg(test)]
        if !self.rules.lease_of_all {
            return newest;
        }
        if self.held.complete {
            return newest;
        }
        let older = plan.over.iter();
        let older = older.map(|replaced| self.lease_by(plan, &replaced.members));
        older.fold(newest, Option::min)
    }

    /// The same as far as half of these members, this node included, carry it.
    fn lease_by(&self, plan: &Plan, members: &Members) -> Option<Duration> {
        if members.get(&self.me) != Some(&self.held.memory) {
            return None;
        }
        let newest = self.sent.back().map(|(_, at)| *at);
        let echoed_at = self.echoes(plan);
        let others = members.iter().filter(|(node, _)| **node != self.me);
        let others = others.map(|(node, memory)| echoed_at(node, *memory));
        let mut heard: Vec<Duration> = others.chain([newest]).flatten().collect();
        heard.sort_unstable_by(|a, b| b.cmp(a));
        let half = members.len().div_ceil(2);
        heard.get(half - 1).map(|at| *at + self.terms.fence)
    }

    /// When this node sent the counter that a member echoed last. Echoes of nodes that have seen another plan do
    /// not count: they may have agreed to one that leaves this node out.
    pub(super) fn echoes<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Fn(&NodeId, u64) -> Option<Duration> + 'a {
        let place = plan.seats.keys().position(|member| *member == self.me);
        let sent = self.sent.iter().rev();
        let tags = sent.map(|(counter, at)| (Tag::of(self.incarnation, *counter), *at));
        let tags: Vec<(Tag, Duration)> = tags.collect();
        move |node, memory| {
            let row = &self.heard.get(node)?.row;
            let same = row.acknowledges(memory, &plan.id);
            #[cfg(test)]
            let same = same || !self.rules.echo_of_same && row.memory == memory;
            let echo = row.echoes.get(place?).filter(|_| same)?;
            let mut matching = tags.iter().filter(|(tag, _)| tag == echo);
            matching.next().map(|(_, at)| *at)
        }
    }
}
