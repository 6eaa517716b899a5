//! Who can say what of whom.

use super::*;

#[test]
fn what_a_node_signed_passes_whoever_brings_it() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    let first = x.after(0);
    assert_eq!(me.takes(first.clone()), Ok(first.clone()));
    let from = x.version();
    x.say("region", "elsewhere");
    x.say("mint", "row");
    let next = x.after(from);
    assert_eq!(me.takes(next.clone()), Ok(next.clone()));
    assert_eq!(me.takes(next.clone()), Ok(next), "from another peer");
    assert!(
        me.takes(first).is_ok(),
        "all that it once said is no lie; chitchat has newer values and keeps them"
    );
}

#[test]
fn a_value_that_is_made_changed_or_moved_by_another_does_not_pass() {
    let authority = authority();
    let x = Node::new(&authority, "x", 5);
    let y = Node::new(&authority, "y", 5);
    type Forgery = fn(&mut NodeDelta, &Node);
    let forgeries: [(&str, Forgery, Refusal); 9] = [
        (
            "payload",
            |d, _| d.values[1].value.push('!'),
            Refusal::Signature,
        ),
        (
            "version",
            |d, _| d.values[1].version += 1,
            Refusal::Signature,
        ),
        (
            "key",
            |d, _| d.values[1].key = "mint".to_owned(),
            Refusal::Signature,
        ),
        (
            "another node's",
            |d, y| d.values[1] = y.values[1].clone(),
            Refusal::Signature,
        ),
        (
            "no signature",
            |d, _| d.values[1].value = "tianjin".to_owned(),
            Refusal::Signature,
        ),
        (
            "another's certificate",
            |d, y| d.values[0] = y.values[0].clone(),
            Refusal::Certificate,
        ),
        (
            "generation",
            |d, _| d.id.generation_id += 1,
            Refusal::Certificate,
        ),
        (
            "address",
            |d, _| d.id.gossip_advertise_addr.set_port(9),
            Refusal::Certificate,
        ),
        (
            "deletion",
            |d, _| d.values[1].status = Status::Deleted,
            Refusal::Deletion,
        ),
    ];
    for (what, forge, why) in forgeries {
        let mut me = Receiver::new(&authority);
        let mut delta = x.after(0);
        forge(&mut delta, &y);
        let forged = delta.id.clone();
        assert_eq!(me.takes(delta), Err(Some(why)), "{what}");
        assert_eq!(me.heartbeat(&forged, 9), None, "{what}: it is not known of");
        assert!(me.takes(x.after(0)).is_ok(), "{what}: the right one passes");
    }
}

#[test]
fn a_node_of_another_authority_is_nobody() {
    let mut me = Receiver::new(&authority());
    let stranger = Node::new(&authority(), "x", 5);
    assert_eq!(me.takes(stranger.after(0)), Err(Some(Refusal::Certificate)));
    assert_eq!(me.heartbeat(&stranger.id, 9), None);
}

#[test]
fn a_node_without_a_certificate_is_not_known_of() {
    let authority = authority();
    let mut me = Receiver::new(&authority);
    let mut x = Node::new(&authority, "x", 5);
    x.say("region", "b");
    assert_eq!(me.takes(x.after(1)), Err(Some(Refusal::Unproven)));
    assert_eq!(me.heartbeat(&x.id, 9), None);
}

#[test]
fn nobody_says_anything_of_this_node_to_itself() {
    let authority = authority();
    let trust = trust(&authority, "me", NOW_MS);
    let mut receiver = Receiver::new(&authority);
    let me = id("me", 1);
    let mut publisher = Publisher::new(me.clone(), "test".to_owned(), trust);
    let first = publisher.begin(Vec::new()).remove(0);
    let mut delta = Node::new(&authority, "x", 1).after(0);
    delta.id = me.clone();
    delta.values.truncate(1);
    delta.values[0].value = first.1;
    assert_eq!(
        receiver.takes(delta),
        Err(Some(Refusal::Own)),
        "not even what it signed"
    );
    assert_eq!(
        receiver.heartbeat(&me, 9),
        Some(9),
        "what a peer has of it may be said"
    );
}

#[test]
fn a_heartbeat_is_believed_of_nobody_and_goes_up_with_what_is_signed() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    me.takes(x.after(0)).unwrap();
    let first = me.heartbeat(&x.id, 3).unwrap();
    for said in [0, first, first + 1, u64::MAX] {
        me.now = at(me.now.at_ms + 500);
        assert_eq!(
            me.heartbeat(&x.id, said),
            Some(first),
            "whatever a peer says"
        );
        me.takes(x.after(0)).unwrap();
        assert_eq!(
            me.heartbeat(&x.id, said),
            Some(first),
            "nor by saying it again"
        );
    }
    let from = x.version();
    x.say(keys::BEAT, "");
    me.takes(x.after(from)).unwrap();
    assert!(me.heartbeat(&x.id, 3).unwrap() > first);
}

#[test]
fn values_that_a_peer_leaves_out_are_missed() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    x.say("mint", "1");
    for left_out in ["region", "mint"] {
        let mut delta = x.after(0);
        delta.values.retain(|value| value.key != left_out);
        x.say(keys::BEAT, "");
        delta.values.push(x.values.last().unwrap().clone());
        assert_eq!(me.takes(delta), Err(Some(Refusal::Gap)), "{left_out}");
    }
    me.takes(x.after(0)).unwrap();
    let from = x.version();
    x.say("mint", "2");
    x.say(keys::BEAT, "");
    let mut delta = x.after(from);
    delta.values.remove(0);
    assert_eq!(me.takes(delta), Err(Some(Refusal::Gap)));
    assert!(me.takes(x.after(from)).is_ok());
}

#[test]
fn the_same_key_twice_does_not_make_up_for_what_is_left_out() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    // Versions: cert 1, region 2, mint 3; then mint 4.
    x.say("mint", "1");
    let old = x.values.clone();
    x.say("mint", "2");
    let mut delta = x.after(0);
    delta.values[1] = old[2].clone();
    let versions: Vec<u64> = delta.values.iter().map(|value| value.version).collect();
    assert_eq!(versions, [1, 3, 4]);
    assert_eq!(me.takes(delta), Err(Some(Refusal::Gap)));
}

#[test]
fn the_last_node_of_a_long_frame_may_be_there_in_part_and_is_whole_again_later() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let y = Node::new(&authority, "y", 5);
    x.say("mint", "1");
    x.say("region", "2");
    let cut = |delta: NodeDelta, to: usize| NodeDelta {
        values: delta.values[..to].to_vec(),
        ..delta
    };
    let mut me = Receiver::new(&authority);
    let (passed, refused) = me.takes_of(MAY_BE_CUT_BYTES, vec![cut(x.after(0), 2), y.after(0)]);
    assert_eq!(
        (passed.len(), refused),
        (1, vec![Refusal::Gap]),
        "not the last"
    );
    let (passed, refused) = me.takes_of(MAY_BE_CUT_BYTES, vec![y.after(0), cut(x.after(0), 2)]);
    assert_eq!((passed.len(), refused), (2, vec![]));
    let from = passed[1].values[1].version;
    assert_eq!(me.takes(x.after(from)).unwrap().values.len(), 1, "the rest");
    let from = x.version();
    x.say("mint", "2");
    x.say(keys::BEAT, "");
    let mut short = x.after(from);
    short.values.remove(0);
    assert_eq!(
        me.takes(short),
        Err(Some(Refusal::Gap)),
        "it is whole again"
    );
}

#[test]
fn resets_and_versions_in_place_of_values_have_no_effect() {
    let authority = authority();
    let x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    let mut delta = x.after(0);
    delta.collected = 1 << 50;
    assert_eq!(me.takes(delta).unwrap().collected, 0);
    let mut delta = x.after(0);
    delta.values.clear();
    delta.version = Some(1 << 50);
    assert_eq!(
        me.takes(delta),
        Err(None),
        "nothing is left, nothing is said"
    );
}
