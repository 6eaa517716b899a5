//! Elastic packs: what comes on top of a package for a while.

use serde_json::json;

use crate::fixture::{Cluster, context, gateway_input};
use weir_config::moment;
use weir_config::object::{Gateway, Limit};
use weir_config::operation::document::{Document, export, plan};
use weir_config::operation::{
    Context, ElasticPackInput, PACKS_MAX, PackageInput, delete_elastic_pack, put_elastic_pack,
    put_gateway,
};

const HOUR_MS: u64 = 3_600_000;

fn now_ms() -> u64 {
    context().now_ms
}

fn at(now_ms: u64) -> Context {
    Context {
        now_ms,
        ..context()
    }
}

/// A pack that begins and ends so many hours from now.
fn pack(mbps: u64, qps: Option<u64>, from_h: u64, until_h: u64) -> ElasticPackInput {
    ElasticPackInput {
        bandwidth_bps: (mbps > 0).then_some(mbps * 1_000_000),
        qps,
        from: Some(moment::text(now_ms() + from_h * HOUR_MS)),
        until: Some(moment::text(now_ms() + until_h * HOUR_MS)),
    }
}

fn add(cluster: &mut Cluster, id: &str, input: ElasticPackInput) {
    cluster.write(|c| put_elastic_pack(c, &context(), "main", id, input));
}

fn gateway(cluster: &Cluster) -> &Gateway {
    cluster.catalog.gateway("main").unwrap()
}

fn ids(cluster: &Cluster) -> Vec<&str> {
    let packs = gateway(cluster).elastic_packs.iter();
    packs.map(|pack| pack.id.as_str()).collect()
}

fn limit(mbps: u64, qps: Option<u64>) -> Limit {
    Limit {
        bandwidth_bps: mbps * 1_000_000,
        qps,
    }
}

/// Gateway `main` with 10 Mbps and 100 calls a second.
fn metered() -> Cluster {
    let mut cluster = Cluster::ready();
    let mut input = gateway_input("acme");
    input.package = Some(PackageInput {
        name: None,
        bandwidth_bps: Some(10_000_000),
        qps: Some(100),
    });
    cluster.write(|c| put_gateway(c, "main", input));
    cluster
}

#[test]
fn a_pack_adds_to_the_package_from_its_beginning_until_its_end() {
    let mut cluster = metered();
    add(&mut cluster, "sale", pack(5, Some(50), 1, 3));
    add(&mut cluster, "launch", pack(20, None, 2, 4));
    let at_hour = |hour: u64| gateway(&cluster).limit_at(now_ms() + hour * HOUR_MS);
    assert_eq!(at_hour(0), limit(10, Some(100)));
    assert_eq!(at_hour(1), limit(15, Some(150)));
    assert_eq!(at_hour(2), limit(35, Some(150)), "both");
    assert_eq!(
        at_hour(3),
        limit(30, Some(100)),
        "the end is not part of it"
    );
    assert_eq!(at_hour(4), limit(10, Some(100)));
    assert_eq!(at_hour(1).bytes_per_second(), 15_000_000 / 8);
}

#[test]
fn the_next_moment_at_which_the_limit_changes_is_known() {
    let mut cluster = metered();
    assert_eq!(gateway(&cluster).limit_changes_at(now_ms()), None);
    add(&mut cluster, "sale", pack(5, None, 1, 3));
    let changes = |hour: u64| {
        let changes = gateway(&cluster).limit_changes_at(now_ms() + hour * HOUR_MS);
        changes.map(|ms| (ms - now_ms()) / HOUR_MS)
    };
    assert_eq!(
        [changes(0), changes(1), changes(2), changes(3)],
        [Some(1), Some(3), Some(3), None]
    );
}

#[test]
fn a_gateway_without_a_limit_on_calls_stays_without() {
    let mut cluster = Cluster::ready();
    add(&mut cluster, "sale", pack(5, Some(50), 0, 1));
    assert_eq!(gateway(&cluster).limit_at(now_ms()), limit(6, None));
}

#[test]
fn a_pack_without_a_beginning_is_in_force_at_once_and_keeps_it_when_sent_again() {
    let mut cluster = metered();
    let input = |mbps| ElasticPackInput {
        from: None,
        ..pack(mbps, None, 0, 2)
    };
    add(&mut cluster, "sale", input(5));
    assert_eq!(gateway(&cluster).elastic_packs[0].from_ms, now_ms());
    let later = at(now_ms() + HOUR_MS);
    let again = put_elastic_pack(&cluster.catalog, &later, "main", "sale", input(5));
    assert!(again.unwrap().is_empty());
    cluster.write(|c| put_elastic_pack(c, &later, "main", "sale", input(7)));
    assert_eq!(gateway(&cluster).elastic_packs[0].from_ms, now_ms());
    assert_eq!(gateway(&cluster).limit_at(now_ms()), limit(17, Some(100)));
}

#[test]
fn packs_stay_when_the_gateway_is_put_again_and_go_once_they_have_ended() {
    let mut cluster = metered();
    add(&mut cluster, "sale", pack(5, None, 0, 1));
    add(&mut cluster, "launch", pack(5, None, 0, 4));
    cluster.write(|c| put_gateway(c, "main", gateway_input("acme")));
    assert_eq!(ids(&cluster), ["launch", "sale"]);

    let later = at(now_ms() + 2 * HOUR_MS);
    cluster.write(|c| put_elastic_pack(c, &later, "main", "third", pack(1, None, 3, 4)));
    assert_eq!(ids(&cluster), ["launch", "third"], "`sale` has ended");
    cluster.write(|c| delete_elastic_pack(c, &later, "main", "third"));
    assert_eq!(ids(&cluster), ["launch"]);
    cluster.write(|c| {
        let mut input = gateway_input("acme");
        input.name = Some("Main".to_owned());
        let change = put_gateway(c, "main", input)?;
        Ok(change.without_ended_packs(now_ms() + 5 * HOUR_MS))
    });
    assert!(ids(&cluster).is_empty());
}

#[test]
fn a_pack_that_cannot_be_is_refused_by_its_field() {
    let cluster = metered();
    let with = |fields: serde_json::Value| {
        let mut input = serde_json::to_value(pack(5, Some(5), 1, 2)).unwrap();
        let input = input.as_object_mut().unwrap();
        input.extend(fields.as_object().unwrap().clone());
        serde_json::from_value::<ElasticPackInput>(json!(input)).unwrap()
    };
    for (fields, field) in [
        (json!({"bandwidth_bps": null, "qps": null}), "bandwidth_bps"),
        (json!({"bandwidth_bps": 7}), "bandwidth_bps"),
        (json!({"bandwidth_bps": u64::MAX}), "bandwidth_bps"),
        (json!({"qps": 0}), "qps"),
        (json!({"qps": 10_000_001}), "qps"),
        (json!({"from": "tomorrow"}), "from"),
        (json!({"until": "2026-01-01"}), "until"),
        (json!({"until": null}), "until"),
        (json!({"until": moment::text(now_ms() + HOUR_MS)}), "until"),
        (
            json!({"from": "2001-01-01T00:00:00Z", "until": moment::text(now_ms())}),
            "until",
        ),
    ] {
        let shown = fields.to_string();
        let refusal =
            put_elastic_pack(&cluster.catalog, &context(), "main", "p", with(fields)).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.code, refusal.field.as_deref()),
            (422, "invalid", Some(field)),
            "{shown}: {refusal}"
        );
    }
    let calls_alone = with(json!({"bandwidth_bps": null}));
    assert!(put_elastic_pack(&cluster.catalog, &context(), "main", "p", calls_alone).is_ok());
    let refusal = put_elastic_pack(
        &cluster.catalog,
        &context(),
        "main",
        "A b",
        pack(1, None, 0, 1),
    );
    assert_eq!(refusal.unwrap_err().field.as_deref(), Some("pack"));
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let mut cluster = metered();
    let unknown = put_elastic_pack(
        &cluster.catalog,
        &context(),
        "none",
        "p",
        pack(1, None, 0, 1),
    );
    assert_eq!(unknown.unwrap_err().code, "not_found");
    let none = delete_elastic_pack(&cluster.catalog, &context(), "main", "p").unwrap_err();
    assert_eq!((none.status, none.code), (404, "not_found"));
    assert!(none.detail.contains("it has none"), "{none}");
    add(&mut cluster, "sale", pack(1, None, 0, 1));
    let other = delete_elastic_pack(&cluster.catalog, &context(), "main", "p").unwrap_err();
    assert!(other.detail.contains("it has: sale"), "{other}");
}

#[test]
fn a_gateway_has_at_most_sixteen_packs_that_have_not_ended() {
    let mut cluster = metered();
    for i in 0..PACKS_MAX {
        let hours = if i == 0 { 1 } else { 4 };
        add(&mut cluster, &format!("p{i}"), pack(1, None, 0, hours));
    }
    let one_more = |now_ms| {
        let input = pack(1, None, 0, 4);
        put_elastic_pack(&cluster.catalog, &at(now_ms), "main", "more", input)
    };
    let refusal = one_more(now_ms()).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (409, "too_many_packs"));
    assert!(one_more(now_ms() + HOUR_MS).is_ok(), "one has ended");
    let same = put_elastic_pack(
        &cluster.catalog,
        &context(),
        "main",
        "p3",
        pack(2, None, 0, 4),
    );
    assert!(same.is_ok(), "a known one may be changed");
}

#[test]
fn documents_carry_the_packs_and_name_the_place_of_a_wrong_one() {
    let mut cluster = metered();
    add(&mut cluster, "sale", pack(5, Some(5), 0, 1));
    let document = serde_json::to_value(export(&cluster.catalog)).unwrap();
    assert_eq!(
        document["gateways"][0]["elastic_packs"][0],
        json!({"id": "sale", "bandwidth_bps": 5_000_000, "qps": 5, "from": "2023-11-14T22:13:20Z",
               "until": "2023-11-14T23:13:20Z"})
    );
    let planned = |document: &serde_json::Value| {
        plan(
            &cluster.catalog,
            context().now_ms,
            &Document::read(document)?,
            false,
        )
    };
    assert!(planned(&document).unwrap().change.is_empty());

    let mut changed = document.clone();
    changed["gateways"][0]["elastic_packs"][0]["bandwidth_bps"] = json!(6_000_000);
    let steps = planned(&changed).unwrap().steps;
    let diff: Vec<_> = steps.iter().flat_map(|step| &step.diff).collect();
    assert_eq!(diff[0].path, "elastic_packs[0].bandwidth_bps");

    let sale = &document["gateways"][0]["elastic_packs"][0];
    for (packs, field) in [
        (json!([sale, sale]), "gateways[0].elastic_packs[1].id"),
        (
            json!([{"id": "sale", "bandwidth_bps": 1, "from": sale["from"], "until": sale["until"]}]),
            "gateways[0].elastic_packs[0].bandwidth_bps",
        ),
        (
            json!([{"id": "sale", "bandwidth_bps": 8, "from": sale["until"], "until": sale["from"]}]),
            "gateways[0].elastic_packs[0].until",
        ),
        (
            json!([{"id": "sale", "bandwidth_bps": 8, "from": "now", "until": sale["from"]}]),
            "gateways[0]",
        ),
    ] {
        let mut wrong = document.clone();
        wrong["gateways"][0]["elastic_packs"] = packs;
        let refusal = planned(&wrong).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
    }
}

#[test]
fn a_gateway_stored_before_there_were_packs_has_none() {
    let stored = json!({"id": "main", "space": "acme"});
    let gateway: Gateway = serde_json::from_value(stored).unwrap();
    assert!(gateway.elastic_packs.is_empty());
}
