//! What is to happen to a business by itself: setting it, and the steps that are due.
//!
//! A step is a change like any other, worked out from the catalog and the time alone. Every node works out the
//! same; steps of two nodes at once write the same, and a step that one node has made is not due any more.

mod due;
mod limited;
mod rise;

pub use due::{Step, due, due_step, next_due_ms};
pub(super) use limited::stay_disconnected;

use serde_json::json;

use crate::catalog::Catalog;
use crate::moment;
use crate::object::{
    Kind, Object, ObjectKey, Schedule, SchedulePlan, ScheduleProgress, ScheduleState, ScheduledRise,
};
use crate::operation::{Change, Context, business, field, patch};
use crate::refusal::Refusal;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// Most schedules of one business, those that are over included.
const SCHEDULES_MAX: usize = 100;
/// How far ahead something can be scheduled.
const AHEAD_MAX_MS: u64 = 366 * DAY_MS;
const RISE_OVER_MS: std::ops::RangeInclusive<u64> = MINUTE_MS..=30 * DAY_MS;
const RESUME_AFTER_MS: std::ops::RangeInclusive<u64> = MINUTE_MS..=7 * DAY_MS;

/// Sets a schedule of a business, or sets one that is waiting or over anew.
///
/// # Errors
/// `not_found` (404) for an unknown business; `invalid` (422) with the field; 409 with `schedule_running` where
/// one of this name has begun, `schedule_conflict` where another rise is under way, `too_many_schedules`.
pub fn put_schedule(
    catalog: &Catalog,
    context: &Context,
    business: &str,
    id: &str,
    plan: SchedulePlan,
    created_by: &str,
) -> Result<Change, Refusal> {
    business::existing(catalog, business)?;
    field::slug("schedule", id)?;
    let known = catalog.schedule(&Schedule::object_id(business, id));
    if let Some(known) = known.filter(|known| !known.state.is_over()) {
        if known.plan == plan {
            return Ok(Change::default());
        }
        if known.state != ScheduleState::Waiting {
            return Err(Refusal::conflict(
                "schedule_running",
                format!(
                    "Schedule `{id}` of business `{business}` is {}: it has begun. Delete it first (what it has \
                     changed so far stays), or set another one.",
                    known.state.name()
                ),
            ));
        }
    }
    let schedule = Schedule {
        id: id.to_owned(),
        business: business.to_owned(),
        plan,
        state: ScheduleState::Waiting,
        created_by: created_by.to_owned(),
        created_at_ms: context.now_ms,
        progress: ScheduleProgress::default(),
    };
    check(catalog, &schedule)?;
    check_times(&schedule.plan, context.now_ms)?;
    let others = || {
        catalog
            .schedules_of(business)
            .filter(|other| other.id != id)
    };
    let rises = |s: &Schedule| matches!(s.plan, SchedulePlan::Rise(_)) && !s.state.is_over();
    if let Some(other) = others().find(|other| rises(other) && rises(&schedule)) {
        return Err(Refusal::conflict(
            "schedule_conflict",
            format!(
                "Schedule `{}` raises the gray of business `{business}` already, and one share cannot rise twice at \
                 once. Delete that one first.",
                other.id
            ),
        ));
    }
    if others().count() >= SCHEDULES_MAX {
        return Err(Refusal::conflict(
            "too_many_schedules",
            format!(
                "Business `{business}` has {SCHEDULES_MAX} schedules, the most it can. Delete some that are over: \
                 DELETE /admin/v1/businesses/{business}/schedules/{{schedule}}."
            ),
        ));
    }
    Ok(Change::put(Object::Schedule(schedule)))
}

/// Takes a schedule away. What it has changed so far stays as it is.
///
/// # Errors
/// `not_found` (404).
pub fn delete_schedule(catalog: &Catalog, business: &str, id: &str) -> Result<Change, Refusal> {
    existing(catalog, business, id)?;
    Ok(Change::delete(ObjectKey::new(
        Kind::Schedule,
        Schedule::object_id(business, id),
    )))
}

/// Stops a rise where it is, until somebody lets it go on.
///
/// # Errors
/// `not_found` (404); `schedule_not_running` (409) for anything but a rise under way.
pub fn pause_schedule(
    catalog: &Catalog,
    context: &Context,
    business: &str,
    id: &str,
    why: &str,
) -> Result<Change, Refusal> {
    let known = existing(catalog, business, id)?;
    let rises = matches!(known.plan, SchedulePlan::Rise(_));
    if known.state != ScheduleState::Running || !rises {
        return Err(Refusal::conflict(
            "schedule_not_running",
            format!(
                "Schedule `{id}` of business `{business}` cannot be paused: it is {}, and only a rise that is \
                 running can. Delete it to stop it.",
                known.state.name()
            ),
        ));
    }
    let mut paused = known.clone();
    rise::pause(&mut paused, context.now_ms, why);
    paused.progress.changes += 1;
    Ok(Change::put(Object::Schedule(paused)))
}

/// As [`pause_schedule`], because too many of the business's calls fail: where its plan says so, it goes on by
/// itself.
///
/// # Errors
/// As [`pause_schedule`].
pub fn pause_for_errors(
    catalog: &Catalog,
    context: &Context,
    business: &str,
    id: &str,
    why: &str,
) -> Result<Change, Refusal> {
    let mut change = pause_schedule(catalog, context, business, id, why)?;
    for object in &mut change.puts {
        if let Object::Schedule(paused) = object {
            paused.progress.paused_by_errors = true;
        }
    }
    Ok(change)
}

/// Lets a paused rise go on, from the share that is set now, for as long as was left.
///
/// # Errors
/// `not_found` (404); `schedule_not_paused` (409).
pub fn resume_schedule(
    catalog: &Catalog,
    context: &Context,
    business: &str,
    id: &str,
) -> Result<Change, Refusal> {
    let known = existing(catalog, business, id)?;
    if !matches!(known.state, ScheduleState::Paused { .. }) {
        return Err(Refusal::conflict(
            "schedule_not_paused",
            format!(
                "Schedule `{id}` of business `{business}` is {}, so there is nothing to let go on.",
                known.state.name()
            ),
        ));
    }
    let business = business::existing(catalog, business)?;
    let mut resumed = known.clone();
    rise::resume(&mut resumed, context.now_ms, business.access.gray.percent);
    resumed.progress.changes += 1;
    Ok(Change::put(Object::Schedule(resumed)))
}

/// Checks a schedule as it is kept, whatever the time.
pub(super) fn check(catalog: &Catalog, schedule: &Schedule) -> Result<(), Refusal> {
    field::slug("id", &schedule.id)?;
    let business = business::existing(catalog, &schedule.business)?;
    let (at_ms, until_ms) = match &schedule.plan {
        SchedulePlan::Change(change) => {
            let empty = change
                .patch
                .as_object()
                .is_none_or(serde_json::Map::is_empty);
            if empty {
                return Err(Refusal::invalid(
                    "patch",
                    "It has to be an object with the fields of access to change, as in {\"gray\": {\"percent\": 20}}.",
                ));
            }
            let patch = json!({ "access": change.patch });
            patch::apply(catalog, business, &patch).map_err(|mut refusal| {
                let path = refusal.field.take().unwrap_or_default();
                let within = path.strip_prefix("access").unwrap_or("");
                refusal.at(&format!("patch{within}"))
            })?;
            (change.at_ms, change.until_ms)
        }
        SchedulePlan::Disconnect(disconnect) => (disconnect.at_ms, disconnect.until_ms),
        SchedulePlan::Rise(rise) => return check_rise(rise),
    };
    match until_ms {
        Some(until_ms) if until_ms < at_ms.saturating_add(1_000) => Err(Refusal::invalid(
            "until",
            "It has to be at least a second after `at`; leave it out for a change that stays.",
        )),
        _ => Ok(()),
    }
}

fn check_rise(rise: &ScheduledRise) -> Result<(), Refusal> {
    let shares = [
        ("target_percent", Some(rise.target_percent)),
        ("from_percent", rise.from_percent),
        (
            "pause_above_error_percent",
            Some(rise.pause_above_error_percent),
        ),
    ];
    for (path, percent) in shares {
        let exact = |percent: f64| (percent * 100.0).round() / 100.0 == percent;
        if percent.is_some_and(|p| !(0.0..=100.0).contains(&p) || !exact(p)) {
            return Err(Refusal::invalid(
                path,
                "A percentage is a number from 0 to 100 with at most two decimals.",
            ));
        }
    }
    if rise.target_percent <= rise.from_percent.unwrap_or(0.0) {
        return Err(Refusal::invalid(
            "target_percent",
            "A rise ends above where it begins. To lower the share, set access.gray.percent, or schedule a change.",
        ));
    }
    if !RISE_OVER_MS.contains(&rise.over_ms) {
        return Err(Refusal::invalid(
            "over_ms",
            "A rise takes one minute (60000) to 30 days (2592000000), in milliseconds.",
        ));
    }
    let quiet_ms = rise.resume_after_ms;
    if quiet_ms.is_some_and(|quiet_ms| !RESUME_AFTER_MS.contains(&quiet_ms)) {
        return Err(Refusal::invalid(
            "resume_after_ms",
            "A quiet time is one minute (60000) to 7 days (604800000), in milliseconds; left out, a rise paused by \
             errors goes on when somebody says so.",
        ));
    }
    Ok(())
}

/// What lies behind would be done at once, which nobody means who writes it.
fn check_times(plan: &SchedulePlan, now_ms: u64) -> Result<(), Refusal> {
    let (path, at_ms, until_ms) = match plan {
        SchedulePlan::Change(change) => ("at", change.at_ms, change.until_ms),
        SchedulePlan::Disconnect(disconnect) => ("at", disconnect.at_ms, disconnect.until_ms),
        SchedulePlan::Rise(rise) => ("start", rise.start_ms, None),
    };
    for (path, time_ms) in [(path, Some(at_ms)), ("until", until_ms)] {
        let past = time_ms.is_some_and(|ms| ms.saturating_add(MINUTE_MS) < now_ms);
        let far = time_ms.is_some_and(|ms| ms > now_ms.saturating_add(AHEAD_MAX_MS));
        if past || far {
            return Err(Refusal::invalid(
                path,
                format!(
                    "It is {}: it is {} here. Give a moment from now on, at most 366 days ahead.",
                    if past { "past" } else { "too far ahead" },
                    moment::text(now_ms)
                ),
            ));
        }
    }
    Ok(())
}

fn existing<'c>(catalog: &'c Catalog, business: &str, id: &str) -> Result<&'c Schedule, Refusal> {
    let known = catalog.schedule(&Schedule::object_id(business, id));
    known.ok_or_else(|| {
        let (business, id) = (field::shown(business), field::shown(id));
        Refusal::not_found(format!(
            "Business `{business}` has no schedule `{id}`. Set it with PUT \
             /admin/v1/businesses/{business}/schedules/{id}."
        ))
    })
}
