//! A network of replicas for tests: every message waits until it is delivered, repeated or lost; every node
//! has a disk, and may stop between any two effects.

use std::collections::{BTreeMap, BTreeSet};

use weir_config::object::request_key;
use weir_config::operation::Change;
use weir_config::{NodeId, ObjectKey, Record, Stamp};

use super::tests::NOW_MS;
use super::*;

/// Records one answer holds; the rest is asked again, as when a real answer is cut at its size.
const RECORDS_AN_ANSWER: usize = 200;
/// Far more rounds of gossip than any history needs.
const QUIET_ROUNDS: usize = 40;

#[derive(Clone)]
pub struct Network {
    ids: Vec<NodeId>,
    options: ReplicaOptions,
    pub replicas: Vec<Replica>,
    /// What each node has stored durably.
    pub disks: Vec<BTreeMap<VersionName, Record>>,
    /// Nodes that died for good, their disks with them.
    pub dead: BTreeSet<usize>,
    /// Nodes that will stop after so many effects.
    crashes: BTreeMap<usize, usize>,
    cut: BTreeSet<(usize, usize)>,
    /// What waits for delivery: to whom, and what.
    messages: Vec<(usize, Message)>,
    /// Every version that was stored anywhere.
    pub written: BTreeSet<VersionName>,
    /// Of every write that somebody was told is on two nodes at least: what it wrote.
    pub acknowledged: BTreeMap<Stamp, Vec<VersionName>>,
    writes: BTreeMap<Stamp, Vec<VersionName>>,
    pub flags: Vec<String>,
    pub largest_pull: usize,
    pub largest_ask: usize,
    pub pulled: usize,
    pub now_ms: u64,
}

#[derive(Clone, Debug)]
enum Message {
    Request { from: usize, effect: Effect },
    Answer(Event),
}

// === impl Network ===

impl Network {
    pub fn new(ids: impl Iterator<Item = NodeId>, options: ReplicaOptions) -> Self {
        let ids: Vec<NodeId> = ids.collect();
        let open = |id: &NodeId| Replica::open(id.clone(), options, []);
        Network {
            replicas: ids.iter().map(open).collect(),
            disks: vec![BTreeMap::new(); ids.len()],
            options,
            ids,
            dead: BTreeSet::new(),
            crashes: BTreeMap::new(),
            cut: BTreeSet::new(),
            messages: Vec::new(),
            written: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
            writes: BTreeMap::new(),
            flags: Vec::new(),
            largest_pull: 0,
            largest_ask: 0,
            pulled: 0,
            now_ms: NOW_MS,
        }
    }

    pub fn live(&self) -> impl Iterator<Item = &Replica> {
        let live = |(at, _): &(usize, _)| !self.dead.contains(at);
        self.replicas
            .iter()
            .enumerate()
            .filter(live)
            .map(|(_, replica)| replica)
    }

    /// A change asked of a node; asked again under the same name it is not made again.
    pub fn write(&mut self, at: usize, now_ms: u64, request: Option<&str>, change: Change) {
        let known = request
            .and_then(|request| self.replicas[at].find_request("test", request_key(request)));
        if self.dead.contains(&at) || known.is_some() {
            return;
        }
        let written = self.replicas[at].write(now_ms, "test", request, change);
        let name = |record: &Record| (record.key.clone(), record.stamp.clone());
        if let Some(write) = written.name() {
            let names = written.records.iter().map(name).collect();
            self.writes.insert(write.clone(), names);
        }
        let effects = std::iter::once(Effect::Persist(written.records)).chain(written.effects);
        self.perform(at, effects.collect());
    }

    pub fn gossip(&mut self, of: usize, to: usize) {
        if of != to && self.reaches(of, to) {
            let buckets = self.replicas[of].state().buckets.clone();
            let peer = self.ids[of].clone();
            self.happen(to, Event::PeerDigest { peer, buckets });
        }
    }

    pub fn deliver(&mut self, place: usize, repeat: bool) {
        if self.messages.is_empty() {
            return;
        }
        let place = place % self.messages.len();
        let (to, message) = if repeat {
            self.messages[place].clone()
        } else {
            self.messages.remove(place)
        };
        if self.dead.contains(&to) {
            return;
        }
        match message {
            Message::Answer(event) => self.happen(to, event),
            Message::Request { from, .. } if !self.reaches(from, to) => {
                let peer = self.ids[to].clone();
                self.happen(from, Event::Failed { peer });
            }
            Message::Request { from, effect } => self.answer(to, from, effect),
        }
    }

    /// Loses a message; whoever waits for the answer is told in the end.
    pub fn lose(&mut self, place: usize) {
        if self.messages.is_empty() {
            return;
        }
        let (to, message) = self.messages.remove(place % self.messages.len());
        let (waiting, peer) = match message {
            Message::Request { from, .. } => (from, self.ids[to].clone()),
            Message::Answer(Event::PeerStamps { peer, .. } | Event::Records { peer, .. }) => {
                (to, peer)
            }
            Message::Answer(_) => return,
        };
        self.happen(waiting, Event::Failed { peer });
    }

    pub fn gone(&mut self, at: usize, peer: usize) {
        let peer = self.ids[peer].clone();
        self.happen(at, Event::PeerGone { peer });
    }

    /// Two nodes no longer reach each other.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// The node will stop once it has done so many more effects, and start again from its disk.
    pub fn crash_after(&mut self, at: usize, effects: usize) {
        self.crashes.insert(at, effects);
    }

    /// A node starts again from its disk: with all documents, or the older versions by name only.
    pub fn restart(&mut self, at: usize) {
        let mut newest: BTreeMap<&ObjectKey, &Record> = BTreeMap::new();
        for ((key, _), record) in &self.disks[at] {
            newest.insert(key, record);
        }
        let older = |record: &&Record| newest[&record.key].stamp != record.stamp;
        let older = self.disks[at].values().filter(older).map(StoredVersion::of);
        let options = ReplicaOptions {
            caught_up: self.replicas[at].caught_up(),
            ..self.options
        };
        let records = newest.values().map(|&record| record.clone());
        let mut replica = Replica::open(self.ids[at].clone(), options, records);
        replica.remember(older);
        self.replicas[at] = replica;
    }

    /// A node is gone for good, and its disk.
    pub fn die(&mut self, at: usize) {
        self.dead.insert(at);
        self.messages.retain(|(to, message)| {
            *to != at && !matches!(message, Message::Request { from, .. } if *from == at)
        });
        for other in 0..self.ids.len() {
            self.gone(other, at);
        }
    }

    /// A quiet period: old messages are lost, then everyone gossips and everything arrives.
    pub fn settle(&mut self) {
        self.settle_for(QUIET_ROUNDS);
    }

    pub fn settle_for(&mut self, rounds: usize) {
        self.heal();
        self.crashes.clear();
        while !self.messages.is_empty() {
            self.lose(0);
        }
        for at in 0..self.replicas.len() {
            for peer in self.ids.clone() {
                self.happen(at, Event::Failed { peer });
            }
            self.tick(at);
        }
        for _ in 0..rounds {
            self.gossip_round();
        }
    }

    /// Everyone gossips with everyone and all messages arrive.
    pub fn gossip_round(&mut self) {
        for of in 0..self.replicas.len() {
            for to in 0..self.replicas.len() {
                self.gossip(of, to);
            }
        }
        let mut delivered = 0;
        while !self.messages.is_empty() {
            self.deliver(0, false);
            delivered += 1;
            assert!(delivered < 100_000, "replicas never stop asking each other");
        }
    }

    pub fn tick(&mut self, at: usize) {
        let now_ms = self.now_ms;
        self.happen(at, Event::Tick { now_ms });
    }

    pub fn happen(&mut self, at: usize, event: Event) {
        if !self.dead.contains(&at) {
            let effects = self.replicas[at].handle(event);
            self.perform(at, effects);
        }
    }

    fn reaches(&self, a: usize, b: usize) -> bool {
        let cut = self.cut.contains(&(a.min(b), a.max(b)));
        !cut && !self.dead.contains(&a) && !self.dead.contains(&b)
    }

    fn perform(&mut self, at: usize, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(left) = self.crashes.get_mut(&at) {
                if *left == 0 {
                    self.crashes.remove(&at);
                    return self.restart(at);
                }
                *left -= 1;
            }
            self.carry_out(at, effect);
        }
    }

    fn carry_out(&mut self, at: usize, effect: Effect) {
        let place = |id: &NodeId| self.ids.iter().position(|known| known == id).unwrap();
        match effect {
            Effect::Persist(records) => {
                for record in records {
                    let name = (record.key.clone(), record.stamp.clone());
                    self.written.insert(name.clone());
                    self.disks[at].insert(name, record);
                }
            }
            Effect::Prune(gone) => self.disks[at].retain(|name, _| !gone.contains(name)),
            Effect::AskStamps {
                ref peer,
                ref buckets,
            } => {
                self.largest_ask = self.largest_ask.max(buckets.len());
                self.messages
                    .push((place(peer), Message::Request { from: at, effect }));
            }
            Effect::Pull {
                ref peer,
                ref versions,
            } => {
                self.largest_pull = self.largest_pull.max(versions.len());
                self.pulled += versions.len();
                self.messages
                    .push((place(peer), Message::Request { from: at, effect }));
            }
            Effect::Push { ref peer, .. } => {
                self.messages
                    .push((place(peer), Message::Request { from: at, effect }));
            }
            Effect::Confirm { peer, stamps } => {
                let pushed = Event::Pushed {
                    peer: self.ids[at].clone(),
                    stamps,
                };
                self.messages.push((place(&peer), Message::Answer(pushed)));
            }
            Effect::Acked { write, nodes } if nodes.len() > 1 => {
                let names = self.writes[&write].clone();
                self.acknowledged.insert(write, names);
            }
            Effect::Flag { reason, .. } => self.flags.push(reason),
            Effect::Publish | Effect::Acked { .. } | Effect::CaughtUp => {}
        }
    }

    fn answer(&mut self, at: usize, from: usize, effect: Effect) {
        let peer = self.ids[at].clone();
        let answer = match effect {
            Effect::Push { records, .. } => {
                let push = Event::Push {
                    peer: self.ids[from].clone(),
                    now_ms: self.now_ms,
                    records: records.to_vec(),
                };
                return self.happen(at, push);
            }
            Effect::AskStamps { buckets, .. } => Event::PeerStamps {
                peer,
                stamps: self.replicas[at].state().stamps_in(&buckets),
                buckets,
            },
            Effect::Pull { versions, .. } => {
                let stored = |name: &VersionName| self.disks[at].get(name).cloned();
                Event::Records {
                    peer,
                    now_ms: self.now_ms,
                    records: versions
                        .iter()
                        .filter_map(stored)
                        .take(RECORDS_AN_ANSWER)
                        .collect(),
                }
            }
            other => unreachable!("{other:?} is no request"),
        };
        self.messages.push((from, Message::Answer(answer)));
    }
}
