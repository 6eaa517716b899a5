use sha2::{Digest, Sha256};

use super::{DAY_MS, limited, rise};
use crate::catalog::Catalog;
use crate::object::{Business, Object, ObjectKey, Schedule, SchedulePlan, ScheduleState};
use crate::operation::Change;

/// How long a schedule that is over is kept.
const KEPT_MS: u64 = 30 * DAY_MS;

/// What one schedule has to do now.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    pub schedule: ObjectKey,
    /// Names the change, so that it is made once: whoever works out the same step gives it the same name. In the
    /// form of [`Record::request`](crate::Record::request).
    pub request: String,
    /// For the log, a sentence.
    pub what: String,
    /// The schedule's new state, and the business's where that changes too.
    pub change: Change,
}

/// What a step makes of a schedule, and of its business where that changes.
pub(super) struct Outcome {
    pub(super) schedule: Schedule,
    pub(super) business: Option<Business>,
    pub(super) what: String,
    /// When it was due: every node says the same of it.
    pub(super) due_ms: u64,
}

/// All steps that are due, to be made in this order. Each is worked out on what those before leave behind; where
/// something else is written in between, ask [`due_step`] again on the catalog as it then is.
pub fn due(catalog: &Catalog, now_ms: u64) -> Vec<Step> {
    let ids = catalog
        .schedules()
        .map(|s| Schedule::object_id(&s.business, &s.id));
    let ids: Vec<String> = ids.collect();
    let mut after: Option<Catalog> = None;
    let mut steps = Vec::new();
    for id in ids {
        let now = after.as_ref().unwrap_or(catalog);
        if let Some(step) = due_step(now, now_ms, &id) {
            after = Some(step.change.applied_to(now));
            steps.push(step);
        }
    }
    steps
}

/// What is due of one schedule, `<business>/<schedule>`. To be called where the change is made, on the catalog
/// that it is made to.
pub fn due_step(catalog: &Catalog, now_ms: u64, id: &str) -> Option<Step> {
    let schedule = catalog.schedule(id)?;
    let key = Object::Schedule(schedule.clone()).key();
    let Some(business) = catalog.business(&schedule.business) else {
        let what = format!("{key}: its business is gone, and so is it.");
        return Some(Step::new(schedule, key.clone(), what, Change::delete(key)));
    };
    if schedule.state.is_over() {
        let ended_ms = schedule.progress.ended_at_ms.unwrap_or(0);
        let kept = now_ms < ended_ms.saturating_add(KEPT_MS);
        let what = format!("{key} was over 30 days ago, and goes.");
        return (!kept).then(|| Step::new(schedule, key.clone(), what, Change::delete(key)));
    }
    let outcome = match &schedule.plan {
        SchedulePlan::Change(plan) => {
            let (at_ms, until_ms) = (plan.at_ms, plan.until_ms);
            limited::step(
                catalog,
                schedule,
                business,
                &plan.patch,
                at_ms,
                until_ms,
                now_ms,
            )
        }
        SchedulePlan::Disconnect(plan) => {
            let patch = serde_json::json!({"enabled": false});
            let (at_ms, until_ms) = (plan.at_ms, plan.until_ms);
            limited::step(catalog, schedule, business, &patch, at_ms, until_ms, now_ms)
        }
        SchedulePlan::Rise(plan) => rise::step(schedule, business, plan, now_ms),
    }?;
    let mut after = outcome.schedule;
    after.progress.changes += 1;
    if after.state.is_over() {
        after.progress.ended_at_ms = Some(outcome.due_ms);
    }
    let mut change = Change::put(Object::Schedule(after));
    if let Some(changed) = outcome.business.filter(|changed| changed != business) {
        change.puts.insert(0, Object::Business(changed));
    }
    Some(Step::new(schedule, key, outcome.what, change))
}

/// When the next step is due, as far as the configuration says now; the past where one is. `None`: never.
pub fn next_due_ms(catalog: &Catalog) -> Option<u64> {
    let next = |schedule: &Schedule| {
        if catalog.business(&schedule.business).is_none() {
            return Some(0);
        }
        let (at_ms, until_ms) = match &schedule.plan {
            SchedulePlan::Change(plan) => (plan.at_ms, plan.until_ms),
            SchedulePlan::Disconnect(plan) => (plan.at_ms, plan.until_ms),
            SchedulePlan::Rise(plan) => (plan.start_ms, Some(rise::next_ms(schedule, plan))),
        };
        match schedule.state {
            ScheduleState::Waiting => Some(at_ms),
            ScheduleState::Running => until_ms,
            ScheduleState::Paused { .. } => None,
            ScheduleState::Done | ScheduleState::Failed { .. } => {
                let ended_ms = schedule.progress.ended_at_ms.unwrap_or(0);
                Some(ended_ms.saturating_add(KEPT_MS))
            }
        }
    };
    catalog.schedules().filter_map(next).min()
}

// === impl Step ===

impl Step {
    fn new(schedule: &Schedule, key: ObjectKey, what: String, change: Change) -> Self {
        let (created_ms, number) = (schedule.created_at_ms, schedule.progress.changes);
        let named = Sha256::digest(format!("{key}\n{created_ms}"));
        let named = hex::encode(&named[..8]);
        Step {
            schedule: key,
            request: format!("schedule-{named}-{number}#step"),
            what,
            change,
        }
    }
}
