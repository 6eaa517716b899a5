use super::*;

#[test]
fn a_lower_limit_takes_away_what_it_would_not_have_let_be_saved() {
    let mut node = Node::new(1, 1);
    node.pass(ms(1_000));
    assert_eq!(node.parts(), SECOND / 2);
    node.ledger.set_limit(&node.purse, 100);
    assert_eq!(node.parts(), SECOND / 20);
    assert_eq!(node.ledger.figures().lost_total, SECOND / 2 - SECOND / 20);
}

#[test]
fn a_higher_limit_gives_no_burst() {
    let mut node = Node::new(1, 1);
    node.ledger.set_limit(&node.purse, 1_000_000);
    assert_eq!(node.purse.get(), 0);
    assert_eq!(node.pass(ms(20)), 20 * SECOND);
}

#[test]
fn going_down_and_up_again_gains_nothing() {
    let mut node = Node::new(1, 1);
    node.pass(ms(300));
    for _ in 0..100 {
        node.ledger.set_limit(&node.purse, 10);
        node.ledger.set_limit(&node.purse, 1_000);
    }
    assert!(node.parts() <= SECOND / 200);
}

#[test]
fn debt_stays_debt_under_a_new_limit() {
    let mut node = Node::new(1, 1);
    node.purse.set(-5_000);
    node.ledger.set_limit(&node.purse, 10);
    node.ledger.set_limit(&node.purse, 100_000);
    assert_eq!(node.purse.get(), -5_000);
}

#[test]
fn a_limit_of_nothing_mints_nothing_and_harms_nothing() {
    let mut node = Node::new(1, 1);
    node.pass(ms(500));
    node.ledger.set_limit(&node.purse, 0);
    assert_eq!(node.pass(ms(5_000)), 0);
    node.turn(10, &[(Incarnation(2), &needs(1, 10))]);
    assert!(node.parts() <= 1);
}
