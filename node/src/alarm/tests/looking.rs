//! From facts to what holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_cluster::membership::{ClusterView, NodeView};
use weir_config::object::Object;
use weir_config::{Catalog, Hlc, Record, operation};

use super::*;
use crate::alarm::facts::{Carried, Facts};
use crate::alarm::readings::Sight;
use crate::monitor::{Counted, Figures, Outcome, Packed};
use crate::tls::CertificateEnd;

const NOW_MS: u64 = 1_700_000_000_000;

fn node(id: &str, live: bool, root: &str) -> NodeView {
    NodeView {
        region: "shanghai".to_owned(),
        live,
        config_root: Some(root.to_owned()),
        ..NodeView::new(id.parse().unwrap(), "127.0.0.1:1".parse().unwrap())
    }
}

/// A gateway of 1,000 bytes a second and two businesses, as a document says them.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let mut clock = Hlc::new("n1".parse().unwrap());
    let gateway: Object = serde_json::from_value(
        json!({"kind": "gateway", "id": "gw", "name": "", "space": "acme",
        "package": {"name": "custom", "bandwidth_bps": 8_000}, "overflow": "redirect"}),
    )
    .unwrap();
    let space: Object = serde_json::from_value(json!({"kind": "space", "id": "acme", "name": "",
        "agreement": {"version": "1", "accepted_by": "li", "accepted_at_ms": 1}}))
    .unwrap();
    let business = |id: &str| -> Object {
        serde_json::from_value(json!({"kind": "business", "id": id, "gateway": "gw", "type": "web", "appid": id,
            "access_label": format!("a-{id}"), "region": "shanghai", "route_tag": "t", "attached_domains": [],
            "access": {"enabled": true, "versions": [], "urls": [], "gray": {"percent": 100.0}}, "timeout_ms": 15_000}))
        .unwrap()
    };
    for object in [space, gateway, business("shop"), business("pay")] {
        catalog.merge(Record {
            key: object.key(),
            stamp: clock.tick(1),
            based_on: None,
            author: "tests".to_owned(),
            request: None,
            object: Some(object),
        });
    }
    catalog
}

fn calls(ok: usize, failed: usize, us: u64) -> Packed {
    let mut figures = Figures::default();
    let outcomes = std::iter::repeat_n(Outcome::Ok, ok)
        .chain(std::iter::repeat_n(Outcome::OriginFault, failed));
    for outcome in outcomes {
        figures.count(&Counted {
            outcome,
            time_us: Some(us),
            ..Counted::default()
        });
    }
    Packed(figures)
}

/// What holds of a rule, and whether the rest is known to be well.
fn seen(rule: Value, nodes: Vec<NodeView>, facts: Vec<(&str, Facts)>, scope: Value) -> Look {
    let mut alarm = alarm(0);
    alarm.rule = serde_json::from_value(rule).unwrap();
    alarm.scope = serde_json::from_value(scope).unwrap();
    let facts: BTreeMap<String, Facts> = facts
        .into_iter()
        .map(|(node, facts)| (node.to_owned(), facts))
        .collect();
    let mut sum = Facts::default();
    facts.values().for_each(|facts| sum.add(facts));
    let view = ClusterView {
        me: "n1".parse().unwrap(),
        nodes,
    };
    let sight = Sight {
        catalog: &catalog(),
        view: &view,
        root: "r",
        facts: &facts,
        sum: &sum,
        complete: true,
        now_ms: NOW_MS,
    };
    sight.look(&alarm)
}

fn subjects(look: &Look) -> Vec<&str> {
    look.readings.keys().map(String::as_str).collect()
}

#[test]
fn a_node_that_is_not_heard_of_is_gone_and_one_that_leaves_is_not() {
    let mut leaving = node("n3", false, "r");
    leaving.leaving = true;
    let nodes = vec![node("n1", true, "r"), node("n2", false, "r"), leaving];
    let look = seen(json!({"kind": "node_gone"}), nodes, vec![], json!({}));
    assert_eq!(subjects(&look), ["n2"]);
    // One that is in nobody's sight any more is not back.
    assert!(
        matches!(&look.rest, Rest::ClearOf(there, _) if there.contains("n3") && !there.contains("n2") && !there.contains("n4"))
    );
}

#[test]
fn live_nodes_that_hold_another_configuration_are_named() {
    let nodes = |root: &str| {
        vec![
            node("n1", true, "r"),
            node("n2", true, root),
            node("n3", false, "old"),
        ]
    };
    let look = seen(
        json!({"kind": "config_disagreement"}),
        nodes("other"),
        vec![],
        json!({}),
    );
    assert!(
        look.readings["cluster"].text.contains("n2 hold another"),
        "{look:?}"
    );
    assert!(
        seen(
            json!({"kind": "config_disagreement"}),
            nodes("r"),
            vec![],
            json!({})
        )
        .readings
        .is_empty()
    );
}

#[test]
fn calls_of_all_nodes_are_summed_up_before_anything_is_said() {
    let of = |shop: Packed, pay: Packed| Facts {
        calls: [(
            60,
            [("shop".to_owned(), shop), ("pay".to_owned(), pay)].into(),
        )]
        .into(),
        ..Facts::default()
    };
    let facts = || {
        vec![
            ("n1", of(calls(90, 2, 1_000), calls(5, 5, 1_000))),
            ("n2", of(calls(0, 8, 1_000), calls(0, 0, 1_000))),
        ]
    };
    let rule = json!({"kind": "success_rate", "below_percent": 95, "min_calls": 20});
    let look = seen(rule.clone(), vec![], facts(), json!({}));
    assert_eq!(subjects(&look), ["shop"], "pay has too few calls to tell");
    let reading = &look.readings["shop"];
    assert_eq!(
        (reading.value, reading.threshold, reading.unit.as_str()),
        (Some(90.0), Some(95.0), "%")
    );
    assert!(
        reading.text.contains("10 of 100 failed"),
        "{}",
        reading.text
    );
    assert!(
        subjects(&seen(
            rule.clone(),
            vec![],
            facts(),
            json!({"business": "pay"})
        ))
        .is_empty()
    );
    assert_eq!(
        subjects(&seen(rule, vec![], facts(), json!({"gateway": "gw"}))),
        ["shop"]
    );
    let strict = json!({"kind": "success_rate", "below_percent": 95, "min_calls": 10});
    assert_eq!(
        subjects(&seen(strict, vec![], facts(), json!({}))),
        ["pay", "shop"]
    );
}

#[test]
fn the_95th_percentile_is_read_from_the_sum() {
    let of = |packed: Packed| Facts {
        calls: [(60, [("shop".to_owned(), packed)].into())].into(),
        ..Facts::default()
    };
    // 6 of 100 calls are slow, 3 on each node: on no node alone would the percentile tell.
    let facts = || {
        let mut slow = of(calls(47, 0, 1_000));
        slow.add(&of(calls(3, 0, 9_000_000)));
        vec![("n1", slow.clone()), ("n2", slow)]
    };
    let rule = |above_ms: u64| json!({"kind": "p95", "above_ms": above_ms, "min_calls": 100});
    let look = seen(rule(3_000), vec![], facts(), json!({}));
    let value = look.readings["shop"].value.unwrap();
    assert!((8_700.0..9_300.0).contains(&value), "{value}");
    assert!(subjects(&seen(rule(10_000), vec![], facts(), json!({}))).is_empty());
}

#[test]
fn a_package_is_measured_against_its_limit_and_overflow_is_seen() {
    let of = |bytes: u64, overflow_calls: u64| Facts {
        packages: [(
            60,
            [(
                "gw".to_owned(),
                Carried {
                    bytes,
                    calls: 0,
                    overflow_calls,
                },
            )]
            .into(),
        )]
        .into(),
        ..Facts::default()
    };
    let facts = || vec![("n1", of(30_000, 0)), ("n2", of(24_600, 3))];
    let used = json!({"kind": "package_use", "above_percent": 90});
    let look = seen(used, vec![], facts(), json!({}));
    assert_eq!(look.readings["gw"].value, Some(91.0));
    let used = json!({"kind": "package_use", "above_percent": 91.5});
    assert!(subjects(&seen(used, vec![], facts(), json!({}))).is_empty());
    let overflow = seen(
        json!({"kind": "overflow_begins"}),
        vec![],
        facts(),
        json!({}),
    );
    assert!(
        overflow.readings["gw"]
            .text
            .contains("3 calls took the public link"),
        "{overflow:?}"
    );
}

#[test]
fn certificates_agreements_and_fences_are_said_in_words() {
    let day_ms = 86_400_000;
    let facts = || {
        let ends = |names: &str, days: u64| CertificateEnd {
            names: names.to_owned(),
            not_after_ms: NOW_MS + days * day_ms,
        };
        vec![(
            "n1",
            Facts {
                fenced: Some("fewer than half hear it".to_owned()),
                certificates: vec![ends("a.example", 3), ends("b.example", 300)],
                ..Facts::default()
            },
        )]
    };
    let look = seen(
        json!({"kind": "certificate_expiring", "days": 14}),
        vec![],
        facts(),
        json!({}),
    );
    assert_eq!(subjects(&look), ["n1: a.example"]);
    assert_eq!(look.readings["n1: a.example"].value, Some(3.0));
    let look = seen(json!({"kind": "node_fenced"}), vec![], facts(), json!({}));
    assert_eq!(
        look.readings["n1"].text,
        "Node n1 mints nothing: fewer than half hear it."
    );
    let look = seen(
        json!({"kind": "agreement_expiring", "days": 14}),
        vec![],
        facts(),
        json!({}),
    );
    assert!(subjects(&look).is_empty(), "the text in force is accepted");
    assert_eq!(operation::required_agreement(&catalog(), NOW_MS).id, "1");
}
