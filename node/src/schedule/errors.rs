//! Whether a rise pauses because of errors, and goes on after them.

use weir_config::Catalog;
use weir_config::object::{Schedule, SchedulePlan, ScheduleState};

use super::recent::{Calls, CallsByRise, WINDOW_MS};

/// What the calls of a rise say should be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub business: String,
    pub schedule: String,
    pub act: Act,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    Pause {
        why: String,
    },
    /// It has been quiet for as long as its plan asks for.
    Resume,
}

/// What is to be done of all rises. `complete`: every live node has said what became of its calls. Where one has
/// not, a rise may pause but none goes on.
pub fn verdicts(
    catalog: &Catalog,
    calls: &CallsByRise,
    complete: bool,
    now_ms: u64,
) -> Vec<Verdict> {
    let verdict = |schedule: &Schedule| {
        let id = Schedule::object_id(&schedule.business, &schedule.id);
        let calls = calls.get(&id).copied().unwrap_or_default();
        Some(Verdict {
            business: schedule.business.clone(),
            schedule: schedule.id.clone(),
            act: act(schedule, calls, complete, now_ms)?,
        })
    };
    catalog.schedules().filter_map(verdict).collect()
}

fn act(schedule: &Schedule, calls: Calls, complete: bool, now_ms: u64) -> Option<Act> {
    let SchedulePlan::Rise(plan) = &schedule.plan else {
        return None;
    };
    let limit = plan.pause_above_error_percent;
    let share = calls.error_percent();
    let too_many = limit > 0.0 && share.is_some_and(|share| share > limit);
    match &schedule.state {
        ScheduleState::Running if too_many => Some(Act::Pause {
            why: why(calls, share.unwrap_or_default(), limit),
        }),
        ScheduleState::Paused { .. } if complete && !too_many => {
            let quiet_ms = plan.resume_after_ms?;
            let since_ms = schedule.progress.paused_at_ms?;
            let over =
                schedule.progress.paused_by_errors && now_ms.saturating_sub(since_ms) >= quiet_ms;
            over.then_some(Act::Resume)
        }
        _ => None,
    }
}

fn why(calls: Calls, share: f64, limit: f64) -> String {
    format!(
        "{} of {} calls failed in the last {} seconds, {share:.1} %, and {limit} % are borne. Look what is wrong, then \
         let it go on.",
        calls.errors,
        calls.calls.max(calls.errors),
        WINDOW_MS / 1_000
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const QUIET_MS: u64 = 600_000;

    fn rise(state: Value, plan: Value, progress: Value) -> Schedule {
        let mut whole = json!({"action": "rise", "target_percent": 100.0, "start": "1970-01-01T00:00:00Z", "over_ms": 3_600_000});
        for (name, value) in plan.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let schedule = json!({"id": "warm", "business": "wx1", "plan": whole, "state": state, "progress": progress});
        serde_json::from_value(schedule).unwrap()
    }

    fn running(plan: Value) -> Schedule {
        rise(json!({"name": "running"}), plan, json!({}))
    }

    fn paused_by_errors(plan: Value) -> Schedule {
        let progress = json!({"paused_at_ms": 1_000, "paused_by_errors": true});
        rise(json!({"name": "paused", "why": "errors"}), plan, progress)
    }

    fn of(calls: u64, errors: u64) -> Calls {
        Calls { calls, errors }
    }

    #[test]
    fn a_rise_pauses_above_its_share_of_errors_and_says_why() {
        let Some(Act::Pause { why }) = act(&running(json!({})), of(200, 11), true, 0) else {
            panic!("it goes on");
        };
        assert!(why.starts_with("11 of 200 calls failed"), "{why}");
        assert!(
            why.contains("5.5 %") && why.contains("5 % are borne"),
            "{why}"
        );
        assert_eq!(act(&running(json!({})), of(200, 10), true, 0), None);
    }

    #[test]
    fn few_calls_are_not_judged_and_zero_means_never() {
        assert_eq!(act(&running(json!({})), of(49, 49), true, 0), None);
        let never = running(json!({"pause_above_error_percent": 0.0}));
        assert_eq!(act(&never, of(1_000, 1_000), true, 0), None);
    }

    #[test]
    fn only_where_it_was_said_a_rise_goes_on_by_itself_after_a_quiet_time() {
        let by_operator = paused_by_errors(json!({}));
        let later_ms = 1_000 + QUIET_MS;
        assert_eq!(act(&by_operator, of(0, 0), true, later_ms), None);
        let by_itself = paused_by_errors(json!({"resume_after_ms": QUIET_MS}));
        assert_eq!(act(&by_itself, of(0, 0), true, later_ms - 1), None);
        assert_eq!(act(&by_itself, of(0, 0), true, later_ms), Some(Act::Resume));
        assert_eq!(
            act(&by_itself, of(100, 50), true, later_ms),
            None,
            "not quiet"
        );
        assert_eq!(
            act(&by_itself, of(0, 0), false, later_ms),
            None,
            "not known"
        );
    }

    #[test]
    fn what_an_operator_paused_only_an_operator_lets_go_on() {
        let mut by_hand = paused_by_errors(json!({"resume_after_ms": QUIET_MS}));
        by_hand.progress.paused_by_errors = false;
        assert_eq!(act(&by_hand, of(0, 0), true, QUIET_MS * 2), None);
    }
}
