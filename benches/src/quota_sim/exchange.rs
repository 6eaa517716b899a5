//! Messages between the nodes of a run.

use super::gossip::{DATAGRAM_MAX_BYTES, Delta, Message};
use super::world::{Event, PUSHED, World};

// === impl World: gossip ===

impl World<'_> {
    pub(super) fn gossip(&mut self, node: usize, count: usize) {
        let now_us = self.now_us;
        let view = &self.nodes[node].view;
        let known = |peer: usize| peer != node && view.is_live(peer, now_us);
        let mut peers = self.dice.some(count, self.scenario.nodes, known);
        // As chitchat does with its seeds and with nodes it holds dead.
        if peers.is_empty() || self.dice.unit() < 0.1 {
            peers.extend(self.dice.some(1, self.scenario.nodes, |peer| peer != node));
        }
        self.refresh_own(node);
        let digest = self.nodes[node].view.digest();
        for peer in peers {
            self.send(node, peer, Message::Syn(digest.clone()));
        }
    }

    fn refresh_own(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        this.view.of_mut(node, 0).heartbeat = this.heartbeat;
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        self.measure.gossip_bytes += message.bytes() as u64;
        let (rows, bytes) = message.rows();
        self.measure.rows += rows as u64;
        self.measure.row_bytes += bytes as u64;
        let (low, high) = self.scenario.latency_us;
        let at_us = self.now_us + self.dice.between(low, high);
        let lost = self.dice.unit() < self.scenario.loss;
        if !lost && !self.scenario.is_cut(self.now_us as f64 / 1e6, from, to) {
            self.at(at_us, Event::Deliver { from, to, message });
        }
    }

    pub(super) fn deliver(&mut self, from: usize, to: usize, message: Message) {
        if !self.nodes[to].alive {
            return;
        }
        let now_us = self.now_us;
        match message {
            Message::Syn(digest) => {
                self.refresh_own(to);
                let this = &mut self.nodes[to];
                this.view.hear_digest(to, &digest, now_us);
                let own = this.view.digest();
                let room = DATAGRAM_MAX_BYTES.saturating_sub(Message::Syn(own.clone()).bytes() + 8);
                let delta = this.view.delta(&digest, room, &mut self.dice);
                self.send(to, from, Message::SynAck(own, delta));
            }
            Message::SynAck(digest, delta) => {
                self.nodes[to].view.hear_digest(to, &digest, now_us);
                self.hear(to, delta);
                let room = DATAGRAM_MAX_BYTES - 8;
                let delta = self.nodes[to].view.delta(&digest, room, &mut self.dice);
                self.send(to, from, Message::Ack(delta));
            }
            Message::Ack(delta) => self.hear(to, delta),
        }
    }

    fn hear(&mut self, node: usize, delta: Delta) {
        let mut help = false;
        for slot in self.nodes[node].view.hear(node, delta) {
            let Some(row) = self.nodes[node].view.slots[slot].row.clone() else {
                continue;
            };
            let (now, peer) = (self.now(node), slot % self.scenario.nodes);
            self.nodes[node].minting.hear(now, peer, &row);
            self.with(node, |limiter| limiter.hear(&row));
            help |= self.nodes[node].limiter.can_help(now, &row);
        }
        if help {
            self.turn(node);
            self.gossip(node, PUSHED);
        }
    }
}
