//! Which nodes have the writes that somebody waits for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use weir_config::digest::{Buckets, bucket_of};
use weir_config::{NodeId, Record, Stamp};

use super::Effect;

/// Writes watched at once; beyond, the oldest is no longer told of.
pub const MAX_WAITING_WRITES: usize = 1_024;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Writes {
    waiting: VecDeque<Write>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Write {
    /// The greatest of its stamps names it.
    name: Stamp,
    stamps: BTreeSet<Stamp>,
    buckets: BTreeSet<u8>,
    /// Nodes that have all of it.
    stored_on: BTreeSet<NodeId>,
    /// What others have of it.
    parts: BTreeMap<NodeId, BTreeSet<Stamp>>,
}

// === impl Writes ===

impl Writes {
    /// Watches a write that its own node stores first.
    pub fn begin(&mut self, me: &NodeId, records: &[Record]) -> Option<Effect> {
        let stamps: BTreeSet<Stamp> = records.iter().map(|r| r.stamp.clone()).collect();
        let write = Write {
            name: stamps.last()?.clone(),
            stamps,
            buckets: records.iter().map(|r| bucket_of(&r.key)).collect(),
            stored_on: BTreeSet::from([me.clone()]),
            parts: BTreeMap::new(),
        };
        let acked = write.acked();
        if self.waiting.len() == MAX_WAITING_WRITES {
            self.waiting.pop_front();
        }
        self.waiting.push_back(write);
        Some(acked)
    }

    /// A peer has stored these versions.
    pub fn pushed(&mut self, peer: &NodeId, stamps: &[Stamp]) -> Vec<Effect> {
        let stored = |write: &mut Write| {
            let part = write.parts.entry(peer.clone()).or_default();
            part.extend(stamps.iter().filter(|s| write.stamps.contains(s)).cloned());
            *part == write.stamps
        };
        self.advance(peer, stored)
    }

    /// A peer has published these digests: where a bucket is as ours, it has what we have there.
    pub fn digest(&mut self, peer: &NodeId, theirs: &Buckets, ours: &Buckets) -> Vec<Effect> {
        let same = |&bucket: &u8| {
            let bucket = usize::from(bucket);
            theirs.digests()[bucket] == ours.digests()[bucket]
        };
        self.advance(peer, |write| write.buckets.iter().all(same))
    }

    /// Nobody waits for this write any longer.
    pub fn forget(&mut self, name: &Stamp) {
        self.waiting.retain(|write| write.name != *name);
    }

    fn advance(&mut self, peer: &NodeId, stored: impl Fn(&mut Write) -> bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        for write in &mut self.waiting {
            if !write.stored_on.contains(peer) && stored(write) {
                write.parts.remove(peer);
                write.stored_on.insert(peer.clone());
                effects.push(write.acked());
            }
        }
        effects
    }
}

// === impl Write ===

impl Write {
    fn acked(&self) -> Effect {
        Effect::Acked {
            write: self.name.clone(),
            nodes: self.stored_on.clone(),
        }
    }
}
