//! From nothing to pending, firing and over.

use proptest::prelude::*;
use weir_config::object::QuietTime;

use super::*;
use crate::alarm::state::SUBJECTS_MAX;

const NOTHING: [&str; 0] = [];

#[test]
fn what_holds_for_long_enough_is_told_once_and_its_end_too() {
    let (mut state, alarm) = (State::default(), alarm(10));
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 100), NOTHING);
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 109), NOTHING);
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 110), ["firing x"]);
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 112), NOTHING);
    assert_eq!(state.firing().count(), 1);
    assert_eq!(look(&mut state, &alarm, &holds(&[]), 114), ["resolved x"]);
    assert!(state.is_empty());
    assert_eq!(look(&mut state, &alarm, &holds(&[]), 116), NOTHING);
}

#[test]
fn what_holds_for_a_moment_only_is_not_told() {
    let (mut state, alarm) = (State::default(), alarm(10));
    look(&mut state, &alarm, &holds(&["x"]), 100);
    assert_eq!(look(&mut state, &alarm, &holds(&[]), 105), NOTHING);
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 106), NOTHING);
    assert_eq!(
        look(&mut state, &alarm, &holds(&["x"]), 111),
        NOTHING,
        "it begins anew"
    );
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 116), ["firing x"]);
}

#[test]
fn what_begins_is_told_at_once_where_nothing_is_to_be_waited_for() {
    let (mut state, alarm) = (State::default(), alarm(0));
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 100), ["firing x"]);
}

#[test]
fn what_lasts_is_told_again_at_times_and_counted() {
    let (mut state, mut alarm) = (State::default(), alarm(0));
    look(&mut state, &alarm, &holds(&["x"]), 100);
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 159), NOTHING);
    assert_eq!(look(&mut state, &alarm, &holds(&["x"]), 160), ["firing x"]);
    assert_eq!(state.firing().next().unwrap().2.told, 2);
    alarm.repeat_s = 0;
    assert_eq!(
        look(&mut state, &alarm, &holds(&["x"]), 10_000),
        NOTHING,
        "told once"
    );
}

#[test]
fn what_cannot_be_seen_changes_nothing_and_is_forgotten_after_a_day() {
    let (mut state, alarm) = (State::default(), alarm(10));
    look(&mut state, &alarm, &holds(&["x"]), 100);
    assert_eq!(look(&mut state, &alarm, &unseen(), 110), NOTHING);
    assert_eq!(
        look(&mut state, &alarm, &holds(&["x"]), 112),
        ["firing x"],
        "it held all the while"
    );
    assert_eq!(
        look(&mut state, &alarm, &unseen(), 200),
        NOTHING,
        "nor is it over"
    );
    assert_eq!(state.firing().count(), 1);
    assert_eq!(look(&mut state, &alarm, &unseen(), 112 + 86_401), NOTHING);
    assert!(state.is_empty());
}

#[test]
fn in_a_quiet_time_nobody_is_told_and_afterwards_of_what_still_holds() {
    let mut alarm = alarm(0);
    alarm.quiet = vec![QuietTime {
        from: "00:00".to_owned(),
        to: "01:00".to_owned(),
        utc_offset: "+00:00".to_owned(),
        days: Default::default(),
    }];
    let mut state = State::default();
    assert_eq!(look(&mut state, &alarm, &holds(&["x", "y"]), 0), NOTHING);
    assert_eq!(
        look(&mut state, &alarm, &holds(&["x"]), 3_000),
        NOTHING,
        "y was never told"
    );
    assert_eq!(
        look(&mut state, &alarm, &holds(&["x"]), 3_600),
        ["firing x"]
    );
    // Told before the next quiet time, over in it: that is told after it.
    let day = 86_400;
    assert_eq!(look(&mut state, &alarm, &holds(&[]), day + 5), NOTHING);
    assert_eq!(
        look(&mut state, &alarm, &holds(&[]), day + 3_600),
        ["resolved x"]
    );
    // Over in it and back again in it: nothing has changed for those who were told.
    look(&mut state, &alarm, &holds(&["x"]), day + 4_000);
    assert_eq!(look(&mut state, &alarm, &holds(&[]), 2 * day + 5), NOTHING);
    assert_eq!(
        look(&mut state, &alarm, &holds(&["x"]), 2 * day + 10),
        NOTHING
    );
    assert_eq!(state.firing().count(), 1);
}

#[test]
fn the_end_is_not_told_where_nobody_wants_it() {
    let mut alarm = alarm(0);
    alarm.tell_resolved = false;
    let mut state = State::default();
    look(&mut state, &alarm, &holds(&["x"]), 100);
    assert_eq!(look(&mut state, &alarm, &holds(&[]), 102), NOTHING);
    assert!(state.is_empty());
}

#[test]
fn many_subjects_at_once_are_told_of_in_one_notice_and_have_a_bound() {
    let (mut state, alarm) = (State::default(), alarm(0));
    let names: Vec<String> = (0..SUBJECTS_MAX + 100)
        .map(|n| format!("s{n:04}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let few = look(&mut state, &alarm, &holds(&names[..5]), 100);
    assert_eq!(few.len(), 5, "each by itself: {few:?}");
    let many = look(&mut state, &alarm, &holds(&names), 102);
    assert_eq!(many, [format!("firing {} subjects", SUBJECTS_MAX - 5)]);
    assert_eq!(state.firing().count(), SUBJECTS_MAX);
    let over = look(&mut state, &alarm, &holds(&[]), 104);
    assert_eq!(over, [format!("resolved {SUBJECTS_MAX} subjects")]);
}

#[test]
fn letters_have_a_bound_and_receivers_their_own() {
    let (mut state, mut alarm) = (State::default(), alarm(0));
    let receivers = ["ops".to_owned(), "shop".to_owned()];
    alarm.receivers = Some(["shop".to_owned()].into());
    let now = Now {
        cluster: "weir",
        node: "n1",
        ms: 100,
    };
    state.look(&alarm, &holds(&["x"]), &receivers, now);
    let to: Vec<&str> = state
        .letters
        .iter()
        .map(|letter| letter.receiver.as_str())
        .collect();
    assert_eq!(to, ["shop"]);
    let letter = state.letters[0].clone();
    state.letters = vec![letter.clone(); 600];
    assert_eq!(state.drop_letters(), 100);
    state.letters = vec![letter.clone()];
    state.attempted(&letter.id, Some(5_000));
    assert_eq!(
        (state.letters[0].attempts, state.letters[0].due_ms),
        (1, 5_000)
    );
    state.attempted(&letter.id, None);
    assert!(state.letters.is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Holds,
    Clear,
    Unseen,
}

proptest! {
    /// Whatever is seen and whenever: a subject is told of as firing only after it held for long enough without having
    /// been seen clear, again only after the time for that, and as resolved only after it was told of, once.
    #[test]
    fn notices_of_a_subject_follow_one_another_as_they_should(
        for_s in 0u64..30,
        steps in prop::collection::vec((prop_oneof![Just(Step::Holds), Just(Step::Clear), Just(Step::Unseen)], 1u64..40), 1..200),
    ) {
        let (mut state, alarm) = (State::default(), alarm(for_s));
        let (mut second, mut since, mut told_at) = (0u64, None::<u64>, None::<u64>);
        for (step, passed) in steps {
            second += passed;
            let seen = match step {
                Step::Holds => holds(&["x"]),
                Step::Clear => holds(&[]),
                Step::Unseen => unseen(),
            };
            match step {
                Step::Holds => since = since.or(Some(second)),
                Step::Clear => since = None,
                Step::Unseen => {}
            }
            let said = look(&mut state, &alarm, &seen, second);
            match said.as_slice() {
                [] => {
                    let due = since.is_some_and(|since| second - since >= for_s);
                    let overdue = told_at.is_none_or(|told| second - told >= 60);
                    prop_assert!(!(due && overdue && matches!(step, Step::Holds)), "it should have been told at {second}");
                    prop_assert!(!(matches!(step, Step::Clear) && told_at.is_some()), "its end should have been told");
                }
                [one] if one == "firing x" => {
                    let held = since.map(|since| second - since);
                    prop_assert!(held.is_some_and(|held| held >= for_s), "told after {held:?} s");
                    prop_assert!(told_at.is_none_or(|told| second - told >= 60), "told again too soon");
                    told_at = Some(second);
                }
                [one] if one == "resolved x" => {
                    prop_assert!(told_at.take().is_some() && matches!(step, Step::Clear), "nobody knew of it");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
