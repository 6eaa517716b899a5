//! Another node goes on where one has stopped.

use super::*;

/// A state of this node in which `x` fires and was told of.
fn told(holder: &str, second: u64) -> State {
    let mut state = State {
        holder: holder.to_owned(),
        ..State::default()
    };
    look(&mut state, &alarm(0), &holds(&["x"]), second);
    state
}

#[test]
fn who_takes_over_tells_nobody_again_and_tells_the_end() {
    let first = told("n1", 100);
    let mut second = State::default();
    second.take_over("n2", vec![first.clone(), first], 101_000);
    assert_eq!(
        look(&mut second, &alarm(0), &holds(&["x"]), 102),
        Vec::<String>::new()
    );
    assert_eq!(
        look(&mut second, &alarm(0), &holds(&[]), 104),
        ["resolved x"]
    );
}

#[test]
fn what_was_pending_goes_on_from_when_it_began() {
    let mut first = State {
        holder: "n1".to_owned(),
        ..State::default()
    };
    look(&mut first, &alarm(10), &holds(&["x"]), 100);
    let mut second = State::default();
    second.take_over("n2", vec![first], 105_000);
    assert_eq!(
        look(&mut second, &alarm(10), &holds(&["x"]), 110),
        ["firing x"]
    );
}

#[test]
fn letters_that_were_not_delivered_are_delivered_by_the_next_one() {
    let mut first = State {
        holder: "n1".to_owned(),
        ..State::default()
    };
    let now = Now {
        cluster: "weir",
        node: "n1",
        ms: 100_000,
    };
    first.look(&alarm(0), &holds(&["x"]), &["ops".to_owned()], now);
    let mut second = State::default();
    second.take_over("n2", vec![first.clone()], 101_000);
    assert_eq!(second.letters, first.letters);
    second.take_over("n2", vec![first], 102_000);
    assert_eq!(second.letters.len(), 1, "taken in once");
}

#[test]
fn an_old_copy_does_not_bring_back_what_is_over() {
    let first = told("n1", 100);
    let mut second = State::default();
    second.take_over("n2", vec![first.clone()], 101_000);
    look(&mut second, &alarm(0), &holds(&[]), 104);
    // The first node comes back with nothing; a third one still has a copy of what it had.
    let mut back = State::default();
    back.take_over("n1", vec![first.clone(), second.clone()], 110_000);
    assert!(back.is_empty(), "{back:?}");
    assert!(back.has_all_of("n2", second.version) && !back.has_all_of("n2", second.version + 1));
    // Alone with that copy it takes what it had before its restart.
    let mut alone = State::default();
    alone.take_over("n1", vec![first], 110_000);
    assert_eq!(alone.firing().count(), 1);
}

#[test]
fn a_node_that_comes_back_with_what_it_had_on_its_disk_does_not_deliver_it_again() {
    let mut first = State {
        holder: "n1".to_owned(),
        ..State::default()
    };
    let now = Now {
        cluster: "weir",
        node: "n1",
        ms: 100_000,
    };
    first.look(&alarm(0), &holds(&["x"]), &["ops".to_owned()], now);
    let on_disk = first.clone();
    let letter = first.letters[0].id.clone();
    first.attempted(&letter, None);
    // Killed before that was on its disk too; another one goes on with a copy.
    let mut second = State::default();
    second.take_over("n2", vec![first.clone()], 105_000);
    let mut back = on_disk.clone();
    back.take_over("n1", vec![second, first.clone()], 110_000);
    assert!(back.letters.is_empty(), "{back:?}");
    assert_eq!(back.firing().count(), 1);
    assert_eq!(
        look(&mut back, &alarm(0), &holds(&["x"]), 112),
        Vec::<String>::new()
    );
    // Where there was only a third one, with a later copy of its own.
    let mut back = on_disk;
    back.take_over("n1", vec![first], 110_000);
    assert!(
        back.letters.is_empty() && back.firing().count() == 1,
        "{back:?}"
    );
}

#[test]
fn two_sides_of_a_broken_network_are_united_and_nobody_is_told_a_third_time() {
    let (mut left, right) = (told("n1", 100), told("n2", 120));
    left.take_over("n1", vec![right], 130_000);
    let episode = left.firing().next().unwrap().2.clone();
    assert_eq!(
        (episode.since_ms, episode.told_at_ms),
        (100_000, Some(120_000))
    );
    assert_eq!(
        look(&mut left, &alarm(0), &holds(&["x"]), 140),
        Vec::<String>::new()
    );
    assert_eq!(look(&mut left, &alarm(0), &holds(&[]), 142), ["resolved x"]);
}

#[test]
fn a_state_survives_its_way_to_the_disk_and_to_other_nodes() {
    let state = told("n1", 100);
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}
