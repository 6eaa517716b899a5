//! What a replica is told, and what it asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_config::digest::Buckets;
use weir_config::history::Retention;
use weir_config::{NodeId, Record, Stamp};

use super::VersionName;

/// What a replica begins with, besides what is on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplicaOptions {
    pub retention: Retention,
    /// [`Effect::CaughtUp`] was stored here before. A node that has not caught up takes objects of any age;
    /// afterwards an unknown object that is older than tombstones are kept may be the ghost of a deleted one.
    pub caught_up: bool,
}

/// What a write of this node's own has made.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Written {
    /// To be stored durably, before anything else. Empty where the change was.
    pub records: Vec<Record>,
    /// To be done once they are, in this order.
    pub effects: Vec<Effect>,
}

/// What has happened outside.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Gossip shows what a live peer has.
    PeerDigest { peer: NodeId, buckets: Buckets },
    /// The answer to [`Effect::AskStamps`].
    PeerStamps {
        peer: NodeId,
        /// The buckets as they were asked for.
        buckets: Vec<u8>,
        stamps: Vec<VersionName>,
    },
    /// The answer to [`Effect::Pull`].
    Records {
        peer: NodeId,
        /// This node's wall clock, milliseconds since 1970-01-01 UTC.
        now_ms: u64,
        records: Vec<Record>,
    },
    /// A peer sent versions it has just written.
    Push {
        peer: NodeId,
        /// This node's wall clock, milliseconds since 1970-01-01 UTC.
        now_ms: u64,
        records: Vec<Record>,
    },
    /// The answer to [`Effect::Push`]: what the peer has stored of it.
    Pushed { peer: NodeId, stamps: Vec<Stamp> },
    /// Time passes: about once a minute.
    Tick {
        /// This node's wall clock, milliseconds since 1970-01-01 UTC.
        now_ms: u64,
    },
    /// The request under way to this peer got no answer.
    Failed { peer: NodeId },
    /// The peer is dead or has left: forget what it had.
    PeerGone { peer: NodeId },
}

/// What is to be done outside, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    AskStamps {
        peer: NodeId,
        buckets: Vec<u8>,
    },
    Pull {
        peer: NodeId,
        versions: Vec<VersionName>,
    },
    /// Store durably, before what follows. What was not stored must not be published.
    Persist(Vec<Record>),
    /// Take these out of the store: they are retained no longer. If it fails the next tick says so again
    /// after a restart.
    Prune(Vec<VersionName>),
    /// Publish the new snapshot, and its digest to gossip.
    Publish,
    /// Send what was just written to a live peer; its answer is [`Event::Pushed`]. What fails is pulled later.
    Push {
        peer: NodeId,
        records: Arc<[Record]>,
    },
    /// Answer the push of a peer: these versions are stored here.
    Confirm {
        peer: NodeId,
        stamps: Vec<Stamp>,
    },
    /// All of this write (named by its greatest stamp) is stored on these nodes, this one included.
    Acked {
        write: Stamp,
        nodes: BTreeSet<NodeId>,
    },
    /// This node has what its peers have: store that, for [`ReplicaOptions::caught_up`].
    CaughtUp,
    /// Something is wrong with what a peer sent, or with this node's own clock (then `peer` is this node):
    /// to be logged and shown, at most once an event.
    Flag {
        peer: NodeId,
        reason: String,
    },
}

// === impl ReplicaOptions ===

impl Default for ReplicaOptions {
    /// The default retention, and a node that has yet to catch up.
    fn default() -> Self {
        ReplicaOptions {
            retention: Retention::default(),
            caught_up: false,
        }
    }
}

// === impl Written ===

impl Written {
    /// The write's name in [`Effect::Acked`]: its greatest stamp. `None`: nothing was written.
    pub fn name(&self) -> Option<&Stamp> {
        self.records.last().map(|record| &record.stamp)
    }
}
