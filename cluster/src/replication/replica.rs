use std::collections::{BTreeMap, BTreeSet};

use weir_config::digest::Buckets;
use weir_config::operation::Change;
use weir_config::{Hlc, NodeId, ObjectKey, Record, Stamp};

use super::ConfigSnapshot;
use super::exchange::{Exchange, Request};

/// How far ahead of this node's clock a stamp from elsewhere may be, in milliseconds. Beyond it a record
/// is refused, so that one node with a wrong clock cannot make its changes win for years.
pub const MAX_AHEAD_MS: u64 = 60_000;

/// One node's configuration and its exchanges with all peers.
///
/// The driver feeds each live peer's digest whenever gossip shows a new one, and again about once a
/// second: that is what retries a request that failed. When storing the records of [`Effect::Persist`]
/// fails, this replica is ahead of the disk: drop it and build one from the store.
#[derive(Clone, Debug)]
pub struct Replica {
    clock: Hlc,
    state: ConfigSnapshot,
    peers: BTreeMap<NodeId, Exchange>,
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
        stamps: Vec<(ObjectKey, Stamp)>,
    },
    /// The answer to [`Effect::Pull`], or records a peer sent by itself.
    Records {
        peer: NodeId,
        /// This node's wall clock, milliseconds since 1970-01-01 UTC.
        now_ms: u64,
        records: Vec<Record>,
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
        keys: Vec<ObjectKey>,
    },
    /// Store durably, before what follows. What was not stored must not be published.
    Persist(Vec<Record>),
    /// Publish the new snapshot, and its digest to gossip.
    Publish,
    /// The peer sent what it should not have: to be logged and shown, at most once an event.
    Flag {
        peer: NodeId,
        reason: String,
    },
}

// === impl Replica ===

impl Replica {
    /// The replica of a node that has these records on its disk.
    pub fn new(node: NodeId, records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = ConfigSnapshot::default();
        for record in records {
            state.merge(record);
        }
        let mut clock = Hlc::new(node);
        // Its own disk is believed, however far ahead: a new change must win over what is there.
        if let Some(newest) = &state.newest {
            clock.observe(newest);
        }
        Replica {
            clock,
            state,
            peers: BTreeMap::new(),
        }
    }

    /// What this node knows now. Costs a walk over all records.
    pub fn snapshot(&self) -> ConfigSnapshot {
        self.state.clone()
    }

    /// What this node knows now, without a copy.
    pub fn state(&self) -> &ConfigSnapshot {
        &self.state
    }

    /// Makes a change of this node's own: stamps its objects, takes them in and returns them to be
    /// stored. An empty change gives nothing to store.
    pub fn write(&mut self, now_ms: u64, author: &str, change: Change) -> Vec<Record> {
        let deletes = change.deletes.into_iter().map(|key| (key, None));
        let puts = change
            .puts
            .into_iter()
            .map(|object| (object.key(), Some(object)));
        let mut written = Vec::new();
        for (key, object) in puts.chain(deletes) {
            let record = Record {
                key,
                stamp: self.clock.tick(now_ms),
                author: author.to_owned(),
                object,
            };
            let newer = self.state.merge(record.clone());
            debug_assert!(newer, "a new stamp is greater than every known one");
            written.push(record);
        }
        written
    }

    /// Takes an event; returns what is to be done, in order.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::PeerDigest { peer, buckets } => {
                let exchange = self.peers.entry(peer.clone()).or_default();
                let request = exchange.digest(buckets, &self.state.buckets);
                ask(peer, request).into_iter().collect()
            }
            Event::PeerStamps {
                peer,
                buckets,
                stamps,
            } => {
                let Some(exchange) = self.peers.get_mut(&peer) else {
                    return Vec::new();
                };
                let request =
                    exchange.stamps(&buckets, stamps, &self.state.catalog, &self.state.buckets);
                ask(peer, request).into_iter().collect()
            }
            Event::Records {
                peer,
                now_ms,
                records,
            } => self.take(peer, now_ms, records),
            Event::Failed { peer } => {
                if let Some(exchange) = self.peers.get_mut(&peer) {
                    exchange.failed();
                }
                Vec::new()
            }
            Event::PeerGone { peer } => {
                self.peers.remove(&peer);
                Vec::new()
            }
        }
    }

    fn take(&mut self, peer: NodeId, now_ms: u64, records: Vec<Record>) -> Vec<Effect> {
        let mut came = BTreeSet::new();
        let mut refused = BTreeSet::new();
        let mut reason = None;
        let mut merged = Vec::new();
        for record in records {
            came.insert(record.key.clone());
            if let Err(why) = check(&record, now_ms) {
                refused.insert(record.key);
                reason.get_or_insert(why);
                continue;
            }
            self.clock.observe(&record.stamp);
            if self.state.merge(record.clone()) {
                merged.push(record);
            }
        }
        let mut effects = Vec::new();
        if !merged.is_empty() {
            effects.extend([Effect::Persist(merged), Effect::Publish]);
        }
        if let Some(reason) = reason {
            effects.push(Effect::Flag {
                peer: peer.clone(),
                reason,
            });
        }
        if let Some(exchange) = self.peers.get_mut(&peer) {
            let request = exchange.records(&came, &refused, &self.state.buckets);
            effects.extend(ask(peer, request));
        }
        effects
    }
}

fn ask(peer: NodeId, request: Option<Request>) -> Option<Effect> {
    Some(match request? {
        Request::Stamps(buckets) => Effect::AskStamps { peer, buckets },
        Request::Records(keys) => Effect::Pull { peer, keys },
    })
}

/// Whether a record from elsewhere may be taken in; the reason where not.
fn check(record: &Record, now_ms: u64) -> Result<(), String> {
    let Record {
        key, stamp, object, ..
    } = record;
    if stamp.wall_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
        let ahead_s = (stamp.wall_ms - now_ms) / 1_000;
        return Err(format!(
            "version {stamp} of {key} is {ahead_s} s ahead of this node's clock and was not taken; \
             set the clock of node {} right",
            stamp.node
        ));
    }
    if object.as_ref().is_some_and(|object| object.key() != *key) {
        return Err(format!(
            "the record of {key} holds another object and was not taken"
        ));
    }
    Ok(())
}
