//! Merge patches of a business.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{APPID, Cluster, program};
use weir_config::Object;
use weir_config::object::{EnvVersion, Overflow};
use weir_config::operation::{patch_business, put_mini_program};

fn patched(cluster: &mut Cluster, patch: Value) {
    cluster.write(|c| patch_business(c, APPID, &patch));
}

#[test]
fn a_patch_sets_what_it_names_and_leaves_the_rest() {
    let mut cluster = Cluster::attached();
    let before = cluster.business().clone();
    patched(
        &mut cluster,
        json!({
            "name": "Shop", "region": "tianjin", "route_tag": "shop-1", "timeout_ms": 600_000, "overflow": "relay",
            "access": {
                "versions": ["release", "trial"],
                "gray": {"percent": 12.34},
                "urls": [{"domain": "https://API.shop.example", "paths": ["/v1", "/v2/"]}],
                "manual_domains": ["img.shop.example:8443"]
            }
        }),
    );
    let after = cluster.business();
    assert_eq!(
        (after.region.as_str(), after.route_tag.as_str()),
        ("tianjin", "shop-1")
    );
    assert_eq!(
        (after.timeout_ms, after.overflow),
        (600_000, Some(Overflow::Relay))
    );
    assert!(after.access.versions.contains(&EnvVersion::Release));
    assert_eq!(after.access.gray.basis_points(), 1_234);
    assert_eq!(after.access.gray.salt, before.access.gray.salt);
    assert_eq!(after.access.urls[0].paths, ["/v1", "/v2/"]);
    assert_eq!(after.attached_domains, before.attached_domains);
    assert!(after.access.enabled);
}

#[test]
fn null_takes_away_what_may_be_absent() {
    let mut cluster = Cluster::attached();
    patched(&mut cluster, json!({"overflow": "relay", "name": "x"}));
    patched(
        &mut cluster,
        json!({"overflow": null, "name": null, "access": {"manual_domains": null}}),
    );
    let business = cluster.business();
    assert_eq!((business.overflow, business.name.as_str()), (None, ""));
    assert!(patch_business(&cluster.catalog, APPID, &json!({"region": null})).is_err());
}

#[test]
fn no_versions_is_accepted_and_does_as_a_disconnect() {
    let mut cluster = Cluster::attached();
    patched(&mut cluster, json!({"access": {"versions": []}}));
    assert!(cluster.business().access.versions.is_empty());
}

#[test]
fn a_patch_that_changes_nothing_writes_nothing() {
    let cluster = Cluster::attached();
    for patch in [
        json!({}),
        json!({"access": {}}),
        json!({"timeout_ms": 15_000}),
    ] {
        assert!(
            patch_business(&cluster.catalog, APPID, &patch)
                .unwrap()
                .is_empty(),
            "{patch}"
        );
    }
}

#[test]
fn a_legal_domain_that_is_not_attached_yet_is_attached_by_its_rule() {
    let mut cluster = Cluster::attached();
    let domains = [
        "api.shop.example",
        "https://img.shop.example:8443",
        "new.shop.example",
    ];
    cluster.write(|c| put_mini_program(c, APPID, program(&domains)));
    patched(
        &mut cluster,
        json!({"access": {"urls": [{"domain": "new.shop.example"}]}}),
    );
    let attached: Vec<&str> = cluster
        .business()
        .attached_domains
        .iter()
        .map(|d| d.0.as_str())
        .collect();
    assert_eq!(attached, domains);
}

#[test]
fn a_refusal_names_the_field_at_fault_by_its_path() {
    let cluster = Cluster::attached();
    let rule = |domain: &str| json!({"domain": domain});
    let api = json!({"domain": "api.shop.example"});
    let too_many: Vec<Value> = (0..21).map(|i| rule(&format!("d{i}.example"))).collect();
    let urls = |urls: Value| json!({"access": {"urls": urls}});
    let paths = |paths: Value| urls(json!([{"domain": "api.shop.example", "paths": paths}]));
    let cases = [
        (json!([]), None),
        (json!("x"), None),
        (json!({"nme": "x"}), Some("nme")),
        (json!({"x.name": "x"}), Some("x.name")),
        (json!({"appid": "wx1"}), Some("appid")),
        (json!({"gateway": "other"}), Some("gateway")),
        (json!({"attached_domains": []}), Some("attached_domains")),
        (json!({"name": "a\nb"}), Some("name")),
        (json!({"region": "mars"}), Some("region")),
        (json!({"route_tag": "a b"}), Some("route_tag")),
        (json!({"route_tag": ""}), Some("route_tag")),
        (json!({"route_tag": "t".repeat(65)}), Some("route_tag")),
        (json!({"timeout_ms": 0}), Some("timeout_ms")),
        (json!({"timeout_ms": 600_001}), Some("timeout_ms")),
        (json!({"timeout_ms": 1.5}), Some("timeout_ms")),
        (json!({"timeout_ms": "15s"}), Some("timeout_ms")),
        (json!({"overflow": "drop"}), Some("overflow")),
        (json!({"access": null}), Some("access")),
        (json!({"access": {"on": true}}), Some("access.on")),
        (
            json!({"access": {"enabled": "yes"}}),
            Some("access.enabled"),
        ),
        (
            json!({"access": {"versions": "trial"}}),
            Some("access.versions"),
        ),
        (
            json!({"access": {"versions": ["trial", "beta"]}}),
            Some("access.versions[1]"),
        ),
        (
            json!({"access": {"gray": {"percent": 100.01}}}),
            Some("access.gray.percent"),
        ),
        (
            json!({"access": {"gray": {"percent": -0.01}}}),
            Some("access.gray.percent"),
        ),
        (
            json!({"access": {"gray": {"percent": 0.001}}}),
            Some("access.gray.percent"),
        ),
        (
            json!({"access": {"gray": {"percent": null}}}),
            Some("access.gray.percent"),
        ),
        (
            json!({"access": {"gray": {"salt": "a b"}}}),
            Some("access.gray.salt"),
        ),
        (
            json!({"access": {"gray": {"share": 1}}}),
            Some("access.gray.share"),
        ),
        (
            json!({"access": {"manual_domains": ["evil.example"]}}),
            Some("access.manual_domains[0]"),
        ),
        (urls(json!(too_many)), Some("access.urls")),
        (
            urls(json!([{"paths": ["/"]}])),
            Some("access.urls[0].domain"),
        ),
        (
            urls(json!([api, rule("evil.example")])),
            Some("access.urls[1].domain"),
        ),
        (
            urls(json!([api, rule("https://api.shop.example:443")])),
            Some("access.urls[1].domain"),
        ),
        (
            urls(json!([rule("api.shop.example/v1")])),
            Some("access.urls[0].domain"),
        ),
        (
            urls(json!([{"domain": "api.shop.example", "path": "/"}])),
            Some("access.urls[0].path"),
        ),
        (paths(json!("/v1")), Some("access.urls[0].paths")),
        (paths(json!(["/v1", "v2"])), Some("access.urls[0].paths[1]")),
        (paths(json!(["/v1?x"])), Some("access.urls[0].paths[0]")),
        (paths(json!(["/v1#x"])), Some("access.urls[0].paths[0]")),
        (paths(json!(["/v 1"])), Some("access.urls[0].paths[0]")),
        (paths(json!(["/接口"])), Some("access.urls[0].paths[0]")),
        (
            paths(json!(["/v1", "/v1"])),
            Some("access.urls[0].paths[1]"),
        ),
    ];
    for (patch, field) in cases {
        let refusal = patch_business(&cluster.catalog, APPID, &patch).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.field.as_deref()),
            (422, field),
            "{patch}: {refusal}"
        );
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0u32..20_000).prop_map(|p| Value::from(f64::from(p) / 100.0)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "trial",
            "release",
            "relay",
            "api.shop.example",
            "/v1",
            "tianjin"
        ])
        .prop_map(Value::from),
    ];
    let name = prop_oneof![
        4 => prop::sample::select(vec![
            "name", "access", "region", "route_tag", "timeout_ms", "overflow", "enabled", "versions", "urls",
            "gray", "manual_domains", "percent", "salt", "domain", "paths",
        ])
        .prop_map(str::to_owned),
        1 => ".{0,6}",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_patch_is_taken_whole_or_refused_whole(patch in any_json()) {
        let cluster = Cluster::attached();
        let before = cluster.business().clone();
        match patch_business(&cluster.catalog, APPID, &patch) {
            Err(refusal) => prop_assert_eq!(refusal.status, 422),
            Ok(change) => {
                prop_assert!(change.deletes.is_empty() && change.puts.len() <= 1);
                for object in change.puts {
                    let Object::Business(after) = object else { panic!("{object:?}") };
                    prop_assert!((1..=600_000).contains(&after.timeout_ms));
                    prop_assert!((0.0..=100.0).contains(&after.access.gray.percent));
                    prop_assert_eq!((&after.id, &after.gateway), (&before.id, &before.gateway));
                    // What was taken is a patch of it that changes nothing: nothing of it was left out.
                    let mut again = Cluster::attached();
                    again.apply(weir_config::operation::Change::put(Object::Business(after)));
                    prop_assert!(patch_business(&again.catalog, APPID, &patch).unwrap().is_empty());
                }
            }
        }
        prop_assert_eq!(cluster.business(), &before);
    }

    #[test]
    fn two_decimals_of_a_percentage_are_kept_exactly(basis_points in 0u32..=10_000) {
        let mut cluster = Cluster::attached();
        patched(&mut cluster, json!({"access": {"gray": {"percent": f64::from(basis_points) / 100.0}}}));
        prop_assert_eq!(cluster.business().access.gray.basis_points(), basis_points);
    }
}
