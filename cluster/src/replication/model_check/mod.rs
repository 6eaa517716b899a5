//! A model check of the replica itself: three nodes, two that write at once, one that fails at any instant,
//! messages that come late, in any order or never. Every interleaving within the bounds is tried.

mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use stateright::{Checker, Model, Property};
use weir_config::operation::Change;
use weir_config::{NodeId, Record, Stamp};

use super::tests::{NOW_MS, space};
use super::*;

const NODES: usize = 3;
/// The most nodes that write, each once, all the same object.
const WRITERS: usize = 2;
/// Rounds of gossip after which all that is left must agree.
const QUIET_ROUNDS: usize = 3;

/// The cluster: what fails and how often bounds the search.
struct Cluster {
    /// How many nodes write, at most [`WRITERS`].
    writers: usize,
    failures: usize,
    losses: usize,
    gossips: usize,
}

#[derive(Clone, PartialEq, Hash, Debug)]
struct State {
    nodes: Vec<Node>,
    /// What is under way; it arrives in any order.
    messages: BTreeSet<Message>,
    wrote: [bool; WRITERS],
    /// Writes of which somebody was told that two nodes have them.
    acknowledged: BTreeSet<(usize, VersionName)>,
    failures: usize,
    losses: usize,
    gossips: usize,
    documents: Documents,
}

#[derive(Clone, PartialEq, Hash, Debug)]
struct Node {
    /// `None`: dead for good, its disk lost.
    replica: Option<Replica>,
    disk: BTreeSet<VersionName>,
    published: BTreeSet<VersionName>,
    /// What the replica has asked for and is not done yet. The node takes nothing new meanwhile.
    to_do: VecDeque<Task>,
}

/// The documents of all versions. They follow from the names, so states do not differ by them.
#[derive(Clone, Debug, Default)]
struct Documents(BTreeMap<VersionName, Record>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Task {
    Persist(Vec<VersionName>),
    Publish,
    Ask(usize, Vec<u8>),
    Pull(usize, Vec<VersionName>),
    Send(Message),
    Acknowledge(Stamp),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Message {
    from: usize,
    to: usize,
    body: Body,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Body {
    /// The answer to a pull.
    Records(Vec<VersionName>),
    Push(Vec<VersionName>),
    Pushed(Vec<Stamp>),
}

#[derive(Clone, PartialEq, Debug)]
enum Action {
    Write(usize),
    /// A node stores what it has to, or does all that comes after.
    Do(usize),
    Deliver(Message),
    Lose(Message),
    /// Node `to` hears by gossip what node `of` has published.
    Gossip {
        of: usize,
        to: usize,
    },
    /// A node stops and starts again from its disk.
    Restart(usize),
    /// A node is gone for good, and its disk.
    Die(usize),
}

fn id(n: usize) -> NodeId {
    format!("n{n}").parse().unwrap()
}

fn number(id: &NodeId) -> usize {
    id.as_str()[1..].parse().unwrap()
}

fn name(record: &Record) -> VersionName {
    (record.key.clone(), record.stamp.clone())
}

// === impl Documents ===

impl PartialEq for Documents {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::hash::Hash for Documents {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Documents {
    fn of(&self, names: &[VersionName]) -> Vec<Record> {
        names.iter().map(|name| self.0[name].clone()).collect()
    }
}

// === impl Cluster ===

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            nodes: (0..NODES).map(Node::new).collect(),
            messages: BTreeSet::new(),
            wrote: [false; WRITERS],
            acknowledged: BTreeSet::new(),
            failures: self.failures,
            losses: self.losses,
            gossips: self.gossips,
            documents: Documents::default(),
        };
        // They have met.
        for (of, to) in pairs() {
            state.gossip(of, to);
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let alive = |at: usize| state.nodes[at].replica.is_some();
        let idle = |at: usize| alive(at) && state.nodes[at].to_do.is_empty();
        for at in 0..NODES {
            if at < self.writers && !state.wrote[at] && idle(at) {
                actions.push(Action::Write(at));
            }
            if !state.nodes[at].to_do.is_empty() {
                actions.push(Action::Do(at));
            }
            // A failure before anything was written is none.
            if state.failures > 0 && alive(at) && state.wrote != [false; WRITERS] {
                actions.extend([Action::Restart(at), Action::Die(at)]);
            }
        }
        for (of, to) in pairs() {
            if state.gossips > 0
                && alive(of)
                && idle(to)
                && state.nodes[of].published != state.nodes[to].published
            {
                actions.push(Action::Gossip { of, to });
            }
        }
        for message in &state.messages {
            if idle(message.to) {
                actions.push(Action::Deliver(message.clone()));
            }
            if state.losses > 0 {
                actions.push(Action::Lose(message.clone()));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Write(at) => state.write(at),
            Action::Do(at) => state.proceed(at),
            Action::Gossip { of, to } => {
                state.gossips -= 1;
                state.gossip(of, to);
            }
            Action::Deliver(message) => {
                state.messages.remove(&message);
                state.deliver(message);
            }
            Action::Lose(message) => {
                state.losses -= 1;
                state.messages.remove(&message);
                state.tell_lost(message);
            }
            Action::Restart(at) => {
                state.failures -= 1;
                state.restart(at);
            }
            Action::Die(at) => {
                state.failures -= 1;
                state.die(at);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("an acknowledged write is not lost", |_, state: &State| {
                let held = |(_, version): &(usize, VersionName)| {
                    state.live().any(|node| node.disk.contains(version))
                };
                state.acknowledged.iter().all(held)
            }),
            Property::always("what is published is stored", |_, state: &State| {
                state
                    .live()
                    .all(|node| node.published.is_subset(&node.disk))
            }),
            Property::always("in force is the greatest version", |_, state: &State| {
                state.live().all(Node::in_force_is_greatest)
            }),
            Property::always("all that are left can agree", |_, state: &State| {
                state.under_way() || state.agree_after_quiet()
            }),
            Property::sometimes(
                "the writer of an acknowledged write is dead",
                |_, state: &State| {
                    let dead = |(at, _): &(usize, VersionName)| state.nodes[*at].replica.is_none();
                    state.acknowledged.iter().any(dead)
                },
            ),
            Property::sometimes(
                "both are acknowledged and one lost unseen",
                |cluster: &Cluster, state: &State| {
                    let conflict = |node: &Node| !node.conflicts().is_empty();
                    cluster.writers < 2
                        || state.acknowledged.len() == 2 && state.live().all(conflict)
                },
            ),
        ]
    }
}

/// Every node with every other.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    let all = (0..NODES).flat_map(|of| (0..NODES).map(move |to| (of, to)));
    all.filter(|(of, to)| of != to)
}

fn check(cluster: Cluster) {
    let begun = Instant::now();
    let checker = cluster.checker().threads(2).spawn_bfs().join();
    crate::explored::report(&checker, begun);
    checker.assert_properties();
}

#[test]
fn no_interleaving_of_two_writers_and_a_crash_loses_an_acknowledged_write() {
    check(Cluster {
        writers: 2,
        failures: 1,
        losses: 0,
        gossips: 0,
    });
}

#[test]
fn no_interleaving_of_gossip_with_a_write_a_loss_and_a_crash_loses_it() {
    check(Cluster {
        writers: 1,
        failures: 1,
        losses: 1,
        gossips: 2,
    });
}
