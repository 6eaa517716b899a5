//! What each node says of itself in gossip, and what it keeps on its disk.

use serde::{Deserialize, Serialize};

use super::document::{Plan, PlanId, PlanTextError};
use super::wire;
use crate::ledger::WHOLE;

/// The longest text of a row, in bytes: 1,024 members fit.
pub const MINT_ROW_MAX_BYTES: usize = 6_144;
/// The longest text that is kept: a plan, and little else.
const KEPT_MAX_BYTES: usize = 2 * super::PLAN_MAX_BYTES;

/// Stands for one counter of one incarnation in an echo. Two counters that a node still remembers have the
/// same tag once in 2^28 times.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Tag([u8; 4]);

/// The newest word of one node.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct MintRow {
    /// The gossip generation of this run of the node.
    pub incarnation: u64,
    /// The incarnation in which the node's memory began: it forgot what came before. 0 if nothing is on its
    /// disk yet.
    pub memory: u64,
    /// Goes up as time goes by; what others echo.
    pub counter: u64,
    /// The newest plan the node has seen. It is on the node's disk.
    pub seen: Option<PlanId>,
    /// The node knows that `seen` is complete.
    pub complete: bool,
    /// Every promise to nodes that `seen` leaves out has run out.
    pub agreed: bool,
    /// The node mints nothing as long as it runs.
    pub left: bool,
    /// What the node mints at most, of [`WHOLE`].
    pub share: u64,
    /// Of each member of `seen`, in their order, the newest counter this node has taken in; [`Tag::NONE`] if none.
    pub echoes: Vec<Tag>,
}

/// What a node must find again on its disk when it starts. Made durable before any of it is published: a node
/// that forgot which plan it had seen could agree to another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Kept {
    /// The incarnation in which this memory began.
    pub memory: u64,
    pub seen: Option<std::sync::Arc<Plan>>,
    pub complete: bool,
    pub share: u64,
    /// The node left when it had seen this plan: it mints only under a newer one.
    pub left: Option<PlanId>,
}

#[derive(Serialize, Deserialize)]
struct WireKept {
    memory: u64,
    seen: Option<String>,
    complete: bool,
    share: u64,
    left: Option<PlanId>,
}

// === impl Tag ===

impl Tag {
    /// Of nothing.
    pub const NONE: Tag = Tag([0; 4]);

    pub fn of(incarnation: u64, counter: u64) -> Self {
        // The finish of SplitMix64: every bit of the input changes half of the output.
        let mut mixed = incarnation.rotate_left(32) ^ counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, ..] = (mixed ^ (mixed >> 31)).to_le_bytes();
        Tag([a, b, c, d])
    }
}

// === impl MintRow ===

impl MintRow {
    /// The form in which it travels: base64.
    pub fn encode(&self) -> String {
        wire::text(self)
    }

    /// The row that a text stands for.
    ///
    /// # Errors
    /// Any text that is too long or damaged, or claims more than the whole.
    pub fn decode(text: &str) -> Result<Self, PlanTextError> {
        let row: MintRow = wire::value(text, MINT_ROW_MAX_BYTES)?;
        if row.share > WHOLE {
            return Err(PlanTextError::Unsound("a share above the whole"));
        }
        Ok(row)
    }

    /// Whether the node is a member that began with this memory, and has seen exactly this plan.
    pub(super) fn acknowledges(&self, memory: u64, plan: &PlanId) -> bool {
        self.memory == memory && self.seen.as_ref() == Some(plan)
    }
}

// === impl Kept ===

impl Kept {
    /// What a node begins with that has nothing on its disk.
    pub fn nothing(incarnation: u64) -> Self {
        Kept {
            memory: incarnation,
            seen: None,
            complete: false,
            share: 0,
            left: None,
        }
    }

    /// The form in which it is stored.
    pub fn encode(&self) -> String {
        wire::text(&WireKept {
            memory: self.memory,
            seen: self.seen.as_ref().map(|plan| plan.encode()),
            complete: self.complete,
            share: self.share,
            left: self.left.clone(),
        })
    }

    /// What a stored text stands for.
    ///
    /// # Errors
    /// Any text that is not one [`Kept::encode`] gave. The node must not begin with nothing instead: it would
    /// be a node that lost its memory. It may only if it says so, that is with a new memory.
    pub fn decode(text: &str) -> Result<Self, PlanTextError> {
        let wire: WireKept = wire::value(text, KEPT_MAX_BYTES)?;
        let seen = wire.seen.as_deref().map(Plan::decode).transpose()?;
        Ok(Kept {
            memory: wire.memory,
            seen: seen.map(std::sync::Arc::new),
            complete: wire.complete,
            share: wire.share.min(WHOLE),
            left: wire.left,
        })
    }
}
