use crate::fixture::{Cluster, gateway_input};
use serde_json::json;
use weir_config::object::{Overflow, Package, PackageName};
use weir_config::operation::{GatewayInput, SpaceInput, put_gateway, put_space};

fn input(package: serde_json::Value) -> GatewayInput {
    let input = json!({"space": "acme", "package": package});
    serde_json::from_value(input).unwrap()
}

#[test]
fn a_gateway_has_the_trial_package_and_redirects_unless_told_otherwise() {
    let cluster = Cluster::ready();
    let gateway = cluster.catalog.gateway("main").unwrap();
    assert_eq!(gateway.package, Package::named(PackageName::Trial).unwrap());
    assert_eq!(
        (gateway.package.bandwidth_bps, gateway.overflow),
        (1_000_000, Overflow::Redirect)
    );
}

#[test]
fn a_package_is_taken_by_name_or_by_its_figures() {
    let mut cluster = Cluster::ready();
    for (package, name, bandwidth_bps, qps) in [
        (
            json!({"name": "standard"}),
            PackageName::Standard,
            20_000_000,
            Some(1_000),
        ),
        (
            json!({"name": "standard", "bandwidth_bps": 20_000_000, "qps": 1_000}),
            PackageName::Standard,
            20_000_000,
            Some(1_000),
        ),
        (json!({"bandwidth_bps": 8}), PackageName::Custom, 8, None),
        (
            json!({"name": "custom", "bandwidth_bps": 64_000, "qps": 5}),
            PackageName::Custom,
            64_000,
            Some(5),
        ),
    ] {
        cluster.write(|c| put_gateway(c, "g", input(package)));
        let package = cluster.catalog.gateway("g").unwrap().package;
        assert_eq!(
            (package.name, package.bandwidth_bps, package.qps),
            (name, bandwidth_bps, qps)
        );
    }
}

#[test]
fn a_package_that_cannot_be_is_refused_by_its_field() {
    let cluster = Cluster::ready();
    for (package, field) in [
        (json!({}), "package.bandwidth_bps"),
        (json!({"name": "custom"}), "package.bandwidth_bps"),
        (json!({"qps": 5}), "package.bandwidth_bps"),
        (json!({"bandwidth_bps": 7}), "package.bandwidth_bps"),
        (json!({"bandwidth_bps": u64::MAX}), "package.bandwidth_bps"),
        (json!({"bandwidth_bps": 8, "qps": 0}), "package.qps"),
        (json!({"name": "trial", "qps": 5}), "package.qps"),
        (
            json!({"name": "trial", "bandwidth_bps": 8}),
            "package.bandwidth_bps",
        ),
    ] {
        let refusal = put_gateway(&cluster.catalog, "g", input(package.clone())).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.field.as_deref()),
            (422, Some(field)),
            "{package}"
        );
    }
}

#[test]
fn a_gateway_needs_a_space_that_exists() {
    let refusal = put_gateway(&Cluster::empty().catalog, "g", gateway_input("acme")).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.field.as_deref()),
        (422, Some("space"))
    );
    assert!(
        refusal.detail.contains("PUT /admin/v1/spaces/acme"),
        "{refusal}"
    );
}

#[test]
fn a_gateway_with_businesses_keeps_its_space() {
    let mut cluster = Cluster::attached();
    cluster.write(|c| put_space(c, "other", SpaceInput::default()));
    let refusal = put_gateway(&cluster.catalog, "main", gateway_input("other")).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (409, "gateway_in_use"));
    assert!(
        put_gateway(&cluster.catalog, "main", gateway_input("acme"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_id_that_fits_no_host_name_is_refused() {
    let cluster = Cluster::ready();
    for id in [
        "",
        "Main",
        "a_b",
        "-a",
        "a-",
        "a.b",
        "接",
        "a/b",
        &"a".repeat(64),
    ] {
        assert!(
            put_gateway(&cluster.catalog, id, gateway_input("acme")).is_err(),
            "{id:?}"
        );
        assert!(
            put_space(&cluster.catalog, id, SpaceInput::default()).is_err(),
            "{id:?}"
        );
    }
    assert!(put_gateway(&cluster.catalog, &"a".repeat(63), gateway_input("acme")).is_ok());
}
