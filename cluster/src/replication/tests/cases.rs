//! One thing at a time.

use super::*;

#[test]
fn a_version_from_the_far_future_is_refused_and_does_not_spread() {
    let mut network = network(3);
    network.write(0, NOW_MS, None, Change::put(space("good", "")));
    // A node whose own disk holds it: its clock was wrong.
    let poisoned = record("bad", NOW_MS + MAX_AHEAD_MS + 1);
    let name = (poisoned.key.clone(), poisoned.stamp.clone());
    network.disks[0].insert(name, poisoned.clone());
    network.restart(0);
    network.settle();
    for replica in &network.replicas[1..] {
        assert!(replica.state().catalog.space("good").is_some());
        assert!(replica.state().catalog.record(&poisoned.key).is_none());
    }
    assert!(network.flags.iter().any(|reason| reason.contains("clock")));

    // Nor does it push the others' clocks ahead.
    let written = network.replicas[1].write(NOW_MS, "test", None, Change::put(space("next", "")));
    assert!(written.records[0].stamp.wall_ms <= NOW_MS + 1_000);
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
    let written = replica.write(NOW_MS, "me", None, Change::put(space("s", "mine")));
    assert!(written.records[0].stamp > ahead.stamp);
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
    let many = MAX_VERSIONS_A_PULL * 2 + 7;
    let mut network = network(2);
    let puts = (0..many).map(|n| space(&format!("s{n}"), "")).collect();
    let change = Change {
        puts,
        deletes: Vec::new(),
    };
    network.write(0, NOW_MS, None, change);
    network.settle();
    assert_eq!(network.replicas[1].state().catalog.len(), many);
    assert!(network.largest_pull <= MAX_VERSIONS_A_PULL);
    assert!(network.largest_ask <= MAX_BUCKETS_AN_ASK);
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn offered(now_ms: u64, records: Vec<Record>) -> Event {
    Event::Records {
        peer: node(1),
        now_ms,
        records,
    }
}

#[test]
fn an_old_object_that_may_have_been_deleted_since_is_refused_and_flagged() {
    let mut replica = Replica::new(node(0), [record("known", NOW_MS)]);
    let ghost = record("ghost", NOW_MS - 31 * DAY_MS);
    let effects = replica.handle(offered(NOW_MS, vec![ghost.clone()]));
    let [Effect::Flag { reason, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert!(reason.contains("space/ghost"), "{reason}");

    let mut new = Replica::new(node(0), []);
    let effects = new.handle(offered(NOW_MS, vec![ghost.clone()]));
    assert_eq!(effects, [Effect::Persist(vec![ghost]), Effect::Publish]);
}

#[test]
fn a_deletion_is_forgotten_with_its_history_and_does_not_come_back() {
    let mut network = network(2);
    let put = record("s", NOW_MS);
    let mut deleted = record("s", NOW_MS + 1);
    (deleted.based_on, deleted.object) = (Some(put.stamp.clone()), None);
    let other = record("other", NOW_MS);
    for at in 0..2 {
        for record in [&put, &deleted, &other] {
            let name = (record.key.clone(), record.stamp.clone());
            network.disks[at].insert(name, record.clone());
        }
        network.restart(at);
    }
    network.now_ms = NOW_MS + 30 * DAY_MS + 2;
    network.tick(0);
    assert!(
        network.replicas[0]
            .state()
            .catalog
            .record(&put.key)
            .is_none()
    );
    network.gossip_round();
    assert!(
        network.replicas[0]
            .state()
            .index
            .versions(&put.key)
            .is_empty()
    );
    network.settle();
    assert_equal(&network);
    assert_eq!(network.disks[1].len(), 1);
    assert_eq!(network.flags, [] as [String; 0]);
}

#[test]
fn a_new_node_is_caught_up_when_it_has_what_all_its_peers_have() {
    let mut network = network(2);
    network.write(0, NOW_MS, None, Change::put(space("s", "")));
    network.tick(1);
    network.tick(1);
    assert!(!network.replicas[1].caught_up(), "it has met nobody");
    network.gossip_round();
    network.gossip_round();
    network.tick(1);
    network.tick(1);
    assert!(network.replicas[1].caught_up());
}

#[test]
fn a_clock_far_behind_what_is_known_is_flagged_once() {
    let mut replica = Replica::new(node(0), [record("s", NOW_MS)]);
    let now_ms = NOW_MS - MAX_AHEAD_MS - 1;
    let effects = replica.handle(Event::Tick { now_ms });
    let [Effect::Flag { peer, reason }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(*peer, node(0));
    assert!(
        reason.contains("this node's clock is 60 s behind"),
        "{reason}"
    );
    assert_eq!(replica.handle(Event::Tick { now_ms }), []);
}

#[test]
fn a_write_is_pushed_at_once_and_counted_where_it_is_stored() {
    let mut network = network(3);
    network.gossip_round();
    let mut writer = network.replicas[0].clone();
    let written = writer.write(NOW_MS, "test", None, Change::put(space("s", "")));
    let name = written.name().unwrap().clone();
    let acked = |nodes: &[usize]| Effect::Acked {
        write: name.clone(),
        nodes: nodes.iter().map(|&n| node(n)).collect(),
    };
    let pushed = |n| Effect::Push {
        peer: node(n),
        records: written.records.as_slice().into(),
    };
    let expected = [Effect::Publish, pushed(1), pushed(2), acked(&[0])];
    assert_eq!(written.effects, expected);

    let effects = network.replicas[1].handle(Event::Push {
        peer: node(0),
        now_ms: NOW_MS,
        records: written.records.clone(),
    });
    let stamps = vec![name.clone()];
    let confirm = Effect::Confirm {
        peer: node(0),
        stamps: stamps.clone(),
    };
    let stored = Effect::Persist(written.records.clone());
    assert_eq!(effects, [stored, Effect::Publish, confirm]);
    let peer = node(1);
    assert_eq!(
        writer.handle(Event::Pushed { peer, stamps }),
        [acked(&[0, 1])]
    );

    // The push to the third was lost; its digest tells that it pulled.
    let digest = Event::PeerDigest {
        peer: node(2),
        buckets: writer.state().buckets.clone(),
    };
    assert_eq!(writer.handle(digest), [acked(&[0, 1, 2])]);
}
