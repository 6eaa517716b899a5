//! A network of planners: what is between them is lost, comes late, twice or out of order, and is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use weir_config::NodeId;

use crate::ledger::WHOLE;
use crate::plan::*;

/// How often nodes talk.
pub const TURN: Duration = Duration::from_millis(500);
/// After so long without a word a node is taken to be dead.
const PATIENCE: Duration = Duration::from_millis(1_600);

/// What befalls messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// In percent.
    pub loss: u64,
    /// In percent; the second one comes later.
    pub repeats: u64,
    /// At most; each message its own, so that they overtake each other.
    pub delay_turns: u64,
}

#[derive(Clone, Debug)]
pub struct Net {
    pub nodes: Vec<Machine>,
    pub now: Duration,
    pub weather: Weather,
    /// Nodes hear each other if they are in the same part.
    pub parts: BTreeMap<usize, usize>,
    messages: Vec<Message>,
    seed: u64,
    unchecked: bool,
}

/// A node and its disk.
#[derive(Clone, Debug)]
pub struct Machine {
    pub id: NodeId,
    /// `None`: it is down.
    pub planner: Option<Planner>,
    pub disk: Option<Kept>,
    /// The disk takes nothing.
    pub disk_fails: bool,
    pub incarnation: u64,
    /// How fast its clock runs, in thousandths.
    pub rate: u32,
    /// It stands still until then.
    pub stands_still_until: Duration,
    heard_at: BTreeMap<NodeId, Duration>,
    /// What is at its place in gossip: of each node the newest row, and the plans.
    board: BTreeMap<NodeId, Words>,
    pub begins: bool,
}

#[derive(Clone, Debug)]
struct Words {
    row: MintRow,
    plan: Option<Arc<Plan>>,
    said_at: Duration,
}

#[derive(Clone, Debug)]
struct Message {
    due: Duration,
    to: usize,
    words: BTreeMap<NodeId, Words>,
}

pub fn terms() -> PlanTerms {
    PlanTerms::default()
}

pub fn id(n: usize) -> NodeId {
    format!("n{n}").parse().unwrap()
}

// === impl Machine ===

impl Machine {
    fn new(n: usize) -> Self {
        Machine {
            id: id(n),
            planner: None,
            disk: None,
            disk_fails: false,
            incarnation: 0,
            rate: 1_000,
            stands_still_until: Duration::ZERO,
            heard_at: BTreeMap::new(),
            board: BTreeMap::new(),
            begins: n == 0,
        }
    }

    /// What the node's own clock says.
    pub fn clock(&self, now: Duration) -> Duration {
        now * self.rate / 1_000
    }

    pub fn planner(&self) -> &Planner {
        self.planner.as_ref().unwrap()
    }
}

// === impl Net ===

impl Net {
    /// So many nodes, all down.
    pub fn new(nodes: usize, seed: u64) -> Self {
        Net {
            nodes: (0..nodes).map(Machine::new).collect(),
            now: Duration::from_secs(1),
            weather: Weather::default(),
            parts: BTreeMap::new(),
            messages: Vec::new(),
            seed: seed.wrapping_mul(2).wrapping_add(1),
            unchecked: false,
        }
    }

    /// A cluster of so many nodes that have settled.
    pub fn settled(nodes: usize) -> Self {
        let mut net = Net::new(nodes, 7);
        (0..nodes).for_each(|n| net.start(n));
        net.run(40);
        net.assert_settled(&(0..nodes).collect::<Vec<_>>());
        net
    }

    pub fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below.max(1)
    }

    pub fn start(&mut self, n: usize) {
        let now = self.now;
        let node = &mut self.nodes[n];
        // Generations go up, however fast a node starts again.
        node.incarnation = (node.incarnation + 1).max(now.as_millis() as u64);
        let clock = node.clock(now);
        let begins = node.begins && node.disk.as_ref().is_none_or(|kept| kept.seen.is_none());
        let planner = Planner::new(
            node.id.clone(),
            node.incarnation,
            node.disk.clone(),
            terms(),
            begins,
            clock,
        );
        node.planner = Some(planner);
    }

    /// The process is gone. Its disk stays.
    pub fn crash(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.planner = None;
        node.heard_at.clear();
        node.board.clear();
        self.messages.retain(|message| message.to != n);
    }

    pub fn restart(&mut self, n: usize) {
        self.crash(n);
        self.start(n);
    }

    /// Cuts the network into these parts and the rest.
    pub fn cut(&mut self, parts: &[&[usize]]) {
        let all = parts.iter().enumerate();
        self.parts = all
            .flat_map(|(part, nodes)| nodes.iter().map(move |n| (*n, part + 1)))
            .collect();
    }

    pub fn heal(&mut self) {
        self.parts.clear();
    }

    fn hears(&self, a: usize, b: usize) -> bool {
        self.parts.get(&a) == self.parts.get(&b)
    }

    pub fn run(&mut self, turns: usize) {
        for _ in 0..turns {
            self.turn();
        }
    }

    /// Runs until something holds.
    pub fn run_until(&mut self, turns: usize, what: &str, holds: impl Fn(&Net) -> bool) -> usize {
        for turn in 0..turns {
            if holds(self) {
                return turn;
            }
            self.turn();
        }
        panic!("not after {turns} turns: {what}\n{}", self.describe());
    }

    /// Runs while more than the whole may be minted, until something holds.
    pub fn run_until_unchecked(&mut self, turns: usize, holds: impl Fn(&Net) -> bool) {
        self.unchecked = true;
        self.run_until(turns, "all is well again", holds);
        self.unchecked = false;
        self.check();
    }

    /// One turn of every node: it takes in what has come, does what there is to do, and tells the others.
    pub fn turn(&mut self) {
        let nodes = self.nodes.len();
        let step = TURN / nodes as u32;
        for n in 0..nodes {
            self.now += step;
            self.deliver();
            self.act(n);
            self.check();
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.messages)
            .into_iter()
            .partition(|message| message.due <= now);
        self.messages = later;
        let due: Vec<Message> = due;
        for message in due {
            let node = &mut self.nodes[message.to];
            if node.stands_still_until > now {
                continue;
            }
            let clock = node.clock(now);
            let Some(planner) = &mut node.planner else {
                continue;
            };
            for (of, words) in message.words {
                if of == node.id {
                    continue;
                }
                let newer = |known: &Words| words.said_at > known.said_at;
                if node.board.get(&of).is_none_or(newer) {
                    node.heard_at.insert(of.clone(), now);
                }
                // The planner hears late and repeated words too.
                planner.hear(clock, &of, words.row.clone());
                if let Some(plan) = &words.plan {
                    planner.hear_plan(Plan::clone(plan));
                }
                if node.board.get(&of).is_none_or(newer) {
                    node.board.insert(of, words);
                }
            }
        }
    }

    fn act(&mut self, n: usize) {
        let now = self.now;
        let node = &mut self.nodes[n];
        if node.stands_still_until > now {
            return;
        }
        let clock = node.clock(now);
        let Some(planner) = &mut node.planner else {
            return;
        };
        let live = node.heard_at.iter().filter(|(_, at)| now - **at < PATIENCE);
        planner.set_live(clock, live.map(|(node, _)| node.clone()).collect());
        for _ in 0..4 {
            let outcome = planner.tick(clock);
            let Some(keep) = outcome.keep else {
                break;
            };
            if node.disk_fails {
                break;
            }
            let again = Kept::decode(&keep.encode()).unwrap();
            assert_eq!(again, keep);
            node.disk = Some(keep);
            planner.kept();
        }
        let words = Words {
            row: planner.row(clock),
            plan: planner.document(),
            said_at: now,
        };
        assert_eq!(MintRow::decode(&words.row.encode()).unwrap(), words.row);
        node.board.insert(node.id.clone(), words);
        let board = node.board.clone();
        self.send(n, &board);
    }

    fn send(&mut self, from: usize, board: &BTreeMap<NodeId, Words>) {
        for to in 0..self.nodes.len() {
            if to == from || self.nodes[to].planner.is_none() || !self.hears(from, to) {
                continue;
            }
            if self.random(100) < self.weather.loss {
                continue;
            }
            let copies = 1 + usize::from(self.random(100) < self.weather.repeats);
            for _ in 0..copies {
                let delay = TURN * self.random(self.weather.delay_turns + 1) as u32;
                self.messages.push(Message {
                    due: self.now + delay,
                    to,
                    words: board.clone(),
                });
            }
        }
    }

    /// What each node mints at this instant.
    pub fn minted(&self) -> Vec<u64> {
        let nodes = self.nodes.iter();
        nodes.map(|node| self.mints(node)).collect()
    }

    fn mints(&self, node: &Machine) -> u64 {
        let clock = node.clock(self.now);
        let tick = Duration::from_nanos(1);
        let open = |planner: &&Planner| planner.mint_window(clock, clock + tick) == tick;
        node.planner.as_ref().filter(open).map_or(0, Planner::share)
    }

    pub fn check(&mut self) {
        let minted = self.minted();
        let sum: u64 = minted.iter().sum();
        assert!(
            sum <= WHOLE || self.unchecked,
            "{minted:?} are more than the whole\n{}",
            self.describe()
        );
    }

    /// Whether these nodes have settled the same plan, with exactly them in it, and mint all but a rounding.
    pub fn is_settled(&self, nodes: &[usize]) -> bool {
        let all: BTreeSet<NodeId> = nodes.iter().map(|n| id(*n)).collect();
        let first = self.nodes[nodes[0]]
            .planner
            .as_ref()
            .and_then(|planner| planner.status(self.now).seen);
        let same = nodes.iter().all(|n| {
            let Some(planner) = &self.nodes[*n].planner else {
                return false;
            };
            let status = planner.status(self.nodes[*n].clock(self.now));
            let members: BTreeSet<NodeId> = status.members.keys().cloned().collect();
            status.complete && status.seen == first && members == all
        });
        let sum: u64 = nodes.iter().map(|n| self.mints(&self.nodes[*n])).sum();
        same && sum > WHOLE - 64
    }

    pub fn assert_settled(&self, nodes: &[usize]) {
        assert!(
            self.is_settled(nodes),
            "{nodes:?} have not settled\n{}",
            self.describe()
        );
    }

    pub fn describe(&self) -> String {
        let mut text = format!("at {:?}\n", self.now);
        for node in &self.nodes {
            let clock = node.clock(self.now);
            match &node.planner {
                None => text += &format!("{}: down\n", node.id),
                Some(planner) => {
                    let status = planner.status(clock);
                    text += &format!(
                        "{} ({:?}): {:?}\n   held {:?}\n",
                        node.id, clock, status, planner.held
                    );
                }
            }
        }
        text
    }
}
