//! Replicas on a network that loses, repeats, delays and reorders.

mod cases;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weir_config::history::{self, Retention, Version};
use weir_config::object::Space;
use weir_config::operation::Change;
use weir_config::{Kind, NodeId, Object, ObjectKey, Record, Stamp};

use super::wire_model::Network;
use super::*;

pub(super) const NOW_MS: u64 = 1_700_000_000_000;

fn node(n: usize) -> NodeId {
    format!("n{n}").parse().unwrap()
}

pub(super) fn space(id: &str, name: &str) -> Object {
    Object::Space(Space {
        id: id.to_owned(),
        name: name.to_owned(),
        ..Space::default()
    })
}

fn record(id: &str, wall_ms: u64) -> Record {
    Record {
        key: ObjectKey::new(Kind::Space, id),
        stamp: Stamp {
            wall_ms,
            counter: 0,
            node: node(9),
        },
        based_on: None,
        author: "test".to_owned(),
        request: None,
        object: Some(space(id, "poison")),
    }
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Put {
        at: usize,
        id: u8,
        clock_ms: u64,
        request: Option<u8>,
    },
    Delete {
        at: usize,
        id: u8,
        clock_ms: u64,
    },
    /// Node `to` sees the digest of node `of`, as it is now.
    Gossip {
        of: usize,
        to: usize,
    },
    /// The message at this place of the network is delivered, and stays there if it is repeated.
    Deliver {
        place: usize,
        repeat: bool,
    },
    Lose {
        place: usize,
    },
    Gone {
        at: usize,
        peer: usize,
    },
    Cut {
        a: usize,
        b: usize,
    },
    Heal,
    Restart {
        at: usize,
    },
    /// The node stops between two effects: what it has not stored by then it does not know any more.
    Crash {
        at: usize,
        after: usize,
    },
    Tick {
        at: usize,
    },
}

fn step(nodes: usize) -> impl Strategy<Value = Step> {
    let at = move || 0..nodes;
    let place = || 0..64usize;
    let put = (at(), 0u8..12, 0u64..50_000, prop::option::of(0u8..4));
    prop_oneof![
        4 => put.prop_map(|(at, id, clock_ms, request)| Step::Put { at, id, clock_ms, request }),
        1 => (at(), 0u8..12, 0u64..50_000).prop_map(|(at, id, clock_ms)| Step::Delete { at, id, clock_ms }),
        5 => (at(), at()).prop_map(|(of, to)| Step::Gossip { of, to }),
        8 => (place(), any::<bool>()).prop_map(|(place, repeat)| Step::Deliver { place, repeat }),
        1 => place().prop_map(|place| Step::Lose { place }),
        1 => (at(), at()).prop_map(|(at, peer)| Step::Gone { at, peer }),
        1 => (at(), at()).prop_map(|(a, b)| Step::Cut { a, b }),
        1 => Just(Step::Heal),
        1 => at().prop_map(|at| Step::Restart { at }),
        1 => (at(), 0usize..4).prop_map(|(at, after)| Step::Crash { at, after }),
        1 => at().prop_map(|at| Step::Tick { at }),
    ]
}

fn histories() -> impl Strategy<Value = (usize, Vec<Step>)> {
    (2usize..6).prop_flat_map(|nodes| (Just(nodes), prop::collection::vec(step(nodes), 0..150)))
}

/// Histories short enough that one object has many versions.
fn retentions() -> impl Strategy<Value = Retention> {
    (1usize..5, 1_000u64..60_000).prop_map(|(keep_versions, keep_ms)| Retention {
        keep_versions,
        keep_ms,
        ..Retention::default()
    })
}

fn keeping(retention: Retention) -> ReplicaOptions {
    ReplicaOptions {
        retention,
        caught_up: false,
    }
}

fn network(nodes: usize) -> Network {
    Network::new((0..nodes).map(node), ReplicaOptions::default())
}

fn act(network: &mut Network, step: &Step) {
    match *step {
        Step::Put {
            at,
            id,
            clock_ms,
            request,
        } => {
            let object = space(&format!("s{id}"), &format!("by {at} at {clock_ms}"));
            let request = request.map(|n| format!("request-{n}#0"));
            network.write(
                at,
                NOW_MS + clock_ms,
                request.as_deref(),
                Change::put(object),
            );
        }
        Step::Delete { at, id, clock_ms } => {
            let key = ObjectKey::new(Kind::Space, format!("s{id}"));
            network.write(at, NOW_MS + clock_ms, None, Change::delete(key));
        }
        Step::Gossip { of, to } => network.gossip(of, to),
        Step::Deliver { place, repeat } => network.deliver(place, repeat),
        Step::Lose { place } => network.lose(place),
        Step::Gone { at, peer } => network.gone(at, peer),
        Step::Cut { a, b } => network.cut(a, b),
        Step::Heal => network.heal(),
        Step::Restart { at } => network.restart(at),
        Step::Crash { at, after } => network.crash_after(at, after),
        Step::Tick { at } => network.tick(at),
    }
}

fn play(network: &mut Network, steps: &[Step]) {
    for step in steps {
        act(network, step);
    }
}

fn names(replica: &Replica) -> BTreeSet<VersionName> {
    let index = &replica.state().index;
    let named = |(key, versions): (&ObjectKey, &[Version])| {
        let name = |version: &Version| (key.clone(), version.stamp.clone());
        versions.iter().map(name).collect::<Vec<_>>()
    };
    index.iter().flat_map(named).collect()
}

/// The conflicts of every object.
fn conflicts(replica: &Replica) -> Vec<(ObjectKey, Vec<Stamp>)> {
    let index = &replica.state().index;
    let lost =
        |(key, versions): (&ObjectKey, &[Version])| (key.clone(), history::conflicts(versions));
    index.iter().map(lost).collect()
}

fn assert_equal(network: &Network) {
    let first = network.live().next().unwrap();
    for replica in network.live() {
        assert_eq!(names(replica), names(first));
        let (ours, theirs) = (replica.state(), first.state());
        assert!(ours.catalog.records().eq(theirs.catalog.records()));
        assert_eq!(ours.buckets, theirs.buckets);
        assert_eq!(ours.newest_root, theirs.newest_root);
        let lost: BTreeMap<_, _> = conflicts(replica).into_iter().collect();
        assert_eq!(lost, conflicts(first).into_iter().collect());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn after_a_quiet_period_all_replicas_are_equal((nodes, steps) in histories()) {
        let mut network = network(nodes);
        play(&mut network, &steps);
        network.settle();
        assert_equal(&network);
    }

    #[test]
    fn a_version_once_stored_is_on_every_node_in_the_end((nodes, steps) in histories()) {
        let mut network = network(nodes);
        play(&mut network, &steps);
        network.settle();
        for replica in network.live() {
            prop_assert_eq!(&names(replica), &network.written);
        }
    }

    #[test]
    fn an_acknowledged_write_survives_the_death_of_its_writer_or_any_other_node_at_the_next_instant(
        (nodes, steps) in histories(), dies in 0usize..6,
    ) {
        let mut network = network(nodes);
        for step in &steps {
            let before: BTreeSet<Stamp> = network.acknowledged.keys().cloned().collect();
            act(&mut network, step);
            let new = network.acknowledged.keys().filter(|&write| !before.contains(write));
            let writers = new.filter_map(|write| (0..nodes).find(|&n| node(n) == write.node));
            let mut dying: BTreeSet<usize> = writers.collect();
            if !dying.is_empty() {
                dying.insert(dies % nodes);
            }
            // Each of them dies in another course of events, its disk with it.
            for dead in dying {
                let mut other = network.clone();
                other.die(dead);
                other.settle_for(6);
                for replica in other.live() {
                    let known = names(replica);
                    for version in other.acknowledged.values().flatten() {
                        prop_assert!(known.contains(version), "{:?} is lost with node {}", version, dead);
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_replica_says_of_itself_is_always_what_is_on_its_disk((nodes, steps) in histories()) {
        let mut network = network(nodes);
        for step in &steps {
            act(&mut network, step);
            for (replica, disk) in network.replicas.iter().zip(&network.disks) {
                prop_assert_eq!(&names(replica), &disk.keys().cloned().collect());
            }
        }
        for (at, disk) in network.disks.iter().enumerate() {
            let rebuilt = Replica::new(node(at), disk.values().cloned());
            let (rebuilt, kept) = (rebuilt.state(), network.replicas[at].state());
            prop_assert_eq!(&rebuilt.buckets, &kept.buckets);
            prop_assert_eq!(&rebuilt.newest_root, &kept.newest_root);
            prop_assert!(rebuilt.catalog.records().eq(kept.catalog.records()));
        }
    }

    #[test]
    fn pruning_keeps_every_newest_version_and_ends((nodes, steps) in histories(), retention in retentions()) {
        let mut network = Network::new((0..nodes).map(node), keeping(retention));
        let mut newest = BTreeMap::new();
        play(&mut network, &steps);
        for (key, stamp) in &network.written {
            newest.insert(key.clone(), stamp.clone());
        }
        network.now_ms = NOW_MS + 70_000;
        network.settle();
        assert_equal(&network);
        for replica in network.live() {
            for (key, stamp) in &newest {
                prop_assert_eq!(&replica.state().catalog.record(key).unwrap().stamp, stamp);
                prop_assert!(replica.state().index.versions(key).len() <= retention.keep_versions);
            }
        }
        let pulled = network.pulled;
        (0..3).for_each(|_| network.gossip_round());
        prop_assert_eq!(network.pulled, pulled, "they still ask each other");
    }

    #[test]
    fn a_request_asked_again_anywhere_is_carried_out_once(nodes in 2usize..5, asked in prop::collection::vec(0usize..5, 2..6)) {
        let mut network = network(nodes);
        for (nth, at) in asked.into_iter().enumerate() {
            let object = space("s", &format!("attempt {nth}"));
            network.write(at % nodes, NOW_MS + nth as u64, Some("r#0"), Change::put(object));
            network.settle_for(3);
        }
        prop_assert_eq!(network.written.len(), 1);
        for replica in network.live() {
            let found = replica.find_request("test", "r").unwrap();
            prop_assert_eq!(found.versions.iter().cloned().collect::<BTreeSet<_>>(), network.written.clone());
            prop_assert_eq!(replica.find_request("somebody else", "r"), None);
        }
    }
}
