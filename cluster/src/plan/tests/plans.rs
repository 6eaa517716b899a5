//! The rules of the mint plan, one by one.

use super::net::*;
use crate::ledger::WHOLE;
use crate::plan::*;

/// Turns in which a fence and its promise run out, and a few more.
const FENCE_TURNS: usize = 32;
/// Turns in which all hear all, twice.
const TALK_TURNS: usize = 12;

fn live(net: &Net, n: usize) -> PlanStatus {
    let node = &net.nodes[n];
    node.planner().status(node.clock(net.now))
}

#[test]
fn a_node_that_begins_a_cluster_mints_all() {
    let net = Net::settled(1);
    assert_eq!(net.minted(), [WHOLE]);
}

#[test]
fn a_node_that_begins_nothing_waits_for_a_plan() {
    let mut net = Net::new(2, 1);
    net.start(1);
    net.run(FENCE_TURNS);
    assert_eq!(net.minted(), [0, 0]);
    net.start(0);
    net.run_until(TALK_TURNS, "both mint", |net| net.is_settled(&[0, 1]));
}

#[test]
fn three_nodes_mint_a_third_each() {
    let net = Net::settled(3);
    assert_eq!(net.minted(), [WHOLE / 3; 3]);
}

#[test]
fn a_node_that_joins_is_planned_in_at_once() {
    let mut net = Net::settled(3);
    net.nodes.extend(Net::new(4, 1).nodes.pop());
    net.start(3);
    net.run_until(TALK_TURNS, "four mint", |net| net.is_settled(&[0, 1, 2, 3]));
}

#[test]
fn a_node_that_leaves_is_planned_out_at_once() {
    let mut net = Net::settled(3);
    net.nodes[2].planner.as_mut().unwrap().leave();
    assert_eq!(net.minted()[2], 0);
    let turns = net.run_until(TALK_TURNS, "two mint", |net| net.is_settled(&[0, 1]));
    assert!(turns < TALK_TURNS);
    assert!(net.nodes[2].planner().has_left());
}

#[test]
fn the_lower_node_of_two_may_leave_too() {
    let mut net = Net::settled(2);
    net.nodes[0].planner.as_mut().unwrap().leave();
    net.run_until(TALK_TURNS, "one mints all", |net| net.is_settled(&[1]));
    net.run_until(TALK_TURNS, "the other has left", |net| {
        net.nodes[0].planner().has_left()
    });
}

#[test]
fn a_node_that_left_and_starts_again_is_planned_in_again() {
    let mut net = Net::settled(3);
    net.nodes[2].planner.as_mut().unwrap().leave();
    net.run_until(TALK_TURNS, "two mint", |net| net.is_settled(&[0, 1]));
    net.restart(2);
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
}

#[test]
fn a_node_that_left_and_starts_again_before_it_was_planned_out_mints_under_a_new_plan_only() {
    let mut net = Net::settled(3);
    let before = live(&net, 0).seen;
    net.nodes[2].planner.as_mut().unwrap().leave();
    net.cut(&[&[2]]);
    net.run(1);
    net.heal();
    net.restart(2);
    net.check();
    assert_eq!(net.nodes[2].planner().share(), 0);
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
    assert!(live(&net, 0).seen > before);
}

#[test]
fn a_cluster_that_was_left_by_all_mints_again_when_all_are_back() {
    let mut net = Net::settled(3);
    for n in 0..3 {
        net.nodes[n].planner.as_mut().unwrap().leave();
    }
    net.run(TALK_TURNS);
    assert_eq!(net.minted(), [0; 3]);
    (0..3).for_each(|n| net.restart(n));
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
}

#[test]
fn a_crashed_node_is_dropped_once_its_lease_has_run_out() {
    let mut net = Net::settled(3);
    net.crash(2);
    net.run(16);
    assert_eq!(net.minted()[..2], [WHOLE / 3; 2], "its lease may still run");
    net.run_until(FENCE_TURNS, "two mint all", |net| net.is_settled(&[0, 1]));
    net.start(2);
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
}

#[test]
fn a_node_that_is_cut_off_stops_when_its_lease_has_run_out() {
    let mut net = Net::settled(3);
    net.cut(&[&[2]]);
    net.run(10);
    assert_eq!(net.minted()[2], WHOLE / 3);
    net.run_until(FENCE_TURNS, "it is fenced", |net| {
        live(net, 2).fenced.is_some()
    });
    assert_eq!(live(&net, 2).fenced.unwrap().why, FencedWhy::CutOff);
    net.run_until(FENCE_TURNS, "two mint all", |net| net.is_settled(&[0, 1]));
    net.heal();
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
}

#[test]
fn a_crash_of_less_than_a_fence_changes_no_plan() {
    let mut net = Net::settled(3);
    let before = live(&net, 0).seen;
    net.crash(2);
    net.run(8);
    net.start(2);
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
    assert_eq!(live(&net, 0).seen, before);
}

#[test]
fn a_restarted_node_mints_its_share_once_it_is_heard() {
    let mut net = Net::settled(3);
    net.restart(1);
    assert_eq!(net.minted()[1], 0);
    assert_eq!(live(&net, 1).fenced.unwrap().why, FencedWhy::NotYetHeard);
    net.run_until(4, "it mints", |net| net.minted()[1] == WHOLE / 3);
}

#[test]
fn all_nodes_that_restart_at_once_go_on_with_their_plan() {
    let mut net = Net::settled(3);
    let before = live(&net, 0).seen;
    (0..3).for_each(|n| net.restart(n));
    net.run_until(4, "three mint", |net| net.is_settled(&[0, 1, 2]));
    assert_eq!(live(&net, 0).seen, before);
}

#[test]
fn of_two_nodes_each_keeps_its_half() {
    let mut net = Net::settled(2);
    net.cut(&[&[0], &[1]]);
    net.run(3 * FENCE_TURNS);
    assert_eq!(net.minted(), [WHOLE / 2; 2]);
    let missing = vec![id(1)];
    assert_eq!(
        live(&net, 0).obstacle,
        Some(Obstacle::NoMajority { missing })
    );
    net.heal();
    net.run_until(TALK_TURNS, "two mint", |net| net.is_settled(&[0, 1]));
}

#[test]
fn of_two_and_two_nodes_each_side_keeps_its_half() {
    let mut net = Net::settled(4);
    net.cut(&[&[0, 1], &[2, 3]]);
    net.run(3 * FENCE_TURNS);
    assert_eq!(net.minted(), [WHOLE / 4; 4]);
}

#[test]
fn what_is_left_of_two_mints_all_once_an_operator_forgets_the_other() {
    let mut net = Net::settled(2);
    net.crash(0);
    net.run(FENCE_TURNS);
    assert_eq!(net.minted(), [0, WHOLE / 2]);
    net.nodes[1]
        .planner
        .as_mut()
        .unwrap()
        .forget(&id(0))
        .unwrap();
    net.run_until(TALK_TURNS, "it mints all", |net| net.is_settled(&[1]));
}

#[test]
fn any_node_can_be_told_to_forget_those_without_whom_there_is_no_majority() {
    let mut net = Net::settled(5);
    (0..3).for_each(|n| net.crash(n));
    net.run(FENCE_TURNS);
    // Two of five are less than half.
    assert_eq!(net.minted(), [0; 5]);
    let planner = net.nodes[4].planner.as_mut().unwrap();
    planner.forget(&id(0)).unwrap();
    planner.forget(&id(2)).unwrap();
    net.run_until(2 * FENCE_TURNS, "two mint all", |net| {
        net.is_settled(&[3, 4])
    });
}

#[test]
fn a_live_node_and_an_unknown_one_are_not_forgotten() {
    let mut net = Net::settled(2);
    let planner = net.nodes[0].planner.as_mut().unwrap();
    assert_eq!(planner.forget(&id(1)), Err(ForgetError::Live(id(1))));
    assert_eq!(planner.forget(&id(0)), Err(ForgetError::Live(id(0))));
    assert_eq!(planner.forget(&id(7)), Err(ForgetError::Unknown(id(7))));
}

#[test]
fn a_node_that_lost_its_disk_is_another_member() {
    let mut net = Net::settled(3);
    net.crash(1);
    net.nodes[1].disk = None;
    net.start(1);
    assert_eq!(net.nodes[1].planner().share(), 0);
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
}

#[test]
fn one_of_two_that_lost_its_disk_is_forgotten_as_what_it_was_and_planned_in_as_what_it_is() {
    let mut net = Net::settled(2);
    net.crash(1);
    net.nodes[1].disk = None;
    net.start(1);
    net.run(TALK_TURNS);
    assert_eq!(net.minted(), [WHOLE / 2, 0]);
    net.nodes[0]
        .planner
        .as_mut()
        .unwrap()
        .forget(&id(1))
        .unwrap();
    net.run_until(TALK_TURNS, "two mint", |net| net.is_settled(&[0, 1]));
}

#[test]
fn a_node_joins_while_another_is_down() {
    let mut net = Net::settled(3);
    net.nodes.extend(Net::new(4, 1).nodes.pop());
    net.crash(1);
    net.start(3);
    net.run_until(3 * FENCE_TURNS, "three mint", |net| {
        net.is_settled(&[0, 2, 3])
    });
    net.start(1);
    net.run_until(TALK_TURNS, "four mint", |net| net.is_settled(&[0, 1, 2, 3]));
}

#[test]
fn a_plan_that_waits_for_a_node_that_died_is_replaced() {
    let mut net = Net::settled(3);
    net.nodes.extend(Net::new(4, 1).nodes.pop());
    net.start(3);
    // The plan with the new node is proposed, and the new node dies.
    net.run_until(TALK_TURNS, "a plan of four", |net| {
        live(net, 0).members.len() == 4 && !live(net, 0).complete
    });
    net.crash(3);
    net.run_until(3 * FENCE_TURNS, "three mint", |net| {
        net.is_settled(&[0, 1, 2])
    });
}

#[test]
fn when_the_proposer_dies_the_next_one_proposes() {
    let mut net = Net::settled(4);
    net.crash(0);
    net.run_until(2 * FENCE_TURNS, "three mint", |net| {
        net.is_settled(&[1, 2, 3])
    });
    assert_eq!(live(&net, 3).seen.unwrap().proposer, id(1));
}

#[test]
fn plans_of_two_sides_are_merged() {
    let mut net = Net::settled(3);
    net.nodes.extend(Net::new(5, 1).nodes.drain(3..));
    // Each side gets a new node before it notices that the other is gone.
    net.cut(&[&[0, 3], &[1, 2, 4]]);
    net.start(3);
    net.start(4);
    net.run(6);
    net.heal();
    net.run_until(3 * FENCE_TURNS, "five mint", |net| {
        net.is_settled(&[0, 1, 2, 3, 4])
    });
}

#[test]
fn a_disk_that_refuses_changes_nothing_but_what_is_minted_less() {
    let mut net = Net::settled(2);
    net.nodes.extend(Net::new(3, 1).nodes.pop());
    net.nodes[1].disk_fails = true;
    let before = live(&net, 1).seen;
    net.start(2);
    net.run(TALK_TURNS);
    assert_eq!(live(&net, 1).seen, before);
    assert!(net.minted()[1] <= WHOLE / 3);
    assert_eq!(net.minted()[2], 0);
    net.nodes[1].disk_fails = false;
    net.run_until(TALK_TURNS, "three mint", |net| net.is_settled(&[0, 1, 2]));
}

#[test]
fn a_node_that_stood_still_mints_nothing_for_the_time_beyond_its_lease() {
    let net = Net::settled(3);
    let node = &net.nodes[0];
    let from = node.clock(net.now);
    let window = node.planner().mint_window(from, from + terms().fence * 6);
    assert!(window <= terms().fence && window > terms().fence / 2);
}

#[test]
fn a_word_from_far_ahead_is_not_believed() {
    let mut net = Net::settled(2);
    let mut row = net.nodes[1].planner.as_mut().unwrap().row(net.now);
    row.counter += 1;
    row.complete = true;
    row.seen.as_mut().unwrap().epoch += (1 << 32) + 1;
    let before = net.nodes[0].planner().clone();
    let planner = net.nodes[0].planner.as_mut().unwrap();
    planner.hear(net.now, &id(1), row);
    assert_eq!(*planner, before);
}

#[test]
fn a_node_mints_nothing_while_a_plan_that_may_be_in_force_leaves_it_out() {
    let mut net = Net::settled(3);
    let settled = Plan::clone(&net.nodes[2].planner().held.seen.clone().unwrap());
    // Two have planned without the third, and it may be that one of them knows that plan to be complete. The
    // next plan takes the third in again.
    let id_of = |epoch| PlanId {
        epoch,
        ..settled.id.clone()
    };
    let replaced = |epoch, members| Replaced {
        id: id_of(epoch),
        members,
    };
    let epoch = settled.id.epoch;
    let mut without = settled.members();
    without.remove(&id(2));
    let next = Plan {
        id: id_of(epoch + 2),
        settled: settled.id.clone(),
        over: vec![
            replaced(epoch, settled.members()),
            replaced(epoch + 1, without),
        ],
        ..settled.clone()
    };
    let now = net.now;
    let planner = net.nodes[2].planner.as_mut().unwrap();
    planner.hear_plan(Plan::decode(&next.encode()).unwrap());
    assert!(planner.tick(now).keep.is_some());
    assert_eq!(planner.share(), 0);
    planner.kept();
    assert_eq!(planner.share(), 0);
}

#[test]
fn a_node_with_nothing_on_its_disk_yet_is_not_planned_in() {
    let mut net = Net::settled(3);
    net.nodes.extend(Net::new(4, 1).nodes.pop());
    net.nodes[3].disk_fails = true;
    net.start(3);
    net.run(TALK_TURNS);
    net.assert_settled(&[0, 1, 2]);
    net.nodes[3].disk_fails = false;
    net.run_until(TALK_TURNS, "four mint", |net| net.is_settled(&[0, 1, 2, 3]));
}

#[test]
fn new_nodes_are_fewer_at_a_time_than_those_who_can_do_without_them() {
    let mut net = Net::settled(3);
    net.nodes.extend(Net::new(9, 1).nodes.drain(3..));
    (3..9).for_each(|n| net.start(n));
    net.run(1);
    // They are there, and acknowledge nothing.
    (3..9).for_each(|n| net.nodes[n].disk_fails = true);
    net.run_until(TALK_TURNS, "a plan of five", |net| {
        live(net, 0).members.len() == 5 && !live(net, 0).complete
    });
    (3..9).for_each(|n| net.crash(n));
    net.run_until(2 * FENCE_TURNS, "three mint", |net| {
        net.is_settled(&[0, 1, 2])
    });
}

#[test]
fn nodes_that_no_plan_has_taken_in_yet_go_on_when_all_others_are_forgotten() {
    let mut net = Net::new(3, 1);
    net.start(0);
    net.run(2);
    net.nodes[1].disk_fails = true;
    net.nodes[2].disk_fails = true;
    net.start(1);
    net.start(2);
    net.run(4);
    net.nodes[1].disk_fails = false;
    net.nodes[2].disk_fails = false;
    net.crash(0);
    net.run(FENCE_TURNS);
    assert_eq!(net.minted(), [0; 3]);
    let missing = vec![id(0)];
    assert_eq!(
        live(&net, 1).obstacle,
        Some(Obstacle::NoMajority { missing })
    );
    net.nodes[1]
        .planner
        .as_mut()
        .unwrap()
        .forget(&id(0))
        .unwrap();
    net.run_until(2 * FENCE_TURNS, "two mint", |net| net.is_settled(&[1, 2]));
}

#[test]
fn the_first_plan_stands_until_a_newer_one_is_heard() {
    // Two clusters that both began themselves: each mints all until they meet, then one plan is left.
    let (mut one, mut other) = (Net::settled(1), Net::new(2, 3));
    other.nodes[1].begins = true;
    other.start(1);
    other.run(4);
    one.nodes.push(other.nodes.remove(1));
    one.run_until_unchecked(TALK_TURNS, |net| net.is_settled(&[0, 1]));
}
