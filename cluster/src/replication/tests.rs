//! Replicas on a network that loses, repeats, delays and reorders.

use proptest::prelude::*;
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
        author: "test".to_owned(),
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
    Restart {
        at: usize,
    },
}

fn step(nodes: usize) -> impl Strategy<Value = Step> {
    let at = move || 0..nodes;
    let place = || 0..64usize;
    prop_oneof![
        3 => (at(), 0u8..40, 0u64..50_000).prop_map(|(at, id, clock_ms)| Step::Put { at, id, clock_ms }),
        1 => (at(), 0u8..40, 0u64..50_000).prop_map(|(at, id, clock_ms)| Step::Delete { at, id, clock_ms }),
        4 => (at(), at()).prop_map(|(of, to)| Step::Gossip { of, to }),
        6 => (place(), any::<bool>()).prop_map(|(place, repeat)| Step::Deliver { place, repeat }),
        1 => place().prop_map(|place| Step::Lose { place }),
        1 => (at(), at()).prop_map(|(at, peer)| Step::Gone { at, peer }),
        1 => at().prop_map(|at| Step::Restart { at }),
    ]
}

fn histories() -> impl Strategy<Value = (usize, Vec<Step>)> {
    (2usize..6).prop_flat_map(|nodes| (Just(nodes), prop::collection::vec(step(nodes), 0..150)))
}

fn play(nodes: usize, steps: &[Step]) -> Network {
    let mut network = Network::new((0..nodes).map(node));
    for step in steps {
        match *step {
            Step::Put { at, id, clock_ms } => {
                let object = space(&format!("s{id}"), &format!("by {at} at {clock_ms}"));
                network.write(at, NOW_MS + clock_ms, Change::put(object));
            }
            Step::Delete { at, id, clock_ms } => {
                let key = ObjectKey::new(Kind::Space, format!("s{id}"));
                network.write(at, NOW_MS + clock_ms, Change::delete(key));
            }
            Step::Gossip { of, to } => network.gossip(of, to),
            Step::Deliver { place, repeat } => network.deliver(place, repeat),
            Step::Lose { place } => network.lose(place),
            Step::Gone { at, peer } => network.gone(at, peer),
            Step::Restart { at } => network.restart(at),
        }
    }
    network
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn after_a_quiet_period_all_replicas_are_equal((nodes, steps) in histories()) {
        let mut network = play(nodes, &steps);
        network.settle();
        let first = network.replicas[0].snapshot();
        for replica in &network.replicas {
            let snapshot = replica.snapshot();
            prop_assert!(snapshot.catalog.records().eq(first.catalog.records()));
            prop_assert_eq!(&snapshot.buckets, &first.buckets);
            prop_assert_eq!(&snapshot.newest, &first.newest);
        }
    }

    #[test]
    fn no_record_is_lost_once_merged((nodes, steps) in histories()) {
        // The network checks after every step that no replica's record ever gets older; here, that the
        // newest write of every object is what all end up with.
        let mut network = play(nodes, &steps);
        network.settle();
        for (key, stamp) in &network.written {
            prop_assert_eq!(&network.replicas[0].state().catalog.record(key).unwrap().stamp, stamp);
        }
    }

    #[test]
    fn digests_are_always_those_of_the_records((nodes, steps) in histories()) {
        let network = play(nodes, &steps);
        for (at, replica) in network.replicas.iter().enumerate() {
            let rebuilt = Replica::new(node(at), replica.state().catalog.records().cloned());
            prop_assert_eq!(&rebuilt.state().buckets, &replica.state().buckets);
        }
    }
}

#[test]
fn a_version_from_the_far_future_is_refused_and_does_not_spread() {
    let mut network = Network::new((0..3).map(node));
    network.write(0, NOW_MS, Change::put(space("good", "")));
    // A node whose own disk holds it: its clock was wrong.
    let poisoned = record("bad", NOW_MS + MAX_AHEAD_MS + 1);
    let known: Vec<Record> = network.replicas[0]
        .state()
        .catalog
        .records()
        .cloned()
        .collect();
    network.replicas[0] = Replica::new(node(0), known.into_iter().chain([poisoned.clone()]));
    network.settle();
    for replica in &network.replicas[1..] {
        assert!(replica.state().catalog.space("good").is_some());
        assert!(replica.state().catalog.record(&poisoned.key).is_none());
    }
    assert!(network.flags.iter().any(|reason| reason.contains("clock")));

    // Nor does it push the others' clocks ahead.
    let written = network.replicas[1].write(NOW_MS, "test", Change::put(space("next", "")));
    assert!(written[0].stamp.wall_ms <= NOW_MS + 1_000);
}

#[test]
fn a_stamp_at_the_limit_is_taken_and_new_changes_win_over_it() {
    let mut replica = Replica::new(node(0), []);
    let ahead = record("s", NOW_MS + MAX_AHEAD_MS);
    let records = vec![ahead.clone()];
    let effects = replica.handle(Event::Records {
        peer: node(1),
        now_ms: NOW_MS,
        records,
    });
    assert_eq!(
        effects,
        [Effect::Persist(vec![ahead.clone()]), Effect::Publish]
    );
    let written = replica.write(NOW_MS, "me", Change::put(space("s", "mine")));
    assert!(written[0].stamp > ahead.stamp);
}

#[test]
fn a_record_that_holds_another_object_is_refused() {
    let mut replica = Replica::new(node(0), []);
    let mut forged = record("s", NOW_MS);
    forged.key = ObjectKey::new(Kind::Space, "other");
    let effects = replica.handle(Event::Records {
        peer: node(1),
        now_ms: NOW_MS,
        records: vec![forged],
    });
    assert!(matches!(effects[..], [Effect::Flag { .. }]));
    assert!(replica.state().catalog.is_empty());
}

#[test]
fn a_peer_that_lacks_what_we_have_is_asked_once_and_not_again() {
    let mut ours = Replica::new(node(0), [record("s", NOW_MS)]);
    let digest = Event::PeerDigest {
        peer: node(1),
        buckets: Default::default(),
    };
    let asked = ours.handle(digest.clone());
    let [Effect::AskStamps { buckets, .. }] = &asked[..] else {
        panic!("{asked:?}");
    };
    let answer = Event::PeerStamps {
        peer: node(1),
        buckets: buckets.clone(),
        stamps: Vec::new(),
    };
    assert_eq!(ours.handle(answer), []);
    assert_eq!(ours.handle(digest), []);
}

#[test]
fn one_request_a_peer_is_under_way_and_a_failed_one_is_asked_again() {
    let theirs = Replica::new(node(1), [record("s", NOW_MS)]);
    let mut ours = Replica::new(node(0), []);
    let digest = || Event::PeerDigest {
        peer: node(1),
        buckets: theirs.state().buckets.clone(),
    };
    let first = ours.handle(digest());
    assert!(matches!(first[..], [Effect::AskStamps { .. }]));
    assert_eq!(ours.handle(digest()), []);
    ours.handle(Event::Failed { peer: node(1) });
    assert_eq!(ours.handle(digest()), first);
}

#[test]
fn many_records_come_in_bounded_batches() {
    let many = MAX_KEYS_A_PULL * 2 + 7;
    let mut network = Network::new((0..2).map(node));
    let puts = (0..many).map(|n| space(&format!("s{n}"), "")).collect();
    let change = Change {
        puts,
        deletes: Vec::new(),
    };
    network.write(0, NOW_MS, change);
    network.settle();
    assert_eq!(network.replicas[1].state().catalog.len(), many);
    assert!(network.largest_pull <= MAX_KEYS_A_PULL);
    assert!(network.largest_ask <= MAX_BUCKETS_AN_ASK);
}
