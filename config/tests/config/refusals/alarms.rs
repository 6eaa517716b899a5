//! Alarms and their receivers.

use serde_json::{Value, json};

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{APPID, Cluster, NOW_MS};
use weir_config::Refusal;
use weir_config::operation::{
    ALARMS_MAX, Change, RECEIVERS_MAX, delete_alarm, delete_alarm_receiver, put_alarm,
    put_alarm_receiver, restore,
};

fn put(cluster: &Cluster, id: &str, input: Value) -> Result<Change, Refusal> {
    put_alarm(&cluster.catalog, id, serde_json::from_value(input).unwrap())
}

fn receiver(cluster: &Cluster, id: &str, input: Value) -> Result<Change, Refusal> {
    put_alarm_receiver(&cluster.catalog, id, serde_json::from_value(input).unwrap())
}

fn missing(field: &str, refused: Result<Change, Refusal>) -> Row {
    Row::new(422, "reference_missing", Some(field), refused)
}

pub fn rows() -> Vec<Row> {
    let attached = Cluster::attached();
    let refused = |field: &str, input: Value| invalid(field, put(&attached, "a", input));
    let rule = |rule: Value| json!({ "rule": rule });
    let low = |percent: f64| rule(json!({"kind": "success_rate", "below_percent": percent}));
    let gone = |field: &str, value: Value| {
        let mut input = rule(json!({"kind": "node_gone"}));
        input[field] = value;
        input
    };
    let with_scope = |rule: Value, scope: Value| json!({"rule": rule, "scope": scope});
    let used = json!({"kind": "package_use", "above_percent": 90});
    let hook = json!({"url": "https://hook.example/planted"});
    let mut full = Cluster::attached();
    for i in 0..ALARMS_MAX {
        full.write(|c| {
            put_alarm(
                c,
                &format!("a{i}"),
                serde_json::from_value(gone("name", json!(""))).unwrap(),
            )
        });
    }
    for i in 0..RECEIVERS_MAX {
        full.write(|c| {
            put_alarm_receiver(
                c,
                &format!("r{i}"),
                serde_json::from_value(hook.clone()).unwrap(),
            )
        });
    }
    let key = "alarm_receiver/r1".parse().unwrap();
    let kept = full.catalog.record(&key).unwrap().clone();
    let quiet = json!([{"from": "22:00", "to": "22:00"}]);
    let quiets: Vec<Value> = (0..21)
        .map(|_| json!({"from": "22:00", "to": "07:00"}))
        .collect();
    vec![
        invalid("alarm", put(&attached, "A b", low(95.0))),
        refused("rule", json!({"name": "No rule"})),
        refused("rule.below_percent", low(0.0)),
        refused(
            "rule.above_percent",
            rule(json!({"kind": "package_use", "above_percent": 101})),
        ),
        refused("rule.above_ms", rule(json!({"kind": "p95", "above_ms": 0}))),
        refused(
            "rule.window_s",
            rule(json!({"kind": "overflow_begins", "window_s": 61})),
        ),
        refused(
            "rule.days",
            rule(json!({"kind": "certificate_expiring", "days": 0})),
        ),
        refused(
            "rule.days",
            rule(json!({"kind": "agreement_expiring", "days": 366})),
        ),
        refused("name", gone("name", json!("two\nlines"))),
        refused("for_s", gone("for_s", json!(86_401))),
        refused("repeat_s", gone("repeat_s", json!(59))),
        refused("receivers[0]", gone("receivers", json!(["A b"]))),
        refused("quiet", gone("quiet", json!(quiets))),
        refused("quiet[0]", gone("quiet", quiet)),
        refused("scope", gone("scope", json!({"gateway": "main"}))),
        refused(
            "scope",
            with_scope(used.clone(), json!({"gateway": "main", "business": APPID})),
        ),
        refused(
            "scope.business",
            with_scope(used.clone(), json!({"business": APPID})),
        ),
        missing(
            "scope.gateway",
            put(&attached, "a", with_scope(used, json!({"gateway": "none"}))),
        ),
        missing(
            "scope.business",
            put(
                &attached,
                "a",
                with_scope(
                    json!({"kind": "p95", "above_ms": 9}),
                    json!({"business": "none"}),
                ),
            ),
        ),
        conflict("too_many_alarms", put(&full, "one-more", low(95.0))),
        not_found(delete_alarm(&attached.catalog, "none")),
        not_found(delete_alarm(&attached.catalog, "node-gone")),
        invalid("receiver", receiver(&attached, "A b", hook.clone())),
        invalid("url", receiver(&attached, "ops", json!({}))),
        invalid(
            "url",
            receiver(&attached, "ops", json!({"url": "ftp://hook.example"})),
        ),
        conflict("too_many_receivers", receiver(&full, "one-more", hook)),
        not_found(delete_alarm_receiver(&attached.catalog, "none")),
        conflict("not_restorable", restore(&full.catalog, NOW_MS, &kept)),
    ]
}
