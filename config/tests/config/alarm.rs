//! What is watched, and who is told.

use serde_json::{Value, json};
use weir_config::history::diff;
use weir_config::object::{Alarm, QuietTime};
use weir_config::operation::document::{Document, export, plan};
use weir_config::operation::{
    Change, delete_alarm, delete_business, effective_alarms, put_alarm, put_alarm_receiver,
};
use weir_config::{Catalog, Refusal};

use crate::fixture::{APPID, Cluster, NOW_MS};

fn put(catalog: &Catalog, id: &str, input: Value) -> Result<Change, Refusal> {
    put_alarm(catalog, id, serde_json::from_value(input).unwrap())
}

fn effective(catalog: &Catalog, id: &str) -> Alarm {
    let mut alarms = effective_alarms(catalog).into_iter();
    alarms.find(|alarm| alarm.id == id).expect("it is there")
}

#[test]
fn a_new_cluster_watches_the_usual_things_and_each_can_be_set_off_and_brought_back() {
    let mut cluster = Cluster::attached();
    let kinds: Vec<&str> = effective_alarms(&cluster.catalog)
        .iter()
        .map(|alarm| alarm.rule.kind())
        .collect();
    assert_eq!(kinds.len(), 9, "one of each kind: {kinds:?}");
    assert_eq!(effective(&cluster.catalog, "node-gone").for_ms(), 10_000);
    cluster.write(|c| put(c, "node-gone", json!({"enabled": false, "for_s": 30})));
    let off = effective(&cluster.catalog, "node-gone");
    assert_eq!(
        (off.enabled, off.for_ms(), off.rule.kind()),
        (false, 30_000, "node_gone")
    );
    cluster.write(|c| put(c, "node-gone", json!({"enabled": true})));
    assert_eq!(
        effective(&cluster.catalog, "node-gone").for_ms(),
        30_000,
        "what is left out is as before"
    );
    cluster.write(|c| delete_alarm(c, "node-gone"));
    assert_eq!(effective(&cluster.catalog, "node-gone").for_ms(), 10_000);
}

#[test]
fn an_alarm_is_told_to_every_receiver_or_to_those_it_names() {
    let mut cluster = Cluster::attached();
    let alarm = effective(&cluster.catalog, "overflow");
    assert!(alarm.is_told("ops") && alarm.is_told("shop"));
    cluster.write(|c| put(c, "overflow", json!({"receivers": ["shop"]})));
    let alarm = effective(&cluster.catalog, "overflow");
    assert!(!alarm.is_told("ops") && alarm.is_told("shop"));
    cluster.write(|c| put(c, "overflow", json!({"receivers": []})));
    assert!(!effective(&cluster.catalog, "overflow").is_told("shop"));
}

#[test]
fn documents_carry_alarms_and_no_receivers_and_no_history_shows_a_url() {
    let mut cluster = Cluster::attached();
    let low = json!({"rule": {"kind": "success_rate", "below_percent": 99.5}, "scope": {"business": APPID}});
    cluster.write(|c| put(c, "shop-fails", low));
    let url = json!({"url": "https://hook.example/planted"});
    cluster.write(|c| put_alarm_receiver(c, "ops", serde_json::from_value(url).unwrap()));
    let document = export(&cluster.catalog);
    let text = serde_json::to_value(&document).unwrap();
    assert_eq!(text["alarms"][0]["id"], "shop-fails");
    assert!(!text.to_string().contains("planted"));
    let read = Document::read(&text).unwrap();
    let planned = plan(&cluster.catalog, NOW_MS, &read, true).unwrap();
    assert!(planned.change.is_empty(), "{:?}", planned.change);
    let mut without = read;
    without.alarms.clear();
    assert!(
        plan(&cluster.catalog, NOW_MS, &without, true)
            .unwrap()
            .change
            .is_empty(),
        "none listed: they stay"
    );
    let receiver = cluster
        .catalog
        .object(&"alarm_receiver/ops".parse().unwrap());
    let shown = serde_json::to_string(&diff(None, receiver)).unwrap();
    assert!(
        !shown.contains("planted") && shown.contains("(not shown)"),
        "{shown}"
    );
    assert!(!format!("{receiver:?}").contains("planted"));
    cluster.write(|c| delete_business(c, APPID));
    assert!(
        cluster.catalog.alarm("shop-fails").is_none(),
        "it goes with what it watches"
    );
}

#[test]
fn a_quiet_time_is_a_part_of_the_day_on_the_clock_that_is_meant() {
    let quiet = |json: Value| serde_json::from_value::<QuietTime>(json).unwrap();
    // 2023-11-14, a Tuesday, 22:13:20 UTC.
    let holds = |quiet: &QuietTime, hours: u64| quiet.holds(NOW_MS + hours * 3_600_000);
    let night = quiet(json!({"from": "22:00", "to": "07:00"}));
    assert!(holds(&night, 0) && holds(&night, 8) && !holds(&night, 9) && !holds(&night, 23));
    let shanghai = quiet(json!({"from": "22:00", "to": "07:00", "utc_offset": "+08:00"}));
    assert!(holds(&shanghai, 0), "06:13 there");
    assert!(!holds(&shanghai, 1) && holds(&shanghai, 16));
    let noon = quiet(json!({"from": "12:00", "to": "13:00", "utc_offset": "-03:30"}));
    assert!(!holds(&noon, 17) && holds(&noon, 18) && !holds(&noon, 19));
    let tuesdays = quiet(json!({"from": "22:00", "to": "07:00", "days": ["tue"]}));
    assert!(
        holds(&tuesdays, 0) && holds(&tuesdays, 8),
        "it began on Tuesday"
    );
    assert!(!holds(&tuesdays, 24));
    for wrong in [
        json!({"from": "24:00", "to": "1:00"}),
        json!({"from": "22:00", "to": "07:00", "utc_offset": "8"}),
    ] {
        assert!(quiet(wrong.clone()).times().is_none(), "{wrong}");
    }
}
