//! What the AlarmActor shows, and what outlives its incarnations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use weir_config::NodeId;

use super::actor::{AlarmActor, AlarmParts};
use super::state::State;
use crate::supervise::{Supervised, supervise};

/// The alarms of the cluster, as this node knows them. Cheap to copy.
#[derive(Clone)]
pub struct AlarmHandle {
    shared: Arc<Shared>,
    actor: Supervised<AlarmActor>,
}

/// Letters since the node started, by what became of them.
#[derive(Debug, Default)]
pub struct AlarmCounts {
    delivered: AtomicU64,
    /// Attempts that failed, those included after which another one did not.
    refused: AtomicU64,
    /// Given up: no attempt helped, or the receiver is gone.
    dropped: AtomicU64,
}

/// The state of the alarms, and who keeps it.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub state: State,
    /// Whether it is this node's turn to watch.
    pub here: bool,
}

/// Written by the actor, read by anyone.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub kept: Mutex<Kept>,
    pub counts: AlarmCounts,
}

/// The states that this node has.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of this node's own watching: in use while it has the turn, afterwards until whoever has it now has taken it.
    pub own: State,
    /// It has the turn, and has taken in what others had.
    pub watching: bool,
    /// Of the node that has the turn.
    pub copy: State,
    /// The live nodes whose states are in `own`.
    pub gathered: BTreeSet<NodeId>,
    /// Letters on their way just now.
    pub under_way: BTreeSet<String>,
}

/// What a node tells another of its states.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Told {
    /// It has the turn, and the first of the states is in use.
    pub watching: bool,
    pub states: Vec<State>,
}

// === impl AlarmHandle ===

impl AlarmHandle {
    pub fn start(arbiter: &actix::ArbiterHandle, parts: AlarmParts) -> Self {
        let shared = parts.shared.clone();
        let actor = supervise(arbiter, "AlarmActor", move || AlarmActor::new(&parts));
        AlarmHandle { shared, actor }
    }

    /// What is wrong now: as of this node's last look, or as of its last copy of another's, some seconds old at most.
    pub fn shown(&self) -> Shown {
        let kept = self.shared.kept.lock();
        Shown {
            here: kept.watching,
            state: match kept.watching {
                true => kept.own.clone(),
                false => kept.copy.clone(),
            },
        }
    }

    /// Delivered, refused attempts, dropped.
    pub fn counts(&self) -> (u64, u64, u64) {
        let counts = &self.shared.counts;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (
            of(&counts.delivered),
            of(&counts.refused),
            of(&counts.dropped),
        )
    }

    /// How often the actor was started again.
    pub fn restarts(&self) -> u64 {
        self.actor.restarts()
    }
}

// === impl AlarmCounts ===

impl AlarmCounts {
    pub(super) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, letters: usize) {
        self.dropped.fetch_add(letters as u64, Ordering::Relaxed);
    }
}

// === impl Kept ===

impl Kept {
    /// For other nodes.
    pub fn told(&self) -> Told {
        let states = [&self.own, &self.copy].into_iter();
        Told {
            watching: self.watching,
            states: states.filter(|state| state.version > 0).cloned().collect(),
        }
    }

    /// Takes what the node that has the turn told; whether it was of use.
    pub fn copied(&mut self, me: &str, holder: &str, told: Told) -> bool {
        let theirs = told.states.into_iter().find(|state| state.holder == holder);
        let Some(theirs) = theirs.filter(|_| told.watching) else {
            return false;
        };
        // What this node had in its own turn is there now, so it need not be kept for it.
        if theirs.has_all_of(me, self.own.version) {
            self.own = State::default();
        }
        self.copy = theirs;
        true
    }
}
