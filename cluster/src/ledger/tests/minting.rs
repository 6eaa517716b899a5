use super::*;

#[test]
fn a_new_ledger_holds_nothing_and_mints_no_free_burst() {
    let mut node = Node::new(1, 1);
    assert_eq!(node.purse.get(), 0);
    assert_eq!(node.turn(0, &[]).entry, None);
    assert_eq!(node.pass(ms(200)), SECOND / 5);
    assert_eq!(node.parts(), SECOND / 5);
}

#[test]
fn a_node_mints_its_share() {
    let mut node = Node::new(1, 4);
    node.pass(ms(400));
    assert_eq!(node.parts(), SECOND / 10);
}

#[test]
fn a_node_without_demand_saves_half_a_burst_of_its_share() {
    let mut node = Node::new(1, 4);
    node.pass(ms(60_000));
    assert_eq!(node.parts(), SECOND / 8);
    assert_eq!(node.ledger.figures().minted_total, SECOND / 8);
    assert_eq!(
        node.pass(ms(1_000)),
        0,
        "what is beyond the cap is not minted"
    );
}

#[test]
fn a_node_with_demand_may_mint_up_to_what_it_wants_on_hand() {
    let mut node = Node::new(1, 4);
    node.heat();
    node.pass(ms(60_000));
    let cap = SECOND / 8 + SECOND * 3 / 10;
    assert!((cap - 1..=cap).contains(&node.parts()));
}

#[test]
fn debt_is_earned_back_before_anything_is_there_to_spend() {
    let mut node = Node::new(1, 1);
    node.purse.set(-(SECOND as i64));
    node.pass(ms(900));
    assert!(node.purse.get() < 0);
    node.pass(ms(200));
    assert_eq!(node.parts(), SECOND / 10);
}

#[test]
fn a_time_outside_the_lease_mints_nothing() {
    let mut node = Node::new(1, 1);
    assert_eq!(node.ledger.mint(&node.purse, WHOLE, Duration::ZERO), 0);
    assert_eq!(node.ledger.mint(&node.purse, 0, ms(10_000)), 0);
    assert_eq!(node.purse.get(), 0);
}

/// Their users' complaint: a split rounds three requests a second over five nodes to nothing.
#[test]
fn a_limit_smaller_than_the_number_of_nodes_is_used_in_full() {
    let mut minted = 0;
    for me in 0..50 {
        let me = Incarnation(me);
        let mut ledger = Ledger::new(me, Terms::default(), 1);
        let purse = Cell::new(0);
        for _ in 0..5_000 {
            // Each part is spent as it comes: a call is admitted on one, and owes the rest of its token.
            minted += ledger.mint(&purse, WHOLE / 50, ms(20));
            purse.set(purse.get().min(0));
        }
    }
    assert!(
        (100 * PARTS - 50..=100 * PARTS).contains(&minted),
        "{minted} parts in 100 s"
    );
}

#[test]
fn a_clock_that_stood_still_for_days_mints_one_cap() {
    let mut node = Node::new(1, 1);
    node.ledger.mint(&node.purse, WHOLE, Duration::MAX);
    assert_eq!(node.parts(), SECOND / 2);
}
