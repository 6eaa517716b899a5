//! What of a frame is given to chitchat: only what the nodes it speaks of have signed themselves.
//!
//! Every member relays what it knows of every other, so a member could speak for others. The guard stands
//! between the mesh and chitchat and takes out of a well-formed [frame](super::frame) whatever its own node
//! has not signed:
//!
//! - An incarnation of a node is *known* once one of its values was verified: with the key of its certificate,
//!   which is itself one of its values (`cert`) and is checked against the cluster's authorities. chitchat
//!   never hears of one that is not known, so nobody can invent nodes, incarnations or addresses.
//! - Of what a delta says of a node, either all passes or nothing: where one value is not signed by it, or
//!   values were left out (which the sum in each value shows), the next exchange brings it again, from another peer.
//! - Heartbeats are not signed, so they are not believed. chitchat is given a heartbeat of the guard's own:
//!   it goes up when a value arrives that its node signed after all those before. Every node signs one in
//!   every interval. A peer can hold such values back; it cannot make a dead node live, or a live one dead.
//! - Deletions, resets and versions said in place of values are not signed and never used by nodes of ours.
//!
//! A state machine: whoever calls brings the time.

mod known;
#[cfg(test)]
pub(super) mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::RandomState;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chitchat::ChitchatId;
use weir_config::NodeId;

use super::frame::{DigestEntry, Frame, KeyValue, MAX_NODES, Message, NodeDelta, Refusal, Status};
use super::keys;
use super::signed::{Said, payload, sum};
use crate::trust::{Member, SharedTrust, Trust};

use known::Known;

/// Values and certificates in one frame that turn out to be forged, after which the rest is not looked at.
const MAX_FORGED: usize = 4;
/// Incarnations of one node within [`FORGET_AFTER_MS`]; a node that restarts oftener is not heard.
const MAX_INCARNATIONS: usize = 64;
/// An incarnation that was not heard for so long is forgotten; longer than chitchat remembers the dead.
const FORGET_AFTER_MS: u64 = 15 * 60 * 1_000;
/// Frames as long as this may have no room for all of the last node they speak of: chitchat counts its last
/// block of 16 KiB and the next value, of 30 KB at most, as if they did not pack.
const MAY_BE_CUT_BYTES: usize = 16 * 1_024;
/// How often certificates of known nodes are looked at again.
const REVIEW_EVERY_MS: u64 = 1_000;
/// Nodes whose last words are remembered, so that they cannot be replayed when the node is forgotten.
const MAX_PAST: usize = 4_096;

/// A moment, by two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds by a clock that only goes forward.
    pub at_ms: u64,
    /// Milliseconds since 1970-01-01 UTC, for the validity of certificates.
    pub wall_ms: u64,
}

pub struct Guard {
    me: ChitchatId,
    cluster: String,
    trust: SharedTrust,
    known: HashMap<ChitchatId, Known>,
    /// Of nodes that were forgotten, the last incarnation and the newest version it signed.
    past: HashMap<NodeId, (u64, u64)>,
    marks: RandomState,
    reviewed_ms: u64,
}

/// What a frame came to.
#[derive(Debug, Default)]
pub struct Refused(pub Vec<Refusal>);

/// One frame under examination.
struct Examination<'a> {
    trust: &'a Trust,
    now: Moment,
    /// The last node of the delta may be there in part.
    may_be_cut: bool,
    forged: usize,
    refused: Vec<Refusal>,
}

// === impl Guard ===

impl Guard {
    /// A guard before this incarnation, which believes whom `trust` believes.
    pub fn new(me: ChitchatId, cluster: String, trust: SharedTrust) -> Self {
        Guard {
            me,
            cluster,
            trust,
            known: HashMap::new(),
            past: HashMap::new(),
            marks: RandomState::new(),
            reviewed_ms: 0,
        }
    }

    /// This node begins anew; what is known of others stays.
    pub fn begin(&mut self, me: ChitchatId) {
        self.me = me;
    }

    /// What of a frame chitchat may see, and why parts of it were taken out. `length` is that of the frame as
    /// it came, in bytes.
    ///
    /// # Errors
    /// Where it may see nothing of it.
    pub fn admit(
        &mut self,
        frame: Frame,
        length: usize,
        now: Moment,
    ) -> Result<(Frame, Refused), Refusal> {
        let Frame { version, message } = frame;
        if let Message::Syn { cluster, .. } = &message
            && *cluster != self.cluster
        {
            return Err(Refusal::OtherCluster);
        }
        let trust = self.trust.trust();
        self.review(&trust, now);
        let mut examination = Examination {
            trust: &trust,
            now,
            may_be_cut: length >= MAY_BE_CUT_BYTES,
            forged: 0,
            refused: Vec::new(),
        };
        // The delta first: what it proves, the digest beside it may name.
        let message = match message {
            Message::Syn { cluster, digest } => Message::Syn {
                cluster,
                digest: self.digest(digest),
            },
            Message::SynAck { digest, delta } => {
                let delta = self.delta(delta, &mut examination);
                Message::SynAck {
                    digest: self.digest(digest),
                    delta,
                }
            }
            Message::Ack { delta } => Message::Ack {
                delta: self.delta(delta, &mut examination),
            },
        };
        Ok((Frame { version, message }, Refused(examination.refused)))
    }

    /// What a peer says it has of nodes that are known, with heartbeats of our own.
    fn digest(&self, mut digest: Vec<DigestEntry>) -> Vec<DigestEntry> {
        digest.retain_mut(|entry| {
            // Nothing of ours is ever collected.
            entry.collected = 0;
            match self.known.get(&entry.id) {
                Some(known) => {
                    entry.heartbeat = known.beat;
                    !known.barred
                }
                None => entry.id == self.me,
            }
        });
        digest
    }

    fn delta(&mut self, mut delta: Vec<NodeDelta>, to: &mut Examination<'_>) -> Vec<NodeDelta> {
        let nodes = delta.len();
        for (place, node) in delta.iter_mut().enumerate() {
            let may_be_cut = to.may_be_cut && place + 1 == nodes;
            let passes = match to.forged < MAX_FORGED {
                true => self.node(node, may_be_cut, to),
                false => Err(Refusal::Signature),
            };
            if let Err(refusal) = passes {
                node.values.clear();
                to.forged += usize::from(refusal.is_forgery());
                to.refused.push(refusal);
            }
        }
        delta.retain(|node| !node.values.is_empty());
        delta
    }

    /// Whether what a delta says of a node may pass, whole; remembers it if so.
    fn node(
        &mut self,
        node: &mut NodeDelta,
        may_be_cut: bool,
        to: &Examination<'_>,
    ) -> Result<(), Refusal> {
        // Said where nothing is left to say, and where something was deleted: nothing here depends on either.
        node.version = None;
        node.collected = 0;
        let Some(last) = node.values.last() else {
            return Ok(());
        };
        if node.id == self.me {
            return Err(Refusal::Own);
        }
        let met;
        let known = match self.known.get(&node.id) {
            Some(known) => known,
            None => {
                met = self.meet(node, last.version, to)?;
                &met
            }
        };
        if known.barred {
            return Err(Refusal::Certificate);
        }
        if node.from > 0 && last.version < known.version {
            // Old news, which chitchat would not take.
            node.values.clear();
            return Ok(());
        }
        let member = self.verify(&node.id, &node.values, known, to)?;
        let whole = sum(&last.value) == Some(known.sum_after(node.from, &node.values));
        if !(whole || may_be_cut || known.holed && node.from > 0) {
            return Err(Refusal::Gap);
        }
        let version = last.version;
        let known = match self.known.entry(node.id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(Known::new(member.clone())),
        };
        known.member = member;
        known.holed = !whole;
        for value in &node.values {
            known.take(value, &self.marks)?;
        }
        if version > known.version {
            known.heard(version, to.now.at_ms);
        }
        Ok(())
    }

    /// An incarnation that was not known: vouched for by the certificate among its values.
    fn meet(&self, node: &NodeDelta, newest: u64, to: &Examination<'_>) -> Result<Known, Refusal> {
        let id = &node.id;
        let shown = node.values.iter().find(|value| value.key == keys::CERT);
        let member = self.certificate(id, shown.ok_or(Refusal::Unproven)?, to)?;
        let of_the_node = |other: &&ChitchatId| other.node_id == id.node_id;
        if self.known.keys().filter(of_the_node).count() >= MAX_INCARNATIONS {
            return Err(Refusal::TooMuch);
        }
        if self.known.len() + 1 >= MAX_NODES {
            return Err(Refusal::TooManyNodes);
        }
        match self.past.get(&member.node) {
            // Said before the node was forgotten: it is only said again.
            Some(&past) if (id.generation_id, newest) <= past => Err(Refusal::Unproven),
            _ => Ok(Known::new(member)),
        }
    }

    /// Whether the node signed all these values; the member it is by the newest certificate among them.
    fn verify(
        &self,
        id: &ChitchatId,
        values: &[KeyValue],
        known: &Known,
        to: &Examination<'_>,
    ) -> Result<Member, Refusal> {
        let mut member = known.member.clone();
        for value in values {
            if value.status != Status::Set {
                return Err(Refusal::Deletion);
            }
            if known.has(value, &self.marks) {
                continue;
            }
            if value.key == keys::CERT {
                member = self.certificate(id, value, to)?;
            } else if !self.said(id, value)?.is_signed(&value.value, &member.key) {
                return Err(Refusal::Signature);
            }
        }
        Ok(member)
    }

    /// The member whose certificate this value is, signed with the key in it.
    fn certificate(
        &self,
        id: &ChitchatId,
        value: &KeyValue,
        to: &Examination<'_>,
    ) -> Result<Member, Refusal> {
        let said = self.said(id, value)?;
        let der = BASE64.decode(said.payload);
        let der = der.map_err(|_| Refusal::Certificate)?;
        let member = to.trust.verify_member(&der, to.now.wall_ms);
        let member = member.map_err(|_| Refusal::Certificate)?;
        let own = member.node.as_str() == &*id.node_id && said.is_signed(&value.value, &member.key);
        match own {
            true => Ok(member),
            false => Err(Refusal::Certificate),
        }
    }

    fn said<'a>(&'a self, id: &'a ChitchatId, value: &'a KeyValue) -> Result<Said<'a>, Refusal> {
        Ok(Said {
            cluster: &self.cluster,
            id,
            key: &value.key,
            version: value.version,
            sum: sum(&value.value).ok_or(Refusal::Signature)?,
            payload: payload(&value.value).unwrap_or_default(),
        })
    }

    /// Forgets who has not been heard for long; bars who is not believed any more, as long as that is so.
    fn review(&mut self, trust: &Trust, now: Moment) {
        if now.at_ms < self.reviewed_ms + REVIEW_EVERY_MS {
            return;
        }
        self.reviewed_ms = now.at_ms;
        let past = &mut self.past;
        self.known.retain(|id, known| {
            known.barred = trust.still_trusts(&known.member, now.wall_ms).is_err();
            let stays = known.heard_ms + FORGET_AFTER_MS > now.at_ms;
            let node = &known.member.node;
            if !stays && (past.len() < MAX_PAST || past.contains_key(node)) {
                let last = (id.generation_id, known.version);
                let words = past.entry(node.clone()).or_insert(last);
                *words = last.max(*words);
            }
            stays
        });
    }
}
