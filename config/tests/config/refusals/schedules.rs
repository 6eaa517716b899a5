//! What is to happen to a business by itself.

use serde_json::{Value, json};

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{APPID, Cluster, NOW_MS, context};
use weir_config::Refusal;
use weir_config::moment;
use weir_config::operation::{
    Change, delete_schedule, due, pause_schedule, put_schedule, resume_schedule,
};

fn put(cluster: &Cluster, business: &str, id: &str, plan: Value) -> Result<Change, Refusal> {
    let plan = serde_json::from_value(plan).unwrap();
    put_schedule(&cluster.catalog, &context(), business, id, plan, "ann")
}

fn rise(field: &str, value: Value) -> Value {
    let mut rise = json!({"action": "rise", "from_percent": 1, "target_percent": 50, "start": moment::text(NOW_MS),
                          "over_ms": 600_000});
    rise[field] = value;
    rise
}

pub fn rows() -> Vec<Row> {
    let attached = Cluster::attached();
    let refused = |field: &str, plan: Value| invalid(field, put(&attached, APPID, "s", plan));
    let rises = |field: &str, value: Value| refused(field, rise(field, value));
    let change =
        |patch: Value| json!({"action": "change", "patch": patch, "at": moment::text(NOW_MS)});
    let off = |at_ms: u64, until_ms: Option<u64>| json!({"action": "disconnect", "at": moment::text(at_ms), "until": until_ms.map(moment::text)});
    let mut running = Cluster::attached();
    running.write(|c| {
        put_schedule(
            c,
            &context(),
            APPID,
            "up",
            serde_json::from_value(rise("over_ms", json!(600_000))).unwrap(),
            "ann",
        )
    });
    for step in due(&running.catalog, NOW_MS) {
        running.apply(step.change);
    }
    let mut full = Cluster::attached();
    for i in 0..100 {
        let plan = serde_json::from_value(off(NOW_MS, None)).unwrap();
        full.write(|c| put_schedule(c, &context(), APPID, &format!("s{i}"), plan, "ann"));
    }
    let r = &running.catalog;
    vec![
        not_found(put(&attached, "none", "s", off(NOW_MS, None))),
        invalid("schedule", put(&attached, APPID, "S 1", off(NOW_MS, None))),
        refused("patch", change(json!({}))),
        refused(
            "patch.gray.percent",
            change(json!({"gray": {"percent": 101}})),
        ),
        refused("at", off(NOW_MS - 61_000, None)),
        refused("at", off(NOW_MS + 400 * 86_400_000, None)),
        refused("until", off(NOW_MS, Some(NOW_MS))),
        rises("target_percent", json!(1)),
        rises("target_percent", json!(50.001)),
        rises("pause_above_error_percent", json!(101)),
        rises("over_ms", json!(59_999)),
        rises("resume_after_ms", json!(59_999)),
        conflict(
            "schedule_running",
            put(&running, APPID, "up", off(NOW_MS, None)),
        ),
        conflict(
            "schedule_conflict",
            put(&running, APPID, "more", rise("over_ms", json!(60_000))),
        ),
        conflict(
            "too_many_schedules",
            put(&full, APPID, "one-more", off(NOW_MS, None)),
        ),
        conflict(
            "schedule_not_running",
            pause_schedule(&full.catalog, &context(), APPID, "s1", "x"),
        ),
        conflict(
            "schedule_not_paused",
            resume_schedule(r, &context(), APPID, "up"),
        ),
        not_found(delete_schedule(r, APPID, "down")),
    ]
}
