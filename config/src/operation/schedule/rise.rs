//! Preheating: gray that rises in steps to a target.

use super::due::Outcome;
use crate::object::{Business, Schedule, ScheduleState, ScheduledRise};

const STEPS_MAX: u64 = 100;
const STEP_MIN_MS: u64 = 10_000;

/// The step that is due of a rise.
///
/// Time in which nothing could be done (paused, or no node running) does not count: the share never jumps by
/// more than a step. Where somebody set the share or disconnected the business meanwhile, the rise pauses: that
/// was no accident.
pub(super) fn step(
    schedule: &Schedule,
    business: &Business,
    plan: &ScheduledRise,
    now_ms: u64,
) -> Option<Outcome> {
    let gray = &business.access.gray;
    match schedule.state {
        ScheduleState::Waiting if now_ms >= plan.start_ms => {
            let began = plan.from_percent.unwrap_or(gray.percent);
            let mut after = schedule.clone();
            after.progress.began_at_percent = Some(began);
            after.progress.percent = Some(began);
            // Where no node ran when it was to begin, it begins late.
            after.progress.paused_ms = late_ms(plan, now_ms - plan.start_ms);
            let done = began >= plan.target_percent;
            after.state = if done {
                ScheduleState::Done
            } else {
                ScheduleState::Running
            };
            Some(raised(after, business, began, plan.start_ms))
        }
        ScheduleState::Running => running(schedule, business, plan, now_ms),
        _ => None,
    }
}

/// When the next step of a rise under way is due.
pub(super) fn next_ms(schedule: &Schedule, plan: &ScheduledRise) -> u64 {
    let next = u64::from(schedule.progress.step) + 1;
    let moved_ms = plan.start_ms.saturating_add(schedule.progress.paused_ms);
    moved_ms.saturating_add((next * plan.over_ms).div_ceil(steps(plan)))
}

pub(super) fn pause(schedule: &mut Schedule, now_ms: u64, why: &str) {
    schedule.state = ScheduleState::Paused {
        why: why.chars().take(500).collect(),
    };
    schedule.progress.paused_at_ms = Some(now_ms);
    schedule.progress.paused_by_errors = false;
}

/// Goes on from the share that is set, in the steps that are left.
pub(super) fn resume(schedule: &mut Schedule, now_ms: u64, percent: f64) {
    let progress = &mut schedule.progress;
    let since_ms = progress.paused_at_ms.take().unwrap_or(now_ms);
    progress.paused_ms = progress
        .paused_ms
        .saturating_add(now_ms.saturating_sub(since_ms));
    progress.began_at_percent = Some(percent);
    progress.began_at_step = progress.step;
    progress.percent = Some(percent);
    schedule.state = ScheduleState::Running;
}

fn running(
    schedule: &Schedule,
    business: &Business,
    plan: &ScheduledRise,
    now_ms: u64,
) -> Option<Outcome> {
    let progress = &schedule.progress;
    let percent = business.access.gray.percent;
    let by_hand = if !business.access.enabled {
        Some("The business is disconnected.".to_owned())
    } else if progress.percent.is_some_and(|set| set != percent) {
        Some(format!("Somebody set the share to {percent} %."))
    } else {
        None
    };
    let mut after = schedule.clone();
    if let Some(why) = by_hand {
        pause(&mut after, now_ms, &why);
        let what = format!(
            "Schedule {} of business {} pauses: {why}",
            schedule.id, schedule.business
        );
        return Some(Outcome {
            schedule: after,
            business: None,
            what,
            due_ms: now_ms,
        });
    }
    let due_ms = next_ms(schedule, plan);
    if now_ms < due_ms {
        return None;
    }
    let (steps, step) = (steps(plan), u64::from(progress.step) + 1);
    let late_ms = late_ms(plan, now_ms - due_ms);
    after.progress.paused_ms = progress.paused_ms.saturating_add(late_ms);
    after.progress.step = progress.step + 1;
    let began = progress.began_at_percent.unwrap_or(percent);
    let began_at = u64::from(progress.began_at_step);
    let (made, of) = (step - began_at, steps.saturating_sub(began_at).max(1));
    let share = began + (plan.target_percent - began) * made as f64 / of as f64;
    let share = if step >= steps {
        plan.target_percent
    } else {
        (share * 100.0).round() / 100.0
    };
    // A share set by hand before it went on may be above the target already.
    let share = share.max(percent);
    after.progress.percent = Some(share);
    if step >= steps || share >= plan.target_percent {
        after.state = ScheduleState::Done;
    }
    Some(raised(after, business, share, due_ms))
}

fn raised(after: Schedule, business: &Business, percent: f64, due_ms: u64) -> Outcome {
    let mut changed = business.clone();
    changed.access.gray.percent = percent;
    let what = format!(
        "Schedule {} of business {}: {percent} % of users are on the link.",
        after.id, after.business
    );
    Outcome {
        schedule: after,
        business: Some(changed),
        what,
        due_ms,
    }
}

/// How much of a delay does not count: less than a step is caught up with.
fn late_ms(plan: &ScheduledRise, delay_ms: u64) -> u64 {
    let counts = delay_ms < plan.over_ms / steps(plan);
    if counts { 0 } else { delay_ms }
}

/// As many steps as fit, and at most a hundred.
fn steps(plan: &ScheduledRise) -> u64 {
    (plan.over_ms / STEP_MIN_MS).clamp(1, STEPS_MAX)
}
