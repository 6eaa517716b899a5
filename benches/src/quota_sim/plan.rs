//! The mint plan's part: which share of L a node may mint, and when. The real [`Planner`], but for clusters of
//! hundreds, which have equal shares for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use weir_cluster::ledger::WHOLE;
use weir_cluster::plan::{Kept, Plan, PlanId, PlanTerms, Planner, Seat};
use weir_config::NodeId;

use super::scheme::Payload;

/// Larger clusters do not plan here: it is their tokens that are looked at.
const PLANNED_MAX: usize = 100;

/// One node's part in the plan.
pub enum Minting {
    Equal(u64),
    Planned(Box<Planner>, Duration),
}

/// Echoes alone are no reason for a new row more often than this: a lease is twenty times as long.
const ECHOED_EVERY: Duration = Duration::from_millis(500);

/// The name of a node.
pub fn name(node: usize) -> NodeId {
    format!("n-{node:04}").parse().expect("a node id")
}

/// The plan that a cluster has been running under, as each node keeps it on its disk.
pub fn kept(nodes: usize) -> Kept {
    let (weight, memory) = (WHOLE / nodes as u64, 1);
    let id = PlanId {
        epoch: 1,
        proposer: name(0),
        memory,
    };
    let seats = (0..nodes).map(|node| (name(node), Seat { weight, memory }));
    let plan = Plan {
        settled: id.clone(),
        id,
        seats: seats.collect::<BTreeMap<_, _>>(),
        over: Vec::new(),
        forgotten: BTreeSet::new(),
    };
    Kept {
        memory,
        seen: Some(Arc::new(plan)),
        complete: true,
        share: weight,
        left: None,
    }
}

// === impl Minting ===

impl Minting {
    pub fn new(node: usize, nodes: usize, generation: u32, kept: &Kept) -> Self {
        if nodes > PLANNED_MAX {
            return Minting::equal(nodes);
        }
        let (kept, terms) = (Some(kept.clone()), PlanTerms::default());
        let generation = u64::from(generation);
        let planner = Planner::new(name(node), generation, kept, terms, false, Duration::ZERO);
        Minting::Planned(Box::new(planner), Duration::ZERO)
    }

    pub fn equal(nodes: usize) -> Self {
        Minting::Equal(WHOLE / nodes as u64)
    }

    /// What may be minted now, and for how much of the time since.
    pub fn window(&self, from: Duration, to: Duration) -> (u64, Duration) {
        match self {
            Minting::Equal(share) => (*share, to - from),
            Minting::Planned(planner, _) => (planner.share(), planner.mint_window(from, to)),
        }
    }

    pub fn share(&self) -> u64 {
        match self {
            Minting::Equal(share) => *share,
            Minting::Planned(planner, _) => planner.share(),
        }
    }

    pub fn hear(&mut self, now: Duration, from: usize, row: &Payload) {
        let Minting::Planned(planner, _) = self else {
            return;
        };
        match row {
            Payload::Mint { row, .. } => planner.hear(now, &name(from), row.clone()),
            Payload::Plan { plan, .. } => planner.hear_plan(Plan::clone(plan)),
            _ => {}
        }
    }

    /// A tick among these live nodes: what is to be kept on disk, at once, and what to publish.
    pub fn tick(
        &mut self,
        now: Duration,
        live: impl Iterator<Item = usize>,
    ) -> Option<(Option<Kept>, Payload, Option<Payload>)> {
        let Minting::Planned(planner, published) = self else {
            return None;
        };
        planner.set_live(now, live.map(name).collect());
        let keep = planner.tick(now).keep;
        if keep.is_some() {
            planner.kept();
        }
        if keep.is_none() && now < *published + ECHOED_EVERY {
            return None;
        }
        *published = now;
        let row = planner.row(now);
        let bytes = row.encode().len();
        let document = planner.document().map(|plan| Payload::Plan {
            bytes: plan.encode().len(),
            plan,
        });
        Some((keep, Payload::Mint { row, bytes }, document))
    }
}
