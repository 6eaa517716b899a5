//! A model check of the ledger: tokens are conserved, whatever rows are lost, late, old or repeated, and
//! whichever node starts again. The ledgers are the real ones; time goes in rounds of one gossip interval.

use std::cell::Cell;
use std::time::{Duration, Instant};

use stateright::{Checker, Model, Property};

use crate::ledger::{Entry, Incarnation, Ledger, PARTS, Purse, Terms, WHOLE};

const NODES: usize = 3;
const LIMIT_PER_SECOND: u64 = 300;
const ROUND: Duration = Duration::from_millis(100);
/// What every node saved up before it begins: 0.1 s of its share.
const SAVED: Duration = Duration::from_millis(100);

/// How long it goes on, and what befalls the nodes.
struct Exchange {
    rounds: u32,
    restarts: u8,
    /// How often a node hears a row again that is older than what it has heard.
    replays: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    now: u32,
    nodes: Vec<Holder>,
    /// Runs of nodes that are over, with what each said last.
    over: Vec<Holder>,
    restarts: u8,
    replays: u8,
}

/// One run of a node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Holder {
    me: Incarnation,
    ledger: Ledger,
    purse: Parts,
    /// The purse at its start.
    began_with: i64,
    minted: u64,
    credited: u64,
    donated: u64,
    dropped: u64,
    spent: u64,
    /// All it ever said, the oldest first.
    said: Vec<Entry>,
    /// What it last heard of each other node.
    heard: Vec<Option<(Incarnation, Entry)>>,
}

/// A purse of one thread.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Parts(i64);

struct Open<'a>(Cell<i64>, &'a Cell<i64>);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Action {
    /// All mint and take their turn; then, as a bit for each ordered pair, some hear others.
    Round(u16),
    /// A node hears again the first that another said.
    Replay(usize, usize),
    Restart(usize),
}

// === impl Purse for Open ===

impl Purse for Open<'_> {
    fn parts(&self) -> i64 {
        self.0.get()
    }

    fn add_up_to(&self, parts: u64, cap: u64) -> u64 {
        let room = (i128::from(cap) - i128::from(self.parts())).max(0);
        let added = i128::from(parts).min(room) as u64;
        self.set(self.parts() + added as i64);
        added
    }

    fn take_up_to(&self, parts: u64) -> u64 {
        let taken = parts.min(self.parts().max(0) as u64);
        self.set(self.parts() - taken as i64);
        taken
    }

    fn trim(&self, cap: u64) -> u64 {
        let above = (i128::from(self.parts()) - i128::from(cap)).max(0);
        self.take_up_to(above as u64)
    }
}

impl Open<'_> {
    fn set(&self, parts: i64) {
        self.0.set(parts);
        self.1.set(parts);
    }
}

// === impl Holder ===

impl Holder {
    fn new(n: usize, run: u64, parts: i64) -> Self {
        let me = Incarnation(10 * run + n as u64);
        Holder {
            me,
            ledger: Ledger::new(me, Terms::default(), LIMIT_PER_SECOND),
            purse: Parts(parts),
            began_with: parts,
            minted: 0,
            credited: 0,
            donated: 0,
            dropped: 0,
            spent: 0,
            said: Vec::new(),
            heard: vec![None; NODES],
        }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Ledger, &Open<'_>) -> R) -> R {
        let held = Cell::new(self.purse.0);
        let done = act(&mut self.ledger, &Open(Cell::new(self.purse.0), &held));
        self.purse.0 = held.get();
        done
    }

    fn mint(&mut self, elapsed: Duration) {
        self.minted += self.with(|ledger, purse| ledger.mint(purse, WHOLE / NODES as u64, elapsed));
    }

    /// Calls take all there is, and one token more.
    fn spend(&mut self) -> u64 {
        let spent = self.purse.0.max(0) as u64 + PARTS;
        let spent = if self.purse.0 > 0 { spent } else { 0 };
        self.purse.0 -= spent as i64;
        self.spent += spent;
        spent.max(LIMIT_PER_SECOND * PARTS / 10)
    }

    fn turn(&mut self, now: Duration, offered: u64) {
        let heard = self.heard.clone();
        let peers: Vec<(Incarnation, &Entry)> = heard
            .iter()
            .flatten()
            .map(|(of, entry)| (*of, entry))
            .collect();
        let turn = self
            .with(|ledger, purse| ledger.turn(purse, now, WHOLE / NODES as u64, offered, &peers));
        self.donated += turn.donated;
        self.dropped += turn.dropped;
        self.said.extend(turn.entry);
    }

    fn hear(&mut self, of: usize, giver: Incarnation, entry: &Entry) {
        self.credited += self.with(|ledger, purse| ledger.credit(purse, giver, entry));
        self.heard[of] = Some((giver, entry.clone()));
    }

    fn is_balanced(&self) -> bool {
        let came =
            i128::from(self.began_with) + i128::from(self.minted) + i128::from(self.credited);
        let went = i128::from(self.donated) + i128::from(self.dropped) + i128::from(self.spent);
        i128::from(self.purse.0) == came - went
    }
}

// === impl State ===

impl State {
    fn runs(&self) -> impl Iterator<Item = &Holder> {
        self.nodes.iter().chain(&self.over)
    }

    fn round(&mut self, heard: u16) {
        self.now += 1;
        let now = SAVED + ROUND * self.now;
        for (n, node) in self.nodes.iter_mut().enumerate() {
            node.mint(ROUND);
            // All demand is on the first node.
            let offered = if n == 0 { node.spend() } else { 0 };
            node.turn(now, offered);
        }
        for (place, (to, of)) in pairs().enumerate() {
            let said = (self.nodes[of].me, self.nodes[of].said.last().cloned());
            if let ((giver, Some(entry)), true) = (said, heard >> place & 1 == 1) {
                self.nodes[to].hear(of, giver, &entry);
            }
        }
    }
}

/// Every node with every other.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    let all = (0..NODES).flat_map(|to| (0..NODES).map(move |of| (to, of)));
    all.filter(|(to, of)| to != of)
}

// === impl Exchange ===

impl Model for Exchange {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut nodes: Vec<Holder> = (0..NODES).map(|n| Holder::new(n, 1, 0)).collect();
        nodes.iter_mut().for_each(|node| node.mint(SAVED));
        vec![State {
            now: 0,
            nodes,
            over: Vec::new(),
            restarts: self.restarts,
            replays: self.replays,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < self.rounds {
            actions.extend((0..1 << pairs().count()).map(Action::Round));
        }
        if state.replays > 0 {
            let said = |(_, of): &(usize, usize)| !state.nodes[*of].said.is_empty();
            actions.extend(pairs().filter(said).map(|(to, of)| Action::Replay(to, of)));
        }
        if state.restarts > 0 {
            actions.extend((0..NODES).map(Action::Restart));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Round(heard) => state.round(heard),
            Action::Replay(to, of) => {
                state.replays -= 1;
                let (giver, entry) = (state.nodes[of].me, state.nodes[of].said[0].clone());
                state.nodes[to].hear(of, giver, &entry);
            }
            Action::Restart(n) => {
                state.restarts -= 1;
                let debt = state.nodes[n].purse.0.min(0);
                let old = std::mem::replace(&mut state.nodes[n], Holder::new(n, 2, debt));
                state.over.push(old);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a node holds what came in less what went out",
                |_, state: &State| state.runs().all(Holder::is_balanced),
            ),
            Property::always(
                "nobody is credited more than was given to him",
                |_, state: &State| {
                    state.runs().all(|to| {
                        let credited = |of: &Holder| {
                            to.ledger.received_from(of.me) <= of.ledger.given_to(to.me)
                        };
                        state.runs().all(credited)
                    })
                },
            ),
            Property::always(
                "no more is spent and held than was minted",
                |_, state: &State| {
                    let minted: u64 = state.runs().map(|run| run.minted).sum();
                    let spent: u64 = state.runs().map(|run| run.spent).sum();
                    let held: i64 = state.nodes.iter().map(|node| node.purse.0).sum();
                    i128::from(spent) + i128::from(held) <= i128::from(minted)
                },
            ),
            Property::sometimes("tokens arrive", |_, state: &State| {
                state.runs().any(|run| run.credited > 0)
            }),
        ]
    }
}

fn check(exchange: Exchange) {
    let begun = Instant::now();
    let checker = exchange.checker().threads(2).spawn_bfs().join();
    crate::explored::report(&checker, begun);
    checker.assert_properties();
}

#[test]
fn no_exchange_of_tokens_creates_any() {
    check(Exchange {
        rounds: 3,
        restarts: 0,
        replays: 0,
    });
}

#[test]
fn no_restart_and_no_old_row_creates_tokens() {
    check(Exchange {
        rounds: 2,
        restarts: 1,
        replays: 1,
    });
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn no_longer_exchange_creates_tokens() {
    check(Exchange {
        rounds: 3,
        restarts: 1,
        replays: 1,
    });
}
