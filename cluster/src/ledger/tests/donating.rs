use super::*;

#[test]
fn a_surplus_goes_to_the_node_in_need_and_is_taken_off_first() {
    let (mut hot, mut idle) = (Node::new(1, 2), Node::new(2, 2));
    idle.pass(ms(1_000));
    let held = idle.parts();
    let need = hot.heat();
    assert!(need.need > 0 && need.surplus == 0);
    let turn = idle.turn(0, &[(hot.me, &need)]);
    assert_eq!(turn.donated, held.min(need.need));
    assert_eq!(idle.parts(), held - turn.donated);
    let row = turn.entry.unwrap();
    let before = hot.parts();
    assert_eq!(hot.hear(&idle, &row), turn.donated);
    assert_eq!(hot.parts(), before + turn.donated);
}

#[test]
fn a_row_that_comes_again_or_late_credits_nothing() {
    let (mut hot, mut idle) = (Node::new(1, 2), Node::new(2, 2));
    idle.pass(ms(1_000));
    let first = idle.turn(0, &[(hot.me, &hot.heat())]).entry.unwrap();
    idle.pass(ms(100));
    let second = idle.turn(0, &[(hot.me, &hot.heat())]).entry.unwrap();
    assert!(second.given[0].1 > first.given[0].1);
    hot.purse.set(0);
    assert!(hot.hear(&idle, &second) > 0);
    assert_eq!(hot.hear(&idle, &second), 0);
    assert_eq!(hot.hear(&idle, &first), 0);
    assert_eq!(hot.ledger.received_from(idle.me), second.given[0].1);
}

#[test]
fn a_row_that_was_lost_is_made_up_by_the_next() {
    let (mut hot, mut idle) = (Node::new(1, 2), Node::new(2, 2));
    idle.pass(ms(1_000));
    let lost = idle.turn(0, &[(hot.me, &hot.heat())]).donated;
    idle.pass(ms(100));
    let next = idle.turn(0, &[(hot.me, &hot.heat())]);
    hot.purse.set(0);
    assert_eq!(hot.hear(&idle, &next.entry.unwrap()), lost + next.donated);
}

#[test]
fn what_is_addressed_to_another_life_is_not_credited() {
    let (mut hot, mut idle) = (Node::new(1, 2), Node::new(2, 2));
    idle.pass(ms(1_000));
    let row = idle.turn(0, &[(hot.me, &hot.heat())]).entry.unwrap();
    let mut restarted = Node::new(11, 2);
    assert_eq!(restarted.hear(&idle, &row), 0);
    assert_eq!(restarted.purse.get(), 0);
}

#[test]
fn each_in_need_gets_its_part() {
    let mut idle = Node::new(1, 1);
    idle.pass(ms(1_000));
    let (much, little) = (needs(1, SECOND * 3 / 4), needs(1, SECOND / 4));
    let turn = idle.turn(0, &[(Incarnation(2), &much), (Incarnation(3), &little)]);
    assert_eq!(turn.donated, SECOND / 2);
    assert_eq!(idle.ledger.given_to(Incarnation(2)), SECOND * 3 / 8);
    assert_eq!(idle.ledger.given_to(Incarnation(3)), SECOND / 8);
}

#[test]
fn where_more_is_over_than_is_needed_all_give_alike() {
    let mut idle = Node::new(1, 2);
    idle.pass(ms(1_000));
    let other = Entry {
        surplus: SECOND / 4,
        ..Entry::default()
    };
    let need = needs(1, SECOND / 10);
    let turn = idle.turn(0, &[(Incarnation(2), &need), (Incarnation(3), &other)]);
    assert_eq!(turn.donated, SECOND / 20);
}

#[test]
fn a_need_is_answered_once() {
    let mut idle = Node::new(1, 1);
    idle.pass(ms(1_000));
    let need = needs(7, SECOND / 10);
    assert_eq!(
        idle.turn(0, &[(Incarnation(2), &need)]).donated,
        SECOND / 10
    );
    for _ in 0..50 {
        assert_eq!(idle.interval(0, &[(Incarnation(2), &need)]).donated, 0);
    }
    let again = needs(8, SECOND / 10);
    assert_eq!(
        idle.turn(0, &[(Incarnation(2), &again)]).donated,
        SECOND / 10
    );
}

#[test]
fn a_need_that_stays_as_great_is_a_new_one_every_turn() {
    let mut hot = Node::new(1, 2);
    hot.share = 0;
    let first = hot.heat();
    let second = hot.interval(500, &[]).entry.unwrap();
    assert_eq!(first.need, second.need);
    assert_ne!(first, second, "or gossip would not hand it on");
}

#[test]
fn a_node_with_demand_of_its_own_keeps_what_it_wants_on_hand() {
    let mut node = Node::new(1, 1);
    for _ in 0..20 {
        node.interval(50, &[]);
        node.purse.set(node.purse.get() - 50 * PARTS as i64);
    }
    assert!(
        node.interval(50, &[(Incarnation(2), &needs(1, SECOND))])
            .donated
            > 0
    );
    // 500 tokens a second for three intervals.
    let kept = node.parts();
    assert!(
        (SECOND * 14 / 100..=SECOND * 16 / 100).contains(&kept),
        "{kept}"
    );
}

#[test]
fn need_and_surplus_are_never_both_published() {
    let mut node = Node::new(1, 3);
    for offered in [0, 10, 50, 500, 20, 0, 0, 300, 0] {
        let peer = needs(offered as u32, SECOND);
        let entry = node.interval(offered, &[(Incarnation(2), &peer)]).entry;
        assert!(entry.is_none_or(|entry| entry.need == 0 || entry.surplus == 0));
    }
}

#[test]
fn debt_is_part_of_the_need_up_to_a_second_of_the_limit() {
    let mut hot = Node::new(1, 2);
    hot.heat();
    hot.purse.set(-(SECOND as i64) / 4);
    let need = hot.turn(500, &[]).entry.unwrap().need;
    assert!(need > SECOND / 4 + SECOND / 5, "{need}");
    // A call larger than the burst.
    hot.purse.set(-(SECOND as i64) * 40);
    assert_eq!(hot.turn(500, &[]).entry.unwrap().need, SECOND);
}

#[test]
fn credit_stops_at_a_cap_and_what_does_not_fit_is_lost() {
    let mut node = Node::new(1, 2);
    let gift = Entry {
        given: vec![(node.me, 90 * SECOND)],
        ..Entry::default()
    };
    let cap = node.ledger.caps(node.share).credit;
    node.pass(ms(20));
    let credited = node.ledger.credit(&node.purse, Incarnation(2), &gift);
    let cap = cap.max(node.ledger.caps(node.share).credit);
    assert_eq!(node.parts(), cap);
    assert_eq!(node.ledger.figures().lost_total, 90 * SECOND - credited);
    // From a debt it is taken all the same.
    node.purse.set(-10);
    let more = Entry {
        given: vec![(node.me, 90 * SECOND + 50)],
        ..Entry::default()
    };
    assert_eq!(node.ledger.credit(&node.purse, Incarnation(2), &more), 50);
    assert_eq!(node.purse.get(), 40);
}

#[test]
fn excess_that_lies_untouched_is_given_up_and_what_is_used_is_not() {
    let mut node = Node::new(1, 2);
    node.pass(ms(1_000));
    let own = node.parts();
    let gift = Entry {
        given: vec![(node.me, SECOND / 10)],
        ..Entry::default()
    };
    node.turn(0, &[]);
    node.ledger.credit(&node.purse, Incarnation(2), &gift);
    for _ in 0..4 {
        assert_eq!(node.interval(0, &[]).dropped, 0, "a while is not over");
    }
    let dropped: u64 = (0..2).map(|_| node.interval(0, &[]).dropped).sum();
    assert_eq!(dropped, SECOND / 10);
    assert_eq!(node.parts(), own);
    assert_eq!(
        node.interval(0, &[]).dropped,
        0,
        "the own cap is not touched"
    );
}

#[test]
fn an_idle_gateway_publishes_nothing() {
    let mut node = Node::new(1, 2);
    for _ in 0..20 {
        assert_eq!(node.interval(0, &[]).entry, None);
    }
    assert!(node.interval(1, &[]).entry.is_some());
    for _ in 0..60 {
        node.interval(0, &[]);
    }
    assert_eq!(node.interval(0, &[]).entry, None);
    assert!(
        node.interval(0, &[(Incarnation(2), &needs(1, 5))])
            .entry
            .is_some(),
        "it has something to give"
    );
}

#[test]
fn of_too_many_receivers_the_newest_are_listed_and_no_counter_goes_back() {
    let mut node = Node::new(1, 1);
    for round in 1..=3u32 {
        node.pass(ms(1_000));
        let peers: Vec<_> = (100..200)
            .map(|id| (Incarnation(id), needs(round, SECOND)))
            .collect();
        let peers: Vec<_> = peers.iter().map(|(id, entry)| (*id, entry)).collect();
        // A hundred peers: a gift is worth a row only after some waiting.
        let turn = node.turn(0, &peers);
        assert!(turn.donated > 0);
        let entry = turn.entry.unwrap();
        assert!((1..=LISTED_MAX).contains(&entry.given.len()));
        for (receiver, counter) in entry.given {
            assert_eq!(counter, node.ledger.given_to(receiver));
        }
    }
}

#[test]
fn early_turns_are_for_a_purse_that_runs_dry_unknown_and_for_who_can_help() {
    let mut node = Node::new(1, 2);
    node.interval(0, &[]);
    node.pass(ms(40));
    assert!(!node.ledger.runs_dry(&node.purse, node.now));
    node.purse.set(-1);
    assert!(node.ledger.runs_dry(&node.purse, node.now));
    let need = node.turn(500, &[]).entry.unwrap();
    assert!(
        !node.ledger.runs_dry(&node.purse, node.now + ms(50)),
        "it is known now"
    );

    let mut idle = Node::new(2, 2);
    idle.pass(ms(1_000));
    let helps = |idle: &Node| idle.ledger.can_help(&idle.purse, idle.now, node.me, &need);
    assert!(helps(&idle));
    idle.turn(0, &[(node.me, &need)]);
    idle.pass(ms(1_000));
    assert!(!helps(&idle), "this need was answered");
}
