use std::collections::BTreeMap;
use std::sync::Arc;

use weir_config::history::{Retention, Version};
use weir_config::operation::Change;
use weir_config::{Hlc, NodeId, Object, ObjectKey, Record, Stamp};

use super::event::{Effect, Event, ReplicaOptions, Written};
use super::exchange::{Exchange, Request};
use super::intake::{Intake, wanted};
use super::requests::Requests;
use super::writes::Writes;
use super::{ConfigSnapshot, PastRequest, StoredVersion, VersionName};

/// How far ahead of this node's clock a stamp from elsewhere may be, in milliseconds. Beyond it a record
/// is refused, so that one node with a wrong clock cannot make its changes win for years.
pub const MAX_AHEAD_MS: u64 = 60_000;
/// Ticks in a row at which a new node has to have everything of every peer before it counts as caught up.
const QUIET_TICKS: u8 = 2;

/// One node's configuration, its exchanges with all peers, and the writes that wait to be elsewhere too.
///
/// The driver feeds each live peer's digest whenever gossip shows a new one, and again about once a
/// second: that is what retries a request that failed. When storing the records of [`Effect::Persist`]
/// or of a write fails, this replica is ahead of the disk: drop it and build one from the store.
#[derive(Clone, Debug)]
pub struct Replica {
    node: NodeId,
    clock: Hlc,
    retention: Retention,
    state: ConfigSnapshot,
    peers: BTreeMap<NodeId, Exchange>,
    writes: Writes,
    requests: Requests,
    /// The latest time an event told, milliseconds since 1970-01-01 UTC.
    now_ms: u64,
    caught_up: bool,
    quiet_ticks: u8,
    /// The newest stamp was far ahead of the clock at the last tick.
    behind: bool,
}

// === impl Replica ===

impl Replica {
    /// The replica of a node that has these records on its disk, with the default retention. One that has
    /// any counts as caught up.
    pub fn new(node: NodeId, records: impl IntoIterator<Item = Record>) -> Self {
        let mut replica = Replica::open(node, ReplicaOptions::default(), records);
        replica.caught_up = !replica.state.index.is_empty();
        replica
    }

    /// The replica of a node that has these records on its disk, in any order: at least the newest of each
    /// object. Older ones may be given by [`Replica::remember`] instead, without their documents.
    pub fn open(
        node: NodeId,
        options: ReplicaOptions,
        records: impl IntoIterator<Item = Record>,
    ) -> Self {
        let mut replica = Replica {
            clock: Hlc::new(node.clone()),
            node,
            retention: options.retention,
            state: ConfigSnapshot::default(),
            peers: BTreeMap::new(),
            writes: Writes::default(),
            requests: Requests::default(),
            now_ms: 0,
            caught_up: options.caught_up,
            quiet_ticks: 0,
            behind: false,
        };
        for record in records {
            // Its own disk is believed, however far ahead: a new change must win over what is there.
            replica.clock.observe(&record.stamp);
            replica.insert(record);
        }
        replica.state.seal();
        replica
    }

    /// Adds older versions that are on the disk. The newest version of each object must be known before.
    pub fn remember(&mut self, versions: impl IntoIterator<Item = StoredVersion>) {
        for version in versions {
            let StoredVersion {
                key,
                stamp,
                based_on,
                author,
                request,
            } = version;
            self.requests
                .insert(&key, &stamp, &author, request.as_deref());
            self.state.insert_older(&key, Version { stamp, based_on });
        }
    }

    /// What this node knows now. Costs a walk over the newest records.
    pub fn snapshot(&self) -> ConfigSnapshot {
        self.state.clone()
    }

    /// What this node knows now, without a copy.
    pub fn state(&self) -> &ConfigSnapshot {
        &self.state
    }

    /// Whether this node has had everything its peers have.
    pub fn caught_up(&self) -> bool {
        self.caught_up
    }

    /// What an author's request of this key (see [`request_key`](weir_config::object::request_key)) wrote,
    /// on whichever node: it is not to be carried out again.
    pub fn find_request(&self, author: &str, key: &str) -> Option<PastRequest> {
        self.requests.find(author, key)
    }

    /// Makes a change of this node's own: stamps its objects and takes them in. An empty change gives
    /// nothing to do.
    pub fn write(
        &mut self,
        now_ms: u64,
        author: &str,
        request: Option<&str>,
        change: Change,
    ) -> Written {
        self.now_ms = self.now_ms.max(now_ms);
        let deletes = change.deletes.into_iter().map(|key| (key, None));
        let put = |object: Object| (object.key(), Some(object));
        let mut records = Vec::new();
        let mut pruned = Vec::new();
        for (key, object) in change.puts.into_iter().map(put).chain(deletes) {
            let known = self.state.catalog.record(&key);
            let record = Record {
                based_on: known.map(|known| known.stamp.clone()),
                stamp: self.clock.tick(now_ms),
                author: author.to_owned(),
                request: request.map(str::to_owned),
                object,
                key: key.clone(),
            };
            let new = self.insert(record.clone());
            debug_assert!(new, "a new stamp is greater than every known one");
            records.push(record);
            pruned.extend(self.prune(&key));
        }
        let Some(acked) = self.writes.begin(&self.node, &records) else {
            return Written::default();
        };
        self.state.seal();
        let mut effects = Vec::new();
        if !pruned.is_empty() {
            effects.push(Effect::Prune(pruned));
        }
        effects.push(Effect::Publish);
        let pushed: Arc<[Record]> = records.as_slice().into();
        effects.extend(self.peers.keys().map(|peer| Effect::Push {
            peer: peer.clone(),
            records: pushed.clone(),
        }));
        effects.push(acked);
        Written { records, effects }
    }

    /// Pushes versions that are here to all live peers again, for somebody who asks anew where they are:
    /// [`Effect::Acked`] tells, as of a write.
    pub fn push_again(&mut self, records: &[Record]) -> Vec<Effect> {
        let Some(acked) = self.writes.begin(&self.node, records) else {
            return Vec::new();
        };
        let pushed: Arc<[Record]> = records.into();
        let push = |peer: &NodeId| Effect::Push {
            peer: peer.clone(),
            records: pushed.clone(),
        };
        let mut effects: Vec<Effect> = self.peers.keys().map(push).collect();
        effects.push(acked);
        effects
    }

    /// Nobody waits any longer to hear where this write is.
    pub fn forget_write(&mut self, write: &Stamp) {
        self.writes.forget(write);
    }

    /// Takes an event; returns what is to be done, in order.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::PeerDigest { peer, buckets } => {
                let mut effects = self.writes.digest(&peer, &buckets, &self.state.buckets);
                let exchange = self.peers.entry(peer.clone()).or_default();
                let request = exchange.digest(buckets, &self.state.buckets);
                effects.extend(ask(peer, request));
                effects
            }
            Event::PeerStamps {
                peer,
                buckets,
                stamps,
            } => {
                let Some(exchange) = self.peers.get_mut(&peer) else {
                    return Vec::new();
                };
                let wanted =
                    |offered| wanted(offered, &self.state.index, &self.retention, self.now_ms);
                let request = exchange.stamps(&buckets, stamps, wanted, &self.state.buckets);
                ask(peer, request).into_iter().collect()
            }
            Event::Records {
                peer,
                now_ms,
                records,
            } => {
                let intake = self.take(now_ms, records);
                let request = self.peers.get_mut(&peer).and_then(|exchange| {
                    exchange.records(&intake.came, &intake.refused, &self.state.buckets)
                });
                let mut effects = intake.effects(&peer);
                effects.extend(ask(peer, request));
                effects
            }
            Event::Push {
                peer,
                now_ms,
                records,
            } => {
                let mut intake = self.take(now_ms, records);
                let stamps = std::mem::take(&mut intake.held);
                let mut effects = intake.effects(&peer);
                effects.push(Effect::Confirm { peer, stamps });
                effects
            }
            Event::Pushed { peer, stamps } => self.writes.pushed(&peer, &stamps),
            Event::Tick { now_ms } => self.tick(now_ms),
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

    /// Takes in what is right and retained of these records, the newest first: so that an object's history
    /// is judged by what became of it.
    fn take(&mut self, now_ms: u64, mut records: Vec<Record>) -> Intake {
        self.now_ms = self.now_ms.max(now_ms);
        records.sort_by(|a, b| b.stamp.cmp(&a.stamp));
        let mut intake = Intake::default();
        for record in records {
            let (key, stamp) = (record.key.clone(), record.stamp.clone());
            intake.came.insert((key.clone(), stamp.clone()));
            if self.state.index.contains(&key, &stamp) {
                intake.held.push(stamp);
                continue;
            }
            if !intake.admits(
                &record,
                &self.state,
                &self.retention,
                self.caught_up,
                now_ms,
            ) {
                continue;
            }
            self.insert(record.clone());
            let pruned = self.prune(&key);
            let retained = self.state.index.contains(&key, &stamp);
            let own = |(_, gone): &VersionName| *gone == stamp;
            intake
                .pruned
                .extend(pruned.into_iter().filter(|name| !own(name)));
            if retained {
                self.clock.observe(&stamp);
                intake.held.push(stamp);
                intake.stored.push(record);
            }
        }
        self.state.seal();
        intake
    }

    fn tick(&mut self, now_ms: u64) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        let mut effects = Vec::new();
        let keys: Vec<ObjectKey> = self
            .state
            .index
            .iter()
            .map(|(key, _)| key.clone())
            .collect();
        let pruned: Vec<VersionName> = keys.iter().flat_map(|key| self.prune(key)).collect();
        if !pruned.is_empty() {
            self.state.seal();
            effects.extend([Effect::Prune(pruned), Effect::Publish]);
        }
        let complete = !self.peers.is_empty() && self.peers.values().all(Exchange::is_complete);
        self.quiet_ticks = if complete {
            self.quiet_ticks.saturating_add(1)
        } else {
            0
        };
        if !self.caught_up && self.quiet_ticks >= QUIET_TICKS {
            self.caught_up = true;
            effects.push(Effect::CaughtUp);
        }
        effects.extend(self.check_clock(now_ms));
        effects
    }

    /// Flags a clock that has fallen far behind what is known, when it is first seen so.
    fn check_clock(&mut self, now_ms: u64) -> Option<Effect> {
        let newest = self.state.newest.as_ref()?;
        let behind_ms = newest.wall_ms.saturating_sub(now_ms);
        let was_behind = std::mem::replace(&mut self.behind, behind_ms > MAX_AHEAD_MS);
        (self.behind && !was_behind).then(|| Effect::Flag {
            peer: self.node.clone(),
            reason: format!(
                "this node's clock is {} s behind version {newest}, which it has; other nodes refuse changes \
                 made here until its clock is right",
                behind_ms / 1_000
            ),
        })
    }

    fn insert(&mut self, record: Record) -> bool {
        let Record { key, stamp, .. } = &record;
        self.requests
            .insert(key, stamp, &record.author, record.request.as_deref());
        self.state.insert(record)
    }

    fn prune(&mut self, key: &ObjectKey) -> Vec<VersionName> {
        let gone = self.state.prune(key, &self.retention, self.now_ms);
        for stamp in &gone {
            self.requests.remove(stamp);
        }
        gone.into_iter().map(|stamp| (key.clone(), stamp)).collect()
    }
}

/// Two replicas that hash alike go on alike. What follows from the versions is left out.
#[cfg(test)]
impl std::hash::Hash for Replica {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.clock.hash(state);
        self.state
            .index
            .iter()
            .for_each(|object| object.hash(state));
        self.peers.hash(state);
        self.writes.hash(state);
        (self.now_ms, self.caught_up, self.quiet_ticks, self.behind).hash(state);
    }
}

#[cfg(test)]
impl PartialEq for Replica {
    fn eq(&self, other: &Self) -> bool {
        self.clock == other.clock
            && self.state.index.iter().eq(other.state.index.iter())
            && (&self.peers, &self.writes) == (&other.peers, &other.writes)
            && (self.now_ms, self.caught_up) == (other.now_ms, other.caught_up)
            && (self.quiet_ticks, self.behind) == (other.quiet_ticks, other.behind)
    }
}

fn ask(peer: NodeId, request: Option<Request>) -> Option<Effect> {
    Some(match request? {
        Request::Stamps(buckets) => Effect::AskStamps { peer, buckets },
        Request::Records(versions) => Effect::Pull { peer, versions },
    })
}
