//! What the guard remembers, and for how long.

use proptest::prelude::*;

use super::*;

#[test]
fn a_revoked_node_falls_silent_and_a_trusted_one_speaks_again() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    me.takes(x.after(0)).unwrap();
    let member = x.trust.credentials().member().clone();
    let revoked = Registered {
        enrolment: member.enrolment,
        key: member.key,
        revoked: true,
    };
    let believing = me.guard.trust.trust().as_ref().clone();
    me.guard.trust.set_trust(Trust::new(
        "test",
        [authority.certificate().clone()],
        [(member.node.clone(), revoked)],
    ));
    me.now = at(REVIEW_EVERY_MS);
    assert_eq!(me.heartbeat(&x.id, 9), None);
    let from = x.version();
    x.say("mint", "1");
    assert_eq!(me.takes(x.after(from)), Err(Some(Refusal::Certificate)));
    me.guard.trust.set_trust(believing);
    me.now = at(2 * REVIEW_EVERY_MS);
    assert!(me.takes(x.after(from)).is_ok());
    assert!(me.heartbeat(&x.id, 9).is_some());
}

#[test]
fn the_last_words_of_a_node_that_is_forgotten_bring_it_back_for_nobody() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    let mut me = Receiver::new(&authority);
    let early = x.after(0);
    x.say(keys::BEAT, "");
    let last = x.after(0);
    me.takes(last.clone()).unwrap();
    me.now = at(FORGET_AFTER_MS + REVIEW_EVERY_MS);
    for words in [early, last] {
        assert_eq!(me.takes(words), Err(Some(Refusal::Unproven)));
        assert_eq!(me.heartbeat(&x.id, 9), None);
    }
    x.say(keys::BEAT, "");
    assert!(me.takes(x.after(0)).is_ok(), "it speaks itself");
    let beat = me.heartbeat(&x.id, 9).unwrap();
    assert!(
        beat > FORGET_AFTER_MS,
        "chitchat remembers heartbeats of those it forgot"
    );
}

#[test]
fn a_member_that_invents_incarnations_of_itself_is_bounded() {
    let authority = authority();
    let mut me = Receiver::new(&authority);
    let evil = trust(&authority, "evil", NOW_MS);
    let mut admitted = 0;
    for generation in 0..MAX_INCARNATIONS as u64 + 10 {
        let id = id("evil", generation);
        let mut publisher = Publisher::new(id.clone(), "test".to_owned(), evil.clone());
        let (key, value) = publisher.begin(Vec::new()).remove(0);
        let delta = NodeDelta {
            id,
            collected: 0,
            from: 0,
            values: vec![KeyValue {
                key,
                value,
                version: 1,
                status: Status::Set,
            }],
            version: None,
        };
        admitted += usize::from(me.takes(delta).is_ok());
    }
    assert_eq!(admitted, MAX_INCARNATIONS);
}

#[test]
fn a_frame_full_of_forgeries_is_given_up_after_a_few() {
    let authority = authority();
    let mut me = Receiver::new(&authority);
    let forged = |n: u8| {
        let mut delta = Node::new(&authority, &format!("n{n}"), 1).after(0);
        delta.values[1].value.push('!');
        delta
    };
    let mut delta: Vec<NodeDelta> = (0..10).map(forged).collect();
    let honest = Node::new(&authority, "x", 1);
    delta.push(honest.after(0));
    let (passed, refused) = me.takes_of(SMALL, delta);
    assert!(passed.is_empty());
    assert_eq!(refused, vec![Refusal::Signature; 11]);
    assert!(
        me.takes(honest.after(0)).is_ok(),
        "it comes with the next frame"
    );
}

#[test]
fn a_frame_of_another_cluster_is_refused() {
    let mut me = Receiver::new(&authority());
    let frame = Frame {
        version: 1,
        message: Message::Syn {
            cluster: "other".to_owned(),
            digest: Vec::new(),
        },
    };
    let refused = me.guard.admit(frame, SMALL, me.now).map(|_| ());
    assert_eq!(refused, Err(Refusal::OtherCluster));
}

#[test]
fn a_renewed_certificate_is_taken_up_and_everything_is_signed_again_after_it() {
    let authority = authority();
    let mut x = Node::new(&authority, "x", 5);
    for n in 0..100 {
        x.say(&format!("q.{n}"), "row");
    }
    assert_eq!(x.publisher.oldest(), ["region"]);
    x.renew(&authority);
    let mut turns = 0;
    while x.values[0].key != keys::CERT {
        for key in x.publisher.oldest() {
            x.say(&key, "row");
        }
        turns += 1;
    }
    assert!(turns <= 3, "{turns} intervals");
    assert!(
        Receiver::new(&authority).takes(x.after(0)).is_ok(),
        "one who comes new"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever an honest node says, in whichever portions it is passed on by honest relays, passes; what the
    /// guard let through is in the end what the node says.
    #[test]
    fn an_honest_node_is_never_refused(says in prop::collection::vec((0usize..6, "[a-z]{0,8}", any::<bool>()), 1..40)) {
        let authority = authority();
        let mut x = Node::new(&authority, "x", 5);
        let mut me = Receiver::new(&authority);
        let mut had = 0;
        for (key, payload, exchanged) in says {
            let key = ["region", "mint", "q.1", "q.2", "cfg.0", keys::BEAT][key];
            x.say(key, &payload);
            if exchanged {
                let delta = x.after(had);
                prop_assert_eq!(me.takes(delta.clone()), Ok(delta));
                had = x.version();
            }
        }
        prop_assert!(me.takes(x.after(0)).is_ok());
    }
}
