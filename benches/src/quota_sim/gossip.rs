//! Gossip as chitchat does it: every interval a node exchanges with three random live peers, digest
//! against digest, and both get what the other has newer (Syn, SynAck, Ack: three messages).

use std::rc::Rc;

use super::dice::Dice;
use super::scheme::Payload;

/// What a node has heard of another.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub generation: u32,
    pub version: u32,
    pub heartbeat: u32,
    pub heartbeat_at_us: u64,
    pub row: Option<Rc<Payload>>,
}

/// What one node knows of all, itself included: a slot for each key of each node, key by key.
#[derive(Clone, Debug)]
pub struct View {
    pub slots: Vec<Heard>,
    nodes: usize,
}

/// Keys of a node: the gateway's row, its row in the mint plan, the plan.
pub const KEYS: usize = 3;

/// Of every node: generation, version, heartbeat.
pub type Digest = Rc<Vec<(u32, u32, u32)>>;

/// Rows the other side lacks: slot, generation, version, row.
pub type Delta = Vec<(usize, u32, u32, Option<Rc<Payload>>)>;

#[derive(Clone, Debug)]
pub enum Message {
    Syn(Digest),
    SynAck(Digest, Delta),
    Ack(Delta),
}

/// Peers a node gossips with every interval, and peers a push goes to (chitchat's, membership's).
pub const FAN_OUT: usize = 3;

/// The longest message: one datagram.
pub const DATAGRAM_MAX_BYTES: usize = 65_507;

/// A node in a digest, before compression: name, generation, address, heartbeat, two versions.
pub const DIGEST_ENTRY_BYTES: usize = 49;

/// A node in a delta (name, generation, address, two versions), and a key of 13 bytes with its lengths and version.
pub const DELTA_ENTRY_BYTES: usize = 42 + 26;

/// A peer whose heartbeat stood still for so long is not live.
pub const DEAD_AFTER_US: u64 = 2_000_000;

// === impl Message ===

impl Message {
    pub fn bytes(&self) -> usize {
        match self {
            Message::Syn(digest) => digest_bytes(digest),
            Message::SynAck(digest, delta) => digest_bytes(digest) + delta_bytes(delta),
            Message::Ack(delta) => delta_bytes(delta),
        }
    }

    /// Rows carried and their bytes, without digests.
    pub fn rows(&self) -> (usize, usize) {
        match self {
            Message::Syn(_) => (0, 0),
            Message::SynAck(_, delta) | Message::Ack(delta) => (delta.len(), delta_bytes(delta)),
        }
    }
}

fn digest_bytes(digest: &Digest) -> usize {
    let nodes = digest.iter().take(digest.len() / KEYS);
    8 + nodes.filter(|known| known.0 > 0).count() * DIGEST_ENTRY_BYTES
}

fn row_bytes(row: &Option<Rc<Payload>>) -> usize {
    DELTA_ENTRY_BYTES + row.as_ref().map_or(0, |row| row.text_bytes())
}

fn delta_bytes(delta: &Delta) -> usize {
    8 + delta.iter().map(|(.., row)| row_bytes(row)).sum::<usize>()
}

// === impl View ===

impl View {
    pub fn new(nodes: usize) -> Self {
        let slots = vec![Heard::default(); nodes * KEYS];
        View { slots, nodes }
    }

    /// What was heard of a node under one of its keys.
    pub fn of(&self, node: usize, key: usize) -> &Heard {
        &self.slots[key * self.nodes + node]
    }

    pub fn of_mut(&mut self, node: usize, key: usize) -> &mut Heard {
        &mut self.slots[key * self.nodes + node]
    }

    pub fn digest(&self) -> Digest {
        let known = |heard: &Heard| (heard.generation, heard.version, heard.heartbeat);
        Rc::new(self.slots.iter().map(known).collect())
    }

    /// Takes heartbeats from a digest.
    pub fn hear_digest(&mut self, me: usize, digest: &Digest, now_us: u64) {
        for (node, (heard, theirs)) in self
            .slots
            .iter_mut()
            .take(self.nodes)
            .zip(digest.iter())
            .enumerate()
        {
            let newer = (theirs.0, theirs.2) > (heard.generation, heard.heartbeat);
            if node != me && newer {
                if theirs.0 > heard.generation {
                    *heard = Heard {
                        generation: theirs.0,
                        ..Heard::default()
                    };
                }
                heard.heartbeat = theirs.2;
                heard.heartbeat_at_us = now_us;
            }
        }
    }

    /// What is newer here than in `digest`, in an order of chance, as far as it fits.
    pub fn delta(&self, digest: &Digest, room: usize, dice: &mut Dice) -> Delta {
        let all = self.slots.len();
        let first = dice.below(all);
        let (mut delta, mut bytes) = (Vec::new(), 0);
        for slot in (first..all).chain(0..first) {
            let heard = &self.slots[slot];
            let theirs = digest[slot];
            if (heard.generation, heard.version) > (theirs.0, theirs.1) && heard.version > 0 {
                bytes += row_bytes(&heard.row);
                if bytes > room {
                    break;
                }
                delta.push((slot, heard.generation, heard.version, heard.row.clone()));
            }
        }
        delta
    }

    /// Takes rows; returns those that are news.
    pub fn hear(&mut self, me: usize, delta: Delta) -> Vec<usize> {
        let mut news = Vec::new();
        for (slot, generation, version, row) in delta {
            let heard = &mut self.slots[slot];
            if slot % self.nodes == me || (generation, version) <= (heard.generation, heard.version)
            {
                continue;
            }
            if generation > heard.generation {
                heard.heartbeat = 0;
            }
            (heard.generation, heard.version, heard.row) = (generation, version, row);
            news.push(slot);
        }
        news
    }

    pub fn is_live(&self, node: usize, now_us: u64) -> bool {
        let heard = &self.slots[node];
        heard.generation > 0
            && heard.heartbeat > 0
            && now_us - heard.heartbeat_at_us < DEAD_AFTER_US
    }
}
