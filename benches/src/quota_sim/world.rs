//! One run: nodes, calls and messages in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use weir_cluster::ledger::{Incarnation, PARTS, Purse, Terms, WHOLE};
use weir_cluster::plan::Kept;

use super::dice::Dice;
use super::gossip::{FAN_OUT, KEYS, Message, View};
use super::measure::{Figures, Measure};
use super::plan::{Minting, kept};
use super::scenario::{Breaks, Scenario};
use super::scheme::{Limiter, Payload, Scheme};

/// Time between two mints of a node.
const MINT_US: u64 = 20_000;

/// Without an arrival for so long, the demand is looked at again.
const LOOK_AGAIN_US: u64 = 20_000;

/// Peers a push goes to.
pub(super) const PUSHED: usize = 8;

pub(super) struct Node {
    pub(super) alive: bool,
    generation: u32,
    pub(super) limiter: Limiter,
    pub(super) minting: Minting,
    /// On its disk.
    kept: Kept,
    pub(super) view: View,
    pub(super) heartbeat: u32,
    versions: [u32; KEYS],
    /// Parts, since the last turn.
    offered: u64,
    turned_us: u64,
    minted_us: u64,
    started_us: u64,
}

#[derive(Debug)]
pub(super) enum Event {
    Look {
        node: usize,
        generation: u32,
        arrival: bool,
    },
    Mint {
        node: usize,
        generation: u32,
    },
    Turn {
        node: usize,
        generation: u32,
    },
    Gossip {
        node: usize,
        generation: u32,
    },
    Deliver {
        from: usize,
        to: usize,
        message: Message,
    },
    Stop(usize),
    Start(usize),
}

/// A cluster of one scheme in one course of events.
pub struct World<'a> {
    pub(super) scenario: &'a Scenario,
    scheme: Scheme,
    terms: Terms,
    pub(super) now_us: u64,
    pub(super) nodes: Vec<Node>,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event>>,
    free: Vec<usize>,
    sequence: u64,
    pub(super) dice: Dice,
    pub(super) measure: Measure,
    debt_parts: i64,
}

/// Runs a scheme through a scenario.
pub fn run(scenario: &Scenario, scheme: Scheme, terms: Terms, seed: u64) -> Figures {
    let mut world = World::new(scenario, scheme, terms, seed);
    world.go();
    world.measure.figures(scenario)
}

// === impl World ===

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, scheme: Scheme, terms: Terms, seed: u64) -> Self {
        let limiter = |node| {
            Limiter::new(
                scheme,
                incarnation(node, 1),
                terms,
                scenario.limit,
                scenario.nodes,
            )
        };
        let planned = kept(scenario.nodes);
        let node = |node| Node {
            alive: false,
            generation: 0,
            limiter: limiter(node),
            minting: Minting::equal(scenario.nodes),
            kept: planned.clone(),
            view: View::new(scenario.nodes),
            heartbeat: 0,
            versions: [0; KEYS],
            offered: 0,
            turned_us: 0,
            minted_us: 0,
            started_us: 0,
        };
        let mut world = World {
            scenario,
            scheme,
            terms: Terms {
                interval: scenario.interval,
                ..terms
            },
            now_us: 0,
            nodes: (0..scenario.nodes).map(node).collect(),
            queue: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            dice: Dice::new(seed),
            measure: Measure::new(scenario),
            debt_parts: 0,
        };
        (0..scenario.nodes).for_each(|node| world.start(node));
        world.schedule_breaks();
        world
    }

    fn schedule_breaks(&mut self) {
        let us = |s: f64| (s * 1e6) as u64;
        match self.scenario.breaks {
            Breaks::Nothing | Breaks::CutOff { .. } | Breaks::Flapping { .. } => {}
            Breaks::Crash { at } => self.at(us(at), Event::Stop(1)),
            Breaks::Rolling { every_s, down_s } => {
                for i in 0..(self.scenario.seconds as f64 / every_s) as usize - 1 {
                    let (at, node) = ((i + 1) as f64 * every_s, i % self.scenario.nodes);
                    self.at(us(at), Event::Stop(node));
                    self.at(us(at + down_s), Event::Start(node));
                }
            }
        }
    }

    pub(super) fn at(&mut self, at_us: u64, event: Event) {
        let slot = self.free.pop().unwrap_or(self.events.len());
        if slot == self.events.len() {
            self.events.push(None);
        }
        self.events[slot] = Some(event);
        self.sequence += 1;
        self.queue.push(Reverse((at_us, self.sequence, slot)));
    }

    fn go(&mut self) {
        let end_us = self.scenario.seconds * 1_000_000;
        while let Some(Reverse((at_us, _, slot))) = self.queue.pop() {
            if at_us >= end_us {
                return;
            }
            self.now_us = at_us;
            self.free.push(slot);
            if let Some(event) = self.events[slot].take() {
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Look {
                node,
                generation,
                arrival,
            } if self.is(node, generation) => {
                self.look(node, arrival);
            }
            Event::Mint { node, generation } if self.is(node, generation) => self.mint(node),
            Event::Turn { node, generation } if self.is(node, generation) => {
                self.turn(node);
                let at_us = self.now_us + self.interval_us();
                self.at(at_us, Event::Turn { node, generation });
            }
            Event::Gossip { node, generation } if self.is(node, generation) => {
                self.nodes[node].heartbeat += 1;
                self.gossip(node, FAN_OUT);
                let at_us = self.now_us + self.interval_us();
                self.at(at_us, Event::Gossip { node, generation });
            }
            Event::Deliver { from, to, message } => self.deliver(from, to, message),
            Event::Stop(node) => self.stop(node),
            Event::Start(node) => self.start(node),
            _ => {}
        }
    }

    fn is(&self, node: usize, generation: u32) -> bool {
        self.nodes[node].alive && self.nodes[node].generation == generation
    }

    fn interval_us(&self) -> u64 {
        self.scenario.interval.as_micros() as u64
    }

    pub(super) fn now(&self, node: usize) -> Duration {
        Duration::from_micros(self.now_us - self.nodes[node].started_us)
    }

    fn start(&mut self, node: usize) {
        let generation = self.nodes[node].generation + 1;
        let (scenario, now_us) = (self.scenario, self.now_us);
        let me = incarnation(node, generation);
        let limiter = Limiter::new(self.scheme, me, self.terms, scenario.limit, scenario.nodes);
        let mut view = View::new(scenario.nodes);
        (0..KEYS).for_each(|key| view.of_mut(node, key).generation = generation);
        let kept = self.nodes[node].kept.clone();
        self.nodes[node] = Node {
            alive: true,
            generation,
            limiter,
            minting: match self.scheme {
                Scheme::Weir => Minting::new(node, scenario.nodes, generation, &kept),
                _ => Minting::equal(scenario.nodes),
            },
            kept,
            view,
            heartbeat: 1,
            versions: [0; KEYS],
            offered: 0,
            turned_us: now_us,
            minted_us: now_us,
            started_us: now_us,
        };
        // All in a step of their own.
        let interval_us = self.interval_us();
        let mut phase = |period| now_us + self.dice.between(1, period);
        let (look, mint) = (phase(LOOK_AGAIN_US), phase(MINT_US));
        let (turn, gossip) = (phase(interval_us), phase(interval_us));
        self.at(
            look,
            Event::Look {
                node,
                generation,
                arrival: false,
            },
        );
        self.at(mint, Event::Mint { node, generation });
        if self.scheme.gossips() {
            self.at(turn, Event::Turn { node, generation });
            self.at(gossip, Event::Gossip { node, generation });
        }
    }

    fn stop(&mut self, node: usize) {
        self.nodes[node].alive = false;
        let owed = self.nodes[node].limiter.purse.parts().min(0);
        self.debt_parts += owed;
        self.nodes[node].limiter.purse.set(0);
    }

    /// Changes a purse, and keeps count of what all owe.
    pub(super) fn with<T>(&mut self, node: usize, change: impl FnOnce(&mut Limiter) -> T) -> T {
        let limiter = &mut self.nodes[node].limiter;
        let before = limiter.purse.parts().min(0);
        let result = change(limiter);
        self.debt_parts += before - limiter.purse.parts().min(0);
        result
    }

    fn look(&mut self, node: usize, arrival: bool) {
        let scenario = self.scenario;
        if arrival {
            let bytes = self.dice.exponential(scenario.mean_call_bytes).max(1.0) as u64;
            self.call(node, bytes);
        }
        let rate = scenario.demand(self.now_us as f64 / 1e6, node) * scenario.limit as f64
            / scenario.mean_call_bytes;
        let gap_us = match rate > 0.0 {
            true => self.dice.exponential(1e6 / rate) as u64,
            false => u64::MAX,
        };
        let arrival = gap_us < LOOK_AGAIN_US;
        let at_us = self.now_us + gap_us.clamp(1, LOOK_AGAIN_US);
        let generation = self.nodes[node].generation;
        self.at(
            at_us,
            Event::Look {
                node,
                generation,
                arrival,
            },
        );
    }

    fn call(&mut self, node: usize, bytes: u64) {
        let parts = bytes * PARTS;
        self.nodes[node].offered += parts;
        let pays = if self.scheme == Scheme::Central {
            0
        } else {
            node
        };
        if self.nodes[pays].limiter.purse.parts() <= 0 {
            return;
        }
        self.with(pays, |limiter| {
            let purse = &limiter.purse;
            purse.set(purse.get() - parts as i64);
        });
        let debt = self.debt_parts as f64 / PARTS as f64;
        self.measure.admit(self.now_us, node, bytes as f64, debt);
    }

    fn mint(&mut self, node: usize) {
        let now_us = self.now_us;
        let since_start = |us: u64| Duration::from_micros(us - self.nodes[node].started_us);
        let (from, to) = (since_start(self.nodes[node].minted_us), since_start(now_us));
        let (share, elapsed) = self.nodes[node].minting.window(from, to);
        self.nodes[node].minted_us = now_us;
        let planned = share as f64 / WHOLE as f64 * elapsed.as_secs_f64();
        self.measure
            .plan(now_us, planned * self.scenario.limit as f64);
        self.with(node, |limiter| limiter.mint(share, elapsed));
        if self.nodes[node].limiter.runs_dry(self.now(node)) {
            self.turn(node);
            self.gossip(node, PUSHED);
        }
        let generation = self.nodes[node].generation;
        self.at(now_us + MINT_US, Event::Mint { node, generation });
    }

    pub(super) fn turn(&mut self, node: usize) {
        let (now, now_us) = (self.now(node), self.now_us);
        let share = self.nodes[node].minting.share();
        let interval = Duration::from_micros((now_us - self.nodes[node].turned_us).max(1_000));
        let offered = std::mem::take(&mut self.nodes[node].offered);
        self.nodes[node].turned_us = now_us;
        // Moved out for the time of the turn: the rows are read while the purse changes.
        let view = std::mem::replace(&mut self.nodes[node].view, View::new(0));
        let live = |peer: &usize| *peer != node && view.is_live(*peer, now_us);
        let live: Vec<usize> = (0..self.scenario.nodes).filter(live).collect();
        let rows = live
            .iter()
            .filter_map(|&peer| view.of(peer, 0).row.as_deref());
        let rows: Vec<&Payload> = rows.collect();
        let row = self.with(node, |limiter| {
            limiter.turn(now, share, offered, interval, &rows)
        });
        drop(rows);
        let this = &mut self.nodes[node];
        this.view = view;
        this.publish(node, 0, row);
        if self.scheme != Scheme::Weir {
            return;
        }
        if let Some((keep, mint, plan)) = this.minting.tick(now, live.into_iter()) {
            this.kept = keep.unwrap_or_else(|| this.kept.clone());
            this.publish(node, 1, Some(mint));
            this.publish(node, 2, plan);
        }
    }
}

// === impl Node ===

impl Node {
    fn publish(&mut self, me: usize, key: usize, row: Option<Payload>) {
        let own = self.view.of_mut(me, key);
        if own.row.as_deref() != row.as_ref() {
            self.versions[key] += 1;
            own.row = row.map(std::rc::Rc::new);
            own.version = self.versions[key];
        }
    }
}

fn incarnation(node: usize, generation: u32) -> Incarnation {
    let mut dice = Dice::new((node as u64) << 32 | u64::from(generation));
    Incarnation(dice.next())
}
