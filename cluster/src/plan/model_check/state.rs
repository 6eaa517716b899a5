//! The nodes, and what becomes of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use weir_config::NodeId;

use super::cluster::{Cluster, Faults, Heard, NODES_MAX};
use crate::plan::*;

const TICK: Duration = Duration::from_secs(1);
/// So many rounds it takes to settle.
const SETTLING: u32 = 6;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub nodes: Vec<Node>,
    pub now: u32,
    /// When it begins.
    pub began: u32,
    pub faults: Faults,
    /// The node that is cut off.
    pub cut: Option<usize>,
    /// The epoch of the first plan that all had settled.
    pub first: u64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// `None`: dead for ever.
    pub planner: Option<Planner>,
    pub disk: Option<Kept>,
    pub incarnation: u64,
    /// Nodes it takes to be dead though they are not; a bit each.
    pub doubts: u8,
}

fn id(n: usize) -> NodeId {
    format!("n{n}").parse().unwrap()
}

/// What a node says in one round.
struct Words {
    rows: Vec<(NodeId, MintRow)>,
    plan: Option<Arc<Plan>>,
}

fn clock(now: u32) -> Duration {
    TICK * now
}

// === impl State ===

impl State {
    pub fn new(cluster: &Cluster) -> Self {
        let nodes = cluster.settled + cluster.joining;
        let mut state = State {
            nodes: (0..nodes)
                .map(|n| Node {
                    planner: None,
                    disk: None,
                    incarnation: 1,
                    doubts: cluster.doubts[n],
                })
                .collect(),
            now: 0,
            began: 0,
            faults: cluster.faults,
            cut: None,
            first: 0,
        };
        // Doubts come later.
        let doubts = state
            .nodes
            .iter_mut()
            .map(|node| std::mem::take(&mut node.doubts));
        let doubts: Vec<u8> = doubts.collect();
        let calm = Cluster {
            durable: true,
            ..cluster.clone()
        };
        (0..cluster.settled).for_each(|n| state.start(&calm, n, Duration::ZERO));
        // They meet and settle long before.
        let all = (1 << cluster.settled) - 1;
        for _ in 0..SETTLING {
            state.round(&calm, [all; NODES_MAX]);
        }
        if cluster.cut_off_before {
            let last = cluster.settled - 1;
            state.cut = Some(last);
            for _ in 0..2 * cluster.fence + SETTLING {
                let heard = (1 << last) - 1;
                state.round(cluster, [heard; NODES_MAX]);
            }
            state.cut = None;
        }
        state.began = state.now;
        for (node, doubts) in state.nodes.iter_mut().zip(doubts) {
            node.doubts = doubts;
            if let Some(planner) = &mut node.planner {
                planner.started = Duration::ZERO;
            }
        }
        let began = clock(state.began);
        (cluster.settled..nodes).for_each(|n| state.start(&calm, n, began));
        state.first = state.newest_settled();
        state
    }

    fn start(&mut self, cluster: &Cluster, n: usize, now: Duration) {
        let terms = PlanTerms {
            fence: TICK * cluster.fence,
            drift_percent: 0,
        };
        let node = &mut self.nodes[n];
        let mut planner = Planner::new(
            id(n),
            node.incarnation,
            node.disk.clone(),
            terms,
            n == 0 && node.incarnation == 1,
            now,
        );
        planner.rules = cluster.rules;
        node.planner = Some(planner);
    }

    pub fn restart(&mut self, cluster: &Cluster, n: usize) {
        self.nodes[n].incarnation += 1;
        self.start(cluster, n, clock(self.now));
    }

    pub fn leave(&mut self, n: usize) {
        if let Some(planner) = &mut self.nodes[n].planner {
            planner.leave();
        }
    }

    pub fn hears(&self, of: usize, to: usize) -> bool {
        self.cut.is_none_or(|cut| cut != of && cut != to)
    }

    /// Whom a node takes to be there.
    fn live(&self, n: usize) -> BTreeSet<NodeId> {
        let all = 0..self.nodes.len();
        let there = |other: &usize| {
            let node = &self.nodes[*other];
            node.planner.is_some()
                && self.hears(n, *other)
                && self.nodes[n].doubts >> other & 1 == 0
        };
        // A new node is there once it has said so.
        let known = |other: &usize| {
            let planner = self.nodes[n].planner.as_ref();
            planner.is_some_and(|planner| planner.heard.contains_key(&id(*other)))
        };
        all.filter(|other| *other == n || there(other) && known(other))
            .map(id)
            .collect()
    }

    /// Does all there is to do on a node.
    fn act(&mut self, cluster: &Cluster, n: usize) {
        let now = clock(self.now);
        let live = self.live(n);
        let node = &mut self.nodes[n];
        let Some(planner) = &mut node.planner else {
            return;
        };
        planner.set_live(now, live);
        // What is only told to an operator makes no state another.
        let quiet = |planner: &mut Planner| {
            planner.leased_until = None;
            planner.obstacle = None;
        };
        while let Some(keep) = planner.tick(now).keep {
            if cluster.durable || node.disk.is_none() {
                node.disk = Some(keep);
            }
            planner.kept();
        }
        quiet(planner);
    }

    /// A round in which all say what they know, and some hear it.
    pub fn round(&mut self, cluster: &Cluster, heard: Heard) {
        self.now += 1;
        let now = clock(self.now);
        let nodes = 0..self.nodes.len();
        let said: Vec<Option<Words>> = nodes.clone().map(|n| self.say(cluster, n, now)).collect();
        for to in nodes.clone() {
            let Some(hearer) = &mut self.nodes[to].planner else {
                continue;
            };
            let hears = |of: &usize| heard[to] >> of & 1 == 1 && *of != to;
            let cut = self.cut == Some(to);
            for of in nodes.clone().filter(|of| hears(of) && !cut) {
                for (node, row) in said[of].iter().flat_map(|words| &words.rows) {
                    hearer.hear(now, node, row.clone());
                }
                if let Some(plan) = said[of].as_ref().and_then(|words| words.plan.as_ref()) {
                    hearer.hear_plan(Plan::clone(plan));
                }
            }
        }
        nodes.for_each(|n| self.act(cluster, n));
    }

    fn say(&mut self, cluster: &Cluster, n: usize, now: Duration) -> Option<Words> {
        self.act(cluster, n);
        let planner = self.nodes[n].planner.as_mut()?;
        let others = planner.heard.iter().filter(|_| cluster.relays);
        let mut rows: Vec<(NodeId, MintRow)> = others
            .map(|(node, heard)| (node.clone(), heard.row.clone()))
            .collect();
        rows.push((id(n), planner.row(now)));
        let plan = planner.document();
        Some(Words { rows, plan })
    }

    /// What each node mints at this instant.
    pub fn minted(&self) -> Vec<u64> {
        let now = clock(self.now);
        let tick = Duration::from_nanos(1);
        let planners = self.nodes.iter().map(|node| &node.planner);
        let minting = |planner: &&Planner| planner.mint_window(now, now + tick) == tick;
        planners
            .map(|planner| planner.as_ref().filter(minting).map_or(0, Planner::share))
            .collect()
    }

    /// The epoch of the newest plan that a node has settled.
    pub fn newest_settled(&self) -> u64 {
        let planners = self.nodes.iter().filter_map(|node| node.planner.as_ref());
        let done = planners.filter_map(|planner| planner.done.as_ref());
        done.map(|id| id.epoch).max().unwrap_or(0)
    }

    pub fn describe(&self) -> String {
        let nodes = self.nodes.iter().zip(self.minted());
        let text = nodes.map(|(node, minted)| match &node.planner {
            None => "dead\n".to_owned(),
            Some(planner) => format!("{minted}: {:?}\n", planner.held),
        });
        text.collect()
    }
}
