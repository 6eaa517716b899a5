//! A mint plan: who mints which part of every limit, and what it takes the place of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weir_config::NodeId;

use super::wire;
use crate::ledger::WHOLE;

/// The most members of one plan.
pub const MEMBERS_MAX: usize = 1_024;
/// The most plans that one plan takes the place of.
pub const OVER_MAX: usize = 32;
/// The longest text of a plan, in bytes. A proposer proposes none that is longer.
pub const PLAN_MAX_BYTES: usize = 30_000;

/// The name of a plan, and its place in the order of all plans.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PlanId {
    /// One more than every epoch its proposer had heard of.
    pub epoch: u64,
    pub proposer: NodeId,
    /// Of the proposer: one that lost its disk may reach an epoch again, and must not name two plans alike.
    pub memory: u64,
}

/// A member's place in a plan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Seat {
    /// The part of every limit the member mints, of [`WHOLE`].
    pub weight: u64,
    /// The incarnation in which the member's memory began: a node that lost its disk is another member.
    pub memory: u64,
}

/// Members by the incarnation in which the memory of each began.
pub type Members = BTreeMap<NodeId, u64>;

/// A plan that another takes the place of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replaced {
    pub id: PlanId,
    pub members: Members,
}

/// One mint plan. Never changes; what changes is which plan is in force.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Plan {
    pub id: PlanId,
    /// The newest plan that its proposer knew to be complete; of the first plan its own id.
    pub settled: PlanId,
    pub seats: BTreeMap<NodeId, Seat>,
    /// All plans it takes the place of, the settled one first, in their order. Empty in the first plan.
    pub over: Vec<Replaced>,
    /// Nodes of which an operator said that they are gone for ever.
    pub forgotten: BTreeSet<NodeId>,
}

/// Why a text is no plan, or no row of a plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanTextError {
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error(transparent)]
    Codec(#[from] crate::codec::CodecError),
    #[error("{0} bytes of text, at most {1} are read")]
    TooLong(usize, usize),
    #[error("not a plan: {0}")]
    Unsound(&'static str),
}

// === impl PlanId ===

impl std::fmt::Display for PlanId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} by {}", self.epoch, self.proposer)
    }
}

// === impl Plan ===

impl Plan {
    /// The plan that begins a cluster: its one member mints all.
    pub fn first(node: &NodeId, memory: u64) -> Self {
        let id = PlanId {
            epoch: 1,
            proposer: node.clone(),
            memory,
        };
        let weight = WHOLE;
        Plan {
            settled: id.clone(),
            id,
            seats: BTreeMap::from([(node.clone(), Seat { weight, memory })]),
            over: Vec::new(),
            forgotten: BTreeSet::new(),
        }
    }

    pub fn members(&self) -> Members {
        let seats = self.seats.iter();
        seats
            .map(|(node, seat)| (node.clone(), seat.memory))
            .collect()
    }

    /// What a member mints under this plan, of [`WHOLE`]; nothing for anyone else.
    pub fn weight(&self, node: &NodeId, memory: u64) -> u64 {
        let seat = self.seats.get(node).filter(|seat| seat.memory == memory);
        seat.map_or(0, |seat| seat.weight)
    }

    pub fn has(&self, node: &NodeId, memory: u64) -> bool {
        self.seats
            .get(node)
            .is_some_and(|seat| seat.memory == memory)
    }

    /// Whether this plan says that it takes the place of `id`.
    pub fn replaces(&self, id: &PlanId) -> bool {
        self.over.iter().any(|replaced| replaced.id == *id)
    }

    /// Whether an operator said of this member of a plan before that it is gone. One that lost its disk and
    /// came back is another member.
    pub fn forgets(&self, node: &NodeId, memory: u64) -> bool {
        self.forgotten.contains(node) && !self.has(node, memory)
    }

    /// The form in which it travels: base64, at most [`PLAN_MAX_BYTES`] if the proposer keeps to it.
    pub fn encode(&self) -> String {
        wire::plan_text(self)
    }

    /// The plan that a text stands for.
    ///
    /// # Errors
    /// Any text that is too long, damaged, or stands for a plan that cannot be.
    pub fn decode(text: &str) -> Result<Self, PlanTextError> {
        wire::plan_of(text)
    }

    /// What no plan of a sound proposer violates.
    pub(super) fn check(&self) -> Result<(), PlanTextError> {
        let sound = |held: bool, what| held.then_some(()).ok_or(PlanTextError::Unsound(what));
        let total = self
            .seats
            .values()
            .try_fold(0u64, |sum, seat| sum.checked_add(seat.weight));
        let small = |members: &Members| (1..=MEMBERS_MAX).contains(&members.len());
        sound(small(&self.members()), "1 to 1,024 members")?;
        sound(
            total.is_some_and(|total| total <= WHOLE),
            "weights above the whole",
        )?;
        sound(self.id.epoch > 0, "epoch 0")?;
        sound(
            self.forgotten.len() <= MEMBERS_MAX,
            "too many forgotten nodes",
        )?;
        sound(self.over.len() <= OVER_MAX, "it replaces too many plans")?;
        sound(
            self.over.iter().all(|replaced| small(&replaced.members)),
            "an empty plan is replaced",
        )?;
        let ordered = self.over.windows(2).all(|pair| pair[0].id < pair[1].id);
        sound(ordered, "the plans it replaces are out of order")?;
        match (self.over.first(), self.over.last()) {
            (Some(first), Some(last)) => {
                sound(
                    first.id == self.settled,
                    "it does not replace the settled plan",
                )?;
                sound(last.id < self.id, "it replaces a newer plan")
            }
            _ => sound(self.settled == self.id, "it replaces nothing"),
        }
    }
}
