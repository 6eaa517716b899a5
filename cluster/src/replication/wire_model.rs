//! A network of replicas for tests: every message waits until it is delivered, repeated or lost.

use std::collections::BTreeMap;

use weir_config::operation::Change;
use weir_config::{NodeId, ObjectKey, Record, Stamp};

use super::tests::NOW_MS;
use super::*;

/// Records one answer holds; the rest is asked again, as when a real answer is cut at its size.
const RECORDS_AN_ANSWER: usize = 200;
/// Far more rounds of gossip than any history needs.
const QUIET_ROUNDS: usize = 40;

pub struct Network {
    ids: Vec<NodeId>,
    pub replicas: Vec<Replica>,
    /// What waits for delivery: to whom, and what.
    messages: Vec<(usize, Message)>,
    /// The greatest stamp written of every object, by whichever node.
    pub written: BTreeMap<ObjectKey, Stamp>,
    pub flags: Vec<String>,
    pub largest_pull: usize,
    pub largest_ask: usize,
}

#[derive(Clone, Debug)]
enum Message {
    Request { from: usize, effect: Effect },
    Answer(Event),
}

// === impl Network ===

impl Network {
    pub fn new(ids: impl Iterator<Item = NodeId>) -> Self {
        let ids: Vec<NodeId> = ids.collect();
        let replicas = ids.iter().map(|id| Replica::new(id.clone(), [])).collect();
        Network {
            ids,
            replicas,
            messages: Vec::new(),
            written: BTreeMap::new(),
            flags: Vec::new(),
            largest_pull: 0,
            largest_ask: 0,
        }
    }

    pub fn write(&mut self, at: usize, now_ms: u64, change: Change) {
        for Record { key, stamp, .. } in self.replicas[at].write(now_ms, "test", change) {
            let newest = self.written.entry(key).or_insert_with(|| stamp.clone());
            *newest = stamp.max(newest.clone());
        }
    }

    pub fn gossip(&mut self, of: usize, to: usize) {
        if of != to {
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
        match message {
            Message::Answer(event) => self.happen(to, event),
            Message::Request { from, effect } => {
                let answer = self.answer(to, effect);
                self.messages.push((from, Message::Answer(answer)));
            }
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

    /// A node starts again from its disk.
    pub fn restart(&mut self, at: usize) {
        let stored: Vec<Record> = self.replicas[at]
            .state()
            .catalog
            .records()
            .cloned()
            .collect();
        self.replicas[at] = Replica::new(self.ids[at].clone(), stored);
    }

    /// A quiet period: old messages are lost, then everyone gossips and everything arrives.
    pub fn settle(&mut self) {
        while !self.messages.is_empty() {
            self.lose(0);
        }
        for at in 0..self.replicas.len() {
            for peer in self.ids.clone() {
                self.happen(at, Event::Failed { peer });
            }
        }
        for _ in 0..QUIET_ROUNDS {
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
    }

    fn happen(&mut self, at: usize, event: Event) {
        let before: Vec<(ObjectKey, Stamp)> = self.replicas[at]
            .state()
            .stamps_in(&(0..=255).collect::<Vec<u8>>());
        for effect in self.replicas[at].handle(event) {
            match &effect {
                Effect::AskStamps { buckets, .. } => {
                    self.largest_ask = self.largest_ask.max(buckets.len());
                }
                Effect::Pull { keys, .. } => self.largest_pull = self.largest_pull.max(keys.len()),
                Effect::Flag { reason, .. } => self.flags.push(reason.clone()),
                Effect::Persist(_) | Effect::Publish => {}
            }
            if let Effect::AskStamps { peer, .. } | Effect::Pull { peer, .. } = &effect {
                let to = self.ids.iter().position(|id| id == peer).unwrap();
                self.messages
                    .push((to, Message::Request { from: at, effect }));
            }
        }
        for (key, stamp) in before {
            let now = &self.replicas[at]
                .state()
                .catalog
                .record(&key)
                .unwrap()
                .stamp;
            assert!(*now >= stamp, "{key} went back from {stamp} to {now}");
        }
    }

    fn answer(&self, at: usize, effect: Effect) -> Event {
        let peer = self.ids[at].clone();
        let state = self.replicas[at].state();
        match effect {
            Effect::AskStamps { buckets, .. } => {
                let stamps = state.stamps_in(&buckets);
                Event::PeerStamps {
                    peer,
                    buckets,
                    stamps,
                }
            }
            Effect::Pull { keys, .. } => {
                let found = keys
                    .iter()
                    .filter_map(|key| state.catalog.record(key).cloned());
                Event::Records {
                    peer,
                    now_ms: NOW_MS,
                    records: found.take(RECORDS_AN_ANSWER).collect(),
                }
            }
            other => unreachable!("{other:?} is no request"),
        }
    }
}
