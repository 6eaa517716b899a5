//! The state machine, what it is given, and how it is handed over.

mod handing_over;
mod holding;
mod looking;

use weir_config::object::{Alarm, AlarmRule};

use super::readings::{Look, Reading, Rest};
use super::state::{Now, State};

const SECOND: u64 = 1_000;

/// Holds for so many seconds before it is told; repeated after a minute.
fn alarm(for_s: u64) -> Alarm {
    Alarm {
        id: "a".to_owned(),
        rule: AlarmRule::NodeGone {},
        for_s: Some(for_s),
        repeat_s: 60,
        ..Alarm::built_in().swap_remove(0)
    }
}

fn reading(text: &str) -> Reading {
    Reading {
        text: text.to_owned(),
        ..Reading::default()
    }
}

/// It holds for these subjects, and for no other.
fn holds(subjects: &[&str]) -> Look {
    Look {
        readings: subjects
            .iter()
            .map(|s| ((*s).to_owned(), reading("It is bad.")))
            .collect(),
        rest: Rest::Clear("It is well.".to_owned()),
    }
}

fn unseen() -> Look {
    Look {
        rest: Rest::Unseen,
        ..holds(&[])
    }
}

/// Looks at this second, and takes out what was written: phase and subject.
fn look(state: &mut State, alarm: &Alarm, look: &Look, second: u64) -> Vec<String> {
    let now = Now {
        cluster: "weir",
        node: "n1",
        ms: second * SECOND,
    };
    state.look(alarm, look, &["ops".to_owned()], now);
    let letters = std::mem::take(&mut state.letters);
    let said = letters.into_iter().map(|letter| {
        let (phase, subject) = (letter.notice.phase, letter.notice.subject);
        format!("{phase:?} {subject}").to_lowercase()
    });
    said.collect()
}
