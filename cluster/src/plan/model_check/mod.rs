//! A model check of the mint plan itself: every course, within bounds, of what nodes hear of each other, of wrong
//! beliefs about who is there, cuts, crashes, restarts, joins and leaves. The planners are the real ones.
//!
//! Time goes in rounds. In each all say what they know, and any of them hear any others, or not: what is lost
//! or late is what is heard in a later round. A fence is two or three rounds.
//!
//! | what befalls three nodes that have settled | rounds | states | with `--long` | states |
//! |---|---|---|---|---|
//! | two proposers who each take the other to be dead | 6 | 18,035 | 8 | 155,535 |
//! | the same, and rows that others pass on | 5 | 7,109 | 7 | 54,841 |
//! | the same, and a fourth node joins | | | 3 | 153,042 |
//! | one is back from a cut, another starts again | 4 | 44,666 | 5 | 257,900 |
//! | one is back from a cut, words that go one way | 2 | 3,649 | 3 | 99,231 |
//! | a wrong belief, and its end | 4 | 76,150 | 5 | 393,963 |
//! | a cut, and its end | 5 | 100,761 | 6 | 429,826 |
//! | a crash | 5 | 55,590 | 6 | 216,383 |
//! | of two a crash, and a third joins | 5 | 63,717 | 6 | 259,893 |
//! | one leaves, one starts again | 3 | 68,534 | 4 | 497,455 |
//! | a disk is lost | 4 | 39,712 | 5 | 207,499 |

mod cluster;
mod state;
mod tokens;

use std::time::Instant;

use stateright::{Checker, Model};

use super::rules::Rules;
use cluster::{Cluster, Faults, NODES_MAX};

/// Of three nodes, the first two each take the other to be dead: both propose.
const RIVALS: [u8; NODES_MAX] = [0b010, 0b001, 0, 0];
/// The first two take the third to be dead, though they hear it.
const AGAINST_THE_LAST: [u8; NODES_MAX] = [0b100, 0b100, 0, 0];

/// Explores all states, or up to the first violation; says whether there was one.
fn is_violated(cluster: Cluster) -> bool {
    let begun = Instant::now();
    let anew = cluster.settles_anew;
    let checker = cluster.checker().threads(2).spawn_dfs().join();
    crate::explored::report(&checker, begun);
    if let Some(path) = checker.discovery(cluster::NEVER_OVER) {
        eprintln!("{}", path.last_state().describe());
        eprintln!("{:?}", path.into_actions());
        return true;
    }
    assert!(
        !anew || checker.discovery(cluster::SETTLED_ANEW).is_some(),
        "nothing is ever settled"
    );
    false
}

fn check(cluster: Cluster) {
    assert!(!is_violated(cluster), "more than the whole is minted");
}

/// Three nodes that have settled, and so many rounds.
fn three(rounds: u32) -> Cluster {
    Cluster {
        settled: 3,
        joining: 0,
        cut_off_before: false,
        doubts: [0; NODES_MAX],
        fence: 2,
        rounds,
        faults: Faults::default(),
        one_way: false,
        relays: false,
        settles_anew: true,
        durable: true,
        rules: Rules::default(),
    }
}

fn rivals(rounds: u32) -> Cluster {
    Cluster {
        doubts: RIVALS,
        ..three(rounds)
    }
}

/// The third node was cut off, and is back; another starts again.
fn a_restart_after_a_cut(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.cut_off_before = true;
    cluster.faults.restarts = 1;
    cluster
}

fn a_wrong_belief(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.faults.beliefs = 1;
    cluster.settles_anew = rounds > 4;
    cluster
}

fn a_cut(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.faults.cuts = 1;
    cluster
}

fn a_crash(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.faults.crashes = 1;
    cluster
}

fn a_join_and_a_crash(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    (cluster.settled, cluster.joining) = (2, 1);
    cluster.faults.crashes = 1;
    cluster
}

fn a_leave_and_a_restart(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.faults.leaves = 1;
    cluster.faults.restarts = 1;
    cluster
}

fn a_lost_disk(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.faults.lost_disks = 1;
    cluster
}

fn one_way_words(rounds: u32) -> Cluster {
    let mut cluster = three(rounds);
    cluster.cut_off_before = true;
    cluster.one_way = true;
    cluster
}

fn rows_that_are_passed_on(rounds: u32) -> Cluster {
    let mut cluster = rivals(rounds);
    cluster.relays = true;
    cluster
}

/// Three nodes, of which two propose, and a fourth that joins.
fn rivals_and_a_join(rounds: u32) -> Cluster {
    let mut cluster = rivals(rounds);
    cluster.joining = 1;
    cluster.settles_anew = rounds > 4;
    cluster
}

#[test]
fn two_proposers_who_take_each_other_to_be_dead_mint_never_over() {
    check(rivals(6));
}

#[test]
fn a_restart_when_one_that_was_cut_off_is_back_mints_never_over() {
    check(a_restart_after_a_cut(4));
}

#[test]
fn a_wrong_belief_mints_never_over() {
    check(a_wrong_belief(4));
}

#[test]
fn a_cut_and_its_end_mint_never_over() {
    check(a_cut(5));
}

#[test]
fn a_crash_mints_never_over() {
    check(a_crash(5));
}

#[test]
fn a_join_and_a_crash_mint_never_over() {
    check(a_join_and_a_crash(5));
}

#[test]
fn a_leave_and_a_restart_mint_never_over() {
    check(a_leave_and_a_restart(3));
}

#[test]
fn a_lost_disk_mints_never_over() {
    check(a_lost_disk(4));
}

#[test]
fn words_that_go_one_way_mint_never_over() {
    check(one_way_words(2));
}

#[test]
fn rows_that_others_pass_on_mint_never_over() {
    check(rows_that_are_passed_on(5));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn two_proposers_longer() {
    check(rivals(8));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_restart_longer() {
    check(a_restart_after_a_cut(5));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_wrong_belief_longer() {
    check(a_wrong_belief(5));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_cut_longer() {
    check(a_cut(6));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_crash_longer() {
    check(a_crash(6));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_join_and_a_crash_longer() {
    check(a_join_and_a_crash(6));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_leave_and_a_restart_longer() {
    check(a_leave_and_a_restart(4));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn a_lost_disk_longer() {
    check(a_lost_disk(5));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn one_way_words_longer() {
    check(one_way_words(3));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn relayed_rows_longer() {
    check(rows_that_are_passed_on(7));
}

#[test]
#[ignore = "minutes: `scripts/test.sh --long`"]
fn two_proposers_and_a_join() {
    check(rivals_and_a_join(3));
}

// Each rule is needed: without it the same search finds more than the whole.

#[test]
fn a_node_that_forgets_at_a_restart_what_it_agreed_to_is_found_out() {
    assert!(is_violated(Cluster {
        durable: false,
        ..a_restart_after_a_cut(4)
    }));
}

#[test]
fn a_plan_that_does_not_cover_its_rival_is_found_out() {
    let mut cluster = rivals(6);
    cluster.rules.covers = false;
    assert!(is_violated(cluster));
}

#[test]
fn a_lease_by_the_newest_plan_alone_is_found_out() {
    let mut cluster = rivals(6);
    cluster.rules.lease_of_all = false;
    assert!(is_violated(cluster));
}

#[test]
fn an_echo_of_a_node_that_has_seen_another_plan_is_found_out() {
    let mut cluster = rivals(7);
    cluster.rules.echo_of_same = false;
    assert!(is_violated(cluster));
}

#[test]
fn a_plan_that_waits_for_no_lease_is_found_out() {
    let mut cluster = three(6);
    cluster.doubts = AGAINST_THE_LAST;
    cluster.fence = 3;
    cluster.rules.fences = false;
    assert!(is_violated(cluster));
}
