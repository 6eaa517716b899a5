//! What can happen, and what must never.

use stateright::{Model, Property};

use super::super::rules::Rules;
use super::state::State;
use crate::ledger::WHOLE;

pub const NEVER_OVER: &str = "no more than the whole is minted";
pub const SETTLED_ANEW: &str = "a newer plan is settled";

/// The cluster at the start, and how much befalls it: that bounds the search.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Nodes that have settled a plan.
    pub settled: usize,
    /// Nodes that are new.
    pub joining: usize,
    /// The last of them was cut off long before, and the others have planned without it.
    pub cut_off_before: bool,
    /// Rounds of a fence.
    pub fence: u32,
    /// How long it goes on.
    pub rounds: u32,
    pub faults: Faults,
    pub rules: Rules,
    /// For each node, as a bit each, those it takes to be dead from the start.
    pub doubts: [u8; NODES_MAX],
    /// Nodes pass on what they have heard of others.
    pub relays: bool,
    /// A node that hears another may not be heard by it.
    pub one_way: bool,
    /// Some course settles a newer plan.
    pub settles_anew: bool,
    /// Else disks forget what they are given after the first plan.
    pub durable: bool,
}

/// How often each may happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Faults {
    /// One node takes another that is there to be dead, or one that it took to be dead to be there.
    pub beliefs: u8,
    /// One node is cut off from all others; that ends for nothing.
    pub cuts: u8,
    pub restarts: u8,
    /// For ever.
    pub crashes: u8,
    pub leaves: u8,
    /// A restart with nothing on the disk.
    pub lost_disks: u8,
}

/// Who hears whom: for each node, as a bit each, the nodes it hears.
pub type Heard = [u8; NODES_MAX];

pub const NODES_MAX: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A round goes by in which these nodes hear these others.
    Round(Heard),
    Doubt(usize, usize),
    Cut(usize),
    Heal,
    Restart(usize),
    LoseDisk(usize),
    Crash(usize),
    Leave(usize),
}

// === impl Cluster ===

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let nodes = 0..state.nodes.len();
        let up = |n: usize| state.nodes[n].planner.is_some();
        let faults = &state.faults;
        for of in nodes.clone() {
            for to in nodes.clone().filter(|to| *to != of && up(of) && up(*to)) {
                if faults.beliefs > 0 && to < self.settled && of < self.settled {
                    actions.push(Action::Doubt(of, to));
                }
            }
        }
        if state.now < state.began + self.rounds {
            self.all_rounds(state, actions);
        }
        if state.cut.is_some() {
            actions.push(Action::Heal);
        }
        for n in nodes.filter(|n| up(*n)) {
            let mut may = |left: u8, action: Action| {
                if left > 0 {
                    actions.push(action);
                }
            };
            let whole = u8::from(state.cut.is_none());
            may(faults.cuts * whole, Action::Cut(n));
            may(faults.restarts, Action::Restart(n));
            may(faults.crashes, Action::Crash(n));
            may(faults.lost_disks, Action::LoseDisk(n));
            let stays = !state.nodes[n]
                .planner
                .as_ref()
                .is_some_and(|planner| planner.is_leaving());
            may(faults.leaves * u8::from(stays), Action::Leave(n));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Round(heard) => state.round(self, heard),
            Action::Doubt(of, to) => {
                state.faults.beliefs -= 1;
                state.nodes[of].doubts ^= 1 << to;
            }
            Action::Cut(n) => {
                state.faults.cuts -= 1;
                state.cut = Some(n);
            }
            Action::Heal => state.cut = None,
            Action::Restart(n) => {
                state.faults.restarts -= 1;
                state.restart(self, n);
            }
            Action::LoseDisk(n) => {
                state.faults.lost_disks -= 1;
                state.nodes[n].disk = None;
                state.restart(self, n);
            }
            Action::Crash(n) => {
                state.faults.crashes -= 1;
                state.nodes[n].planner = None;
            }
            Action::Leave(n) => {
                state.faults.leaves -= 1;
                state.leave(n);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_OVER, |_, state: &State| {
                state.minted().iter().sum::<u64>() <= WHOLE
            }),
            Property::sometimes(SETTLED_ANEW, |_, state: &State| {
                state.newest_settled() > state.first
            }),
        ]
    }
}

impl Cluster {
    /// Every way in which the nodes that are up may hear each other.
    fn all_rounds(&self, state: &State, actions: &mut Vec<Action>) {
        let nodes = 0..state.nodes.len();
        let pairs = nodes
            .clone()
            .flat_map(|a| nodes.clone().map(move |b| (a, b)));
        let up = |n: usize| state.nodes[n].planner.is_some();
        let can = |(a, b): &(usize, usize)| {
            let once = if self.one_way { a != b } else { a < b };
            once && up(*a) && up(*b) && state.hears(*a, *b)
        };
        let pairs: Vec<(usize, usize)> = pairs.filter(can).collect();
        for chosen in 0..1u32 << pairs.len() {
            let mut heard = [0; NODES_MAX];
            for (place, (a, b)) in pairs.iter().enumerate() {
                let bit = u8::from(chosen >> place & 1 == 1);
                heard[*a] |= bit << b;
                heard[*b] |= if self.one_way { 0 } else { bit << a };
            }
            actions.push(Action::Round(heard));
        }
    }
}
