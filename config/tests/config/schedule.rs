//! Schedules: what is due when, and what comes of it.

use serde_json::{Value, json};

use crate::fixture::{APPID, Cluster, NOW_MS, context};
use weir_config::moment;
use weir_config::object::{Schedule, ScheduleState};
use weir_config::operation::{
    Context, connect, delete_business, disconnect, due, due_step, next_due_ms, patch_business,
    pause_schedule, put_schedule, resume_schedule,
};

const HOUR_MS: u64 = 3_600_000;

fn at(now_ms: u64) -> Context {
    Context {
        now_ms,
        ..context()
    }
}

fn scheduled(plan: Value) -> Cluster {
    let mut cluster = Cluster::attached();
    set(&mut cluster, "s", plan);
    cluster
}

fn set(cluster: &mut Cluster, id: &str, plan: Value) {
    let plan = serde_json::from_value(plan).unwrap();
    cluster.write(|c| put_schedule(c, &context(), APPID, id, plan, "ann"));
}

/// Makes all that is due; how many steps that were.
fn run(cluster: &mut Cluster, now_ms: u64) -> usize {
    let steps = due(&cluster.catalog, now_ms);
    let count = steps.len();
    for step in steps {
        cluster.apply(step.change);
    }
    count
}

fn schedule(cluster: &Cluster) -> &Schedule {
    cluster
        .catalog
        .schedule(&Schedule::object_id(APPID, "s"))
        .unwrap()
}

fn percent(cluster: &Cluster) -> f64 {
    cluster.business().access.gray.percent
}

fn patched(cluster: &mut Cluster, access: Value) {
    cluster.write(|c| patch_business(c, APPID, &json!({ "access": access })));
}

#[test]
fn a_change_is_made_at_its_time_and_once() {
    let mut cluster = scheduled(json!({
        "action": "change", "at": moment::text(NOW_MS + 10), "patch": {"gray": {"percent": 20}, "versions": ["release"]}
    }));
    assert_eq!(next_due_ms(&cluster.catalog), Some(NOW_MS + 10));
    assert_eq!(run(&mut cluster, NOW_MS + 9), 0);
    assert_eq!(run(&mut cluster, NOW_MS + 10), 1);
    assert_eq!(percent(&cluster), 20.0);
    assert_eq!(cluster.business().access.versions.len(), 1);
    assert_eq!(schedule(&cluster).state, ScheduleState::Done);
    assert_eq!(run(&mut cluster, NOW_MS + 11), 0);
}

#[test]
fn a_change_for_a_while_is_set_back_field_by_field() {
    let mut cluster = scheduled(json!({
        "action": "change", "at": moment::text(NOW_MS), "until": moment::text(NOW_MS + HOUR_MS),
        "patch": {"gray": {"percent": 20}, "urls": [{"domain": "api.shop.example", "paths": ["/v1"]}]}
    }));
    let before = cluster.business().clone();
    run(&mut cluster, NOW_MS);
    assert_eq!(schedule(&cluster).state, ScheduleState::Running);
    assert_ne!(cluster.business(), &before);
    // What the schedule did not name stays as somebody set it.
    patched(&mut cluster, json!({"versions": ["trial", "release"]}));
    assert_eq!(run(&mut cluster, NOW_MS + HOUR_MS - 1), 0);
    run(&mut cluster, NOW_MS + HOUR_MS);
    assert_eq!(schedule(&cluster).state, ScheduleState::Done);
    assert_eq!(cluster.business().access.urls, before.access.urls);
    assert_eq!(cluster.business().access.gray, before.access.gray);
    assert_eq!(cluster.business().access.versions.len(), 2);
}

#[test]
fn what_somebody_changed_meanwhile_is_not_set_back() {
    let mut cluster = scheduled(json!({
        "action": "change", "at": moment::text(NOW_MS), "until": moment::text(NOW_MS + HOUR_MS), "patch": {"gray": {"percent": 20}}
    }));
    run(&mut cluster, NOW_MS);
    patched(&mut cluster, json!({"gray": {"percent": 30}}));
    run(&mut cluster, NOW_MS + HOUR_MS);
    assert_eq!(percent(&cluster), 30.0);
    let ScheduleState::Failed { why } = &schedule(&cluster).state else {
        panic!("{:?}", schedule(&cluster));
    };
    assert!(why.contains("changed it since"), "{why}");
}

#[test]
fn a_scheduled_disconnect_ends_by_itself_unless_somebody_connected_before() {
    let plan = json!({"action": "disconnect", "at": moment::text(NOW_MS), "until": moment::text(NOW_MS + HOUR_MS)});
    for by_hand in [false, true] {
        let mut cluster = scheduled(plan.clone());
        run(&mut cluster, NOW_MS);
        assert!(!cluster.business().access.enabled);
        if by_hand {
            cluster.write(|c| connect(c, APPID));
        }
        run(&mut cluster, NOW_MS + HOUR_MS);
        assert!(cluster.business().access.enabled);
        assert_eq!(schedule(&cluster).state, ScheduleState::Done);
    }
    // One that was disconnected before stays so.
    let mut cluster = scheduled(plan);
    cluster.write(|c| disconnect(c, APPID));
    run(&mut cluster, NOW_MS);
    run(&mut cluster, NOW_MS + HOUR_MS);
    assert!(!cluster.business().access.enabled);
}

#[test]
fn what_no_node_could_do_in_its_time_is_not_done_late() {
    let mut cluster = scheduled(
        json!({"action": "disconnect", "at": moment::text(NOW_MS), "until": moment::text(NOW_MS + HOUR_MS)}),
    );
    run(&mut cluster, NOW_MS + HOUR_MS);
    assert!(cluster.business().access.enabled);
    assert_eq!(schedule(&cluster).state.name(), "failed");
}

#[test]
fn a_change_that_no_longer_fits_fails_with_the_reason() {
    let mut cluster = scheduled(json!({
        "action": "change", "at": moment::text(NOW_MS + 5), "patch": {"gray": {"include": ["ann"]}}
    }));
    patched(&mut cluster, json!({"gray": {"exclude": ["ann"]}}));
    run(&mut cluster, NOW_MS + 5);
    let ScheduleState::Failed { why } = &schedule(&cluster).state else {
        panic!("{:?}", schedule(&cluster));
    };
    assert!(why.contains("in include and in exclude"), "{why}");
}

/// From 0 to 50 % in an hour: 100 steps, 36 s apart.
fn rise() -> Value {
    json!({"action": "rise", "from_percent": 0, "target_percent": 50, "start": moment::text(NOW_MS), "over_ms": HOUR_MS})
}

#[test]
fn a_rise_goes_up_in_steps_and_ends_at_its_target() {
    let mut cluster = scheduled(rise());
    let (mut now_ms, mut shares) = (NOW_MS, Vec::new());
    while let Some(next_ms) = next_due_ms(&cluster.catalog).filter(|_| shares.len() < 200) {
        assert!(
            next_ms - now_ms >= 10_000 || shares.is_empty(),
            "{next_ms} after {now_ms}"
        );
        now_ms = next_ms;
        assert_eq!(run(&mut cluster, now_ms), 1);
        shares.push(percent(&cluster));
        if schedule(&cluster).state == ScheduleState::Done {
            break;
        }
    }
    assert_eq!(shares.len(), 101);
    assert!(shares.is_sorted());
    assert_eq!(
        (shares[0], shares[1], shares[50], shares[100]),
        (0.0, 0.5, 25.0, 50.0)
    );
    assert_eq!(now_ms, NOW_MS + HOUR_MS);
}

#[test]
fn a_short_rise_has_fewer_steps() {
    let mut plan = rise();
    plan["over_ms"] = json!(60_000);
    let mut cluster = scheduled(plan);
    run(&mut cluster, NOW_MS);
    assert_eq!(next_due_ms(&cluster.catalog), Some(NOW_MS + 10_000));
    run(&mut cluster, NOW_MS + 10_000);
    assert_eq!(percent(&cluster), 8.33);
}

#[test]
fn two_nodes_that_work_out_a_step_work_out_the_same() {
    let mut cluster = scheduled(rise());
    run(&mut cluster, NOW_MS);
    let step = |now_ms| due(&cluster.catalog, now_ms).remove(0);
    let (one, other) = (step(NOW_MS + 36_000), step(NOW_MS + 36_950));
    assert_eq!(one, other);
    cluster.apply(one.change);
    // The one that comes second finds nothing to do; the next step has another name.
    assert_eq!(run(&mut cluster, NOW_MS + 36_950), 0);
    let next = due(&cluster.catalog, NOW_MS + 72_000).remove(0);
    assert_ne!(next.request, other.request);
}

#[test]
fn a_rise_never_jumps_over_time_in_which_no_node_ran() {
    let mut cluster = scheduled(rise());
    run(&mut cluster, NOW_MS);
    let late_ms = NOW_MS + HOUR_MS / 2;
    assert_eq!(run(&mut cluster, late_ms), 1);
    assert_eq!(percent(&cluster), 0.5);
    assert_eq!(run(&mut cluster, late_ms), 0);
    assert_eq!(next_due_ms(&cluster.catalog), Some(late_ms + 36_000));
}

#[test]
fn a_rise_pauses_and_goes_on_from_where_the_share_is() {
    let mut cluster = scheduled(rise());
    let mut now_ms = NOW_MS;
    for _ in 0..=50 {
        run(&mut cluster, now_ms);
        now_ms += 36_000;
    }
    assert_eq!(percent(&cluster), 25.0);
    cluster.write(|c| pause_schedule(c, &at(now_ms), APPID, "s", "7 % of calls fail."));
    assert_eq!(next_due_ms(&cluster.catalog), None);
    now_ms += HOUR_MS;
    assert_eq!(run(&mut cluster, now_ms), 0);
    // Lowered by hand while it was paused: it does not jump back up.
    patched(&mut cluster, json!({"gray": {"percent": 5}}));
    cluster.write(|c| resume_schedule(c, &at(now_ms), APPID, "s"));
    while schedule(&cluster).state == ScheduleState::Running {
        let before = percent(&cluster);
        now_ms = next_due_ms(&cluster.catalog).unwrap();
        run(&mut cluster, now_ms);
        assert!(
            percent(&cluster) - before <= 1.0,
            "{before} to {}",
            percent(&cluster)
        );
    }
    assert_eq!(
        (schedule(&cluster).state.name(), percent(&cluster)),
        ("done", 50.0)
    );
}

#[test]
fn a_rise_pauses_where_somebody_takes_the_business_in_hand() {
    let take: [fn(&mut Cluster); 2] = [
        |cluster| patched(cluster, json!({"gray": {"percent": 0.1}})),
        |cluster| cluster.write(|c| disconnect(c, APPID)),
    ];
    for take in take {
        let mut cluster = scheduled(rise());
        run(&mut cluster, NOW_MS);
        run(&mut cluster, NOW_MS + 36_000);
        take(&mut cluster);
        let before = cluster.business().clone();
        run(&mut cluster, NOW_MS + 72_000);
        assert_eq!(schedule(&cluster).state.name(), "paused");
        assert_eq!(cluster.business(), &before);
    }
}

#[test]
fn a_rise_without_a_beginning_begins_at_what_is_set() {
    let mut cluster = Cluster::attached();
    patched(&mut cluster, json!({"gray": {"percent": 10}}));
    let mut plan = rise();
    plan.as_object_mut().unwrap().remove("from_percent");
    set(&mut cluster, "s", plan.clone());
    run(&mut cluster, NOW_MS);
    assert_eq!(
        (percent(&cluster), schedule(&cluster).state.name()),
        (10.0, "running")
    );
    // At its target already, there is nothing to raise.
    let mut cluster = scheduled(plan);
    run(&mut cluster, NOW_MS);
    assert_eq!(
        (percent(&cluster), schedule(&cluster).state.name()),
        (100.0, "done")
    );
}

#[test]
fn steps_of_several_schedules_are_worked_out_one_on_the_other() {
    let mut cluster = scheduled(
        json!({"action": "change", "at": moment::text(NOW_MS), "patch": {"gray": {"percent": 20}}}),
    );
    set(
        &mut cluster,
        "t",
        json!({"action": "disconnect", "at": moment::text(NOW_MS)}),
    );
    assert_eq!(run(&mut cluster, NOW_MS), 2);
    assert_eq!(
        (percent(&cluster), cluster.business().access.enabled),
        (20.0, false)
    );
    assert!(due_step(&cluster.catalog, NOW_MS, &Schedule::object_id(APPID, "t")).is_none());
}

#[test]
fn a_schedule_goes_with_its_business_and_a_while_after_it_is_over() {
    let mut cluster = scheduled(rise());
    cluster.write(|c| delete_business(c, APPID));
    assert_eq!(cluster.catalog.schedules().count(), 0);

    let mut cluster = scheduled(json!({"action": "disconnect", "at": moment::text(NOW_MS)}));
    run(&mut cluster, NOW_MS);
    let month_ms = 30 * 24 * HOUR_MS;
    assert_eq!(run(&mut cluster, NOW_MS + month_ms - 1), 0);
    assert_eq!(next_due_ms(&cluster.catalog), Some(NOW_MS + month_ms));
    run(&mut cluster, NOW_MS + month_ms);
    assert_eq!(cluster.catalog.schedules().count(), 0);
}

#[test]
fn setting_the_same_schedule_again_changes_nothing() {
    let cluster = scheduled(rise());
    let again = |plan: Value| {
        let plan = serde_json::from_value(plan).unwrap();
        put_schedule(&cluster.catalog, &at(NOW_MS + 5), APPID, "s", plan, "bob")
    };
    assert!(again(rise()).unwrap().is_empty());
    let mut other = rise();
    other["target_percent"] = json!(60);
    assert!(!again(other).unwrap().is_empty());
}
