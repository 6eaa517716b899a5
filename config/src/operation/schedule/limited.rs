//! A change at a time, and where it is for a while, the way back.

use serde_json::{Map, Value, json};

use super::due::Outcome;
use crate::catalog::Catalog;
use crate::object::{Business, Object, Schedule, SchedulePlan, ScheduleState};
use crate::operation::{Change, patch};
use crate::refusal::Refusal;

/// The step that is due of a change of `access` from `at_ms` on, to be set back at `until_ms`.
pub(super) fn step(
    catalog: &Catalog,
    schedule: &Schedule,
    business: &Business,
    change: &Value,
    at_ms: u64,
    until_ms: Option<u64>,
    now_ms: u64,
) -> Option<Outcome> {
    let over = until_ms.is_some_and(|until_ms| now_ms >= until_ms);
    let due_ms = match schedule.state {
        ScheduleState::Waiting => at_ms,
        _ => until_ms.unwrap_or(at_ms),
    };
    let outcome = match schedule.state {
        ScheduleState::Waiting if over => Some(ended(
            schedule,
            failed("Its whole time passed while no node could make the change.".to_owned()),
            None,
        )),
        ScheduleState::Waiting if now_ms >= at_ms => {
            Some(begin(catalog, schedule, business, change, until_ms))
        }
        ScheduleState::Running if over => Some(set_back(catalog, schedule, business, change)),
        _ => None,
    };
    outcome.map(|outcome| Outcome { due_ms, ..outcome })
}

fn begin(
    catalog: &Catalog,
    schedule: &Schedule,
    business: &Business,
    change: &Value,
    until_ms: Option<u64>,
) -> Outcome {
    let changed = match patched(catalog, business, change) {
        Ok(changed) => changed,
        Err(refusal) => return ended(schedule, failed(refusal.detail), None),
    };
    if until_ms.is_none() {
        return ended(schedule, ScheduleState::Done, Some(changed));
    }
    let mut outcome = ended(schedule, ScheduleState::Running, Some(changed));
    let before = serde_json::to_value(&business.access).unwrap_or_default();
    outcome.schedule.progress.revert = Some(way_back(change, &before));
    outcome
}

/// Sets back what the schedule changed, unless somebody has changed it since.
fn set_back(
    catalog: &Catalog,
    schedule: &Schedule,
    business: &Business,
    change: &Value,
) -> Outcome {
    let nothing = Value::Object(Map::new());
    let revert = schedule.progress.revert.as_ref().unwrap_or(&nothing);
    let back = match patched(catalog, business, revert) {
        Ok(back) => back,
        Err(refusal) => return ended(schedule, failed(refusal.detail), None),
    };
    if back == *business {
        return ended(schedule, ScheduleState::Done, None);
    }
    if !patched(catalog, business, change).is_ok_and(|again| again == *business) {
        let why = "Somebody has changed it since, so nothing was set back.";
        return ended(schedule, failed(why.to_owned()), None);
    }
    ended(schedule, ScheduleState::Done, Some(back))
}

/// Adds to a person's disconnect that no schedule under way connects the business again: that it is disconnected
/// already says nothing of who wants it so.
pub(in crate::operation) fn stay_disconnected(
    catalog: &Catalog,
    business: &str,
    change: &mut Change,
) {
    let connects = |schedule: &&Schedule| {
        let back = schedule.progress.revert.as_ref();
        schedule.state == ScheduleState::Running
            && back.is_some_and(|back| back["enabled"] == Value::Bool(true))
    };
    for schedule in catalog.schedules_of(business).filter(connects) {
        let mut after = schedule.clone();
        let why = "Somebody disconnected the business meanwhile, so it stays disconnected.";
        after.state = failed(why.to_owned());
        after.progress.changes += 1;
        after.progress.ended_at_ms = match &schedule.plan {
            SchedulePlan::Change(plan) => plan.until_ms,
            SchedulePlan::Disconnect(plan) => plan.until_ms,
            SchedulePlan::Rise(_) => None,
        };
        change.puts.push(Object::Schedule(after));
    }
}

/// The merge patch that takes back another: what it names, as it is before.
fn way_back(change: &Value, before: &Value) -> Value {
    match (change, before) {
        (Value::Object(change), Value::Object(before)) => {
            let back = change.iter().map(|(name, change)| {
                let before = before.get(name).unwrap_or(&Value::Null);
                (name.clone(), way_back(change, before))
            });
            Value::Object(back.collect())
        }
        (_, before) => before.clone(),
    }
}

fn patched(catalog: &Catalog, business: &Business, change: &Value) -> Result<Business, Refusal> {
    patch::apply(catalog, business, &json!({ "access": change }))
}

fn ended(schedule: &Schedule, state: ScheduleState, business: Option<Business>) -> Outcome {
    let mut after = schedule.clone();
    let (id, of) = (&schedule.id, &schedule.business);
    let what = match &state {
        ScheduleState::Failed { why } => format!("Schedule {id} of business {of} failed: {why}"),
        state => format!(
            "Schedule {id} of business {of} made its change and is {}.",
            state.name()
        ),
    };
    after.state = state;
    Outcome {
        schedule: after,
        business,
        what,
        due_ms: 0,
    }
}

fn failed(why: String) -> ScheduleState {
    ScheduleState::Failed { why }
}
