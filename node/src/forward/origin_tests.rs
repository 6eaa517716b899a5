use serde_json::json;

use super::*;
use crate::forward::configured::ConfiguredOrigins;

fn common() -> Common {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Common {
        tls: Arc::new(crate::tls::origin_tls(&Default::default()).unwrap()),
        places: 2,
        connect_timeout: Duration::from_secs(5),
    }
}

fn state(document: serde_json::Value) -> Arc<ConfiguredOrigin> {
    let settings: weir_config::object::OriginSettings = serde_json::from_value(document).unwrap();
    let origin = Origin::parse(&settings.domain).unwrap();
    Arc::new(ConfiguredOrigin::new("shop", origin, &settings, None))
}

fn names(slot: &OriginSlot) -> (&str, &str) {
    (slot.host.to_str().unwrap(), &slot.reach.server_name)
}

#[test]
fn host_and_server_name_are_the_domains_own_unless_they_are_set() {
    let (origins, common) = (Origins::default(), common());
    let origin = Origin::parse("https://api.shop.example:8443").unwrap();
    let plain = origins.slot(&origin, None, &common).unwrap();
    assert_eq!(names(&plain), ("api.shop.example:8443", "api.shop.example"));

    let elsewhere =
        json!({"domain": "api.shop.example:8443", "addresses": [{"address": "10.0.0.1:443"}]});
    let slot = origins
        .slot(&origin, Some(&state(elsewhere)), &common)
        .unwrap();
    assert_eq!(names(&slot), ("api.shop.example:8443", "api.shop.example"));

    let both = json!({
        "domain": "api.shop.example:8443", "host": "inner", "tls": {"server_name": "tls.shop.example"}
    });
    let slot = origins.slot(&origin, Some(&state(both)), &common).unwrap();
    assert_eq!(names(&slot), ("inner", "tls.shop.example"));
}

#[test]
fn businesses_share_an_origin_only_where_nothing_is_set_for_it() {
    let (origins, common) = (Origins::default(), common());
    let origin = Origin::parse("api.shop.example").unwrap();
    let plain = origins.slot(&origin, None, &common).unwrap();
    let again = origins.slot(&origin, None, &common).unwrap();
    assert!(Rc::ptr_eq(&plain, &again));
    let (one, other) = (
        state(json!({"domain": "api.shop.example"})),
        state(json!({"domain": "api.shop.example"})),
    );
    let one_slot = origins.slot(&origin, Some(&one), &common).unwrap();
    let other_slot = origins.slot(&origin, Some(&other), &common).unwrap();
    assert!(!Rc::ptr_eq(&one_slot, &other_slot) && !Rc::ptr_eq(&one_slot, &plain));
}

#[test]
fn replaced_settings_are_let_go_at_the_next_sweep_and_unused_origins_after_some() {
    let (origins, common) = (Origins::default(), common());
    let origin = Origin::parse("api.shop.example").unwrap();
    let old = state(json!({"domain": "api.shop.example"}));
    origins.slot(&origin, Some(&old), &common).unwrap();
    origins.slot(&origin, None, &common).unwrap();
    origins.sweep();
    assert_eq!(origins.len(), 2);

    let held = ConfiguredOrigins::of_one(old);
    held.retire_all_but(&ConfiguredOrigins::default());
    origins.sweep();
    assert_eq!(origins.len(), 1);
    for _ in 0..IDLE_SWEEPS {
        origins.sweep();
    }
    assert_eq!(origins.len(), 0);
}

#[test]
fn a_second_attempt_goes_elsewhere_as_long_as_there_is_another_address() {
    let (origins, common) = (Origins::default(), common());
    let origin = Origin::parse("http://api.shop.example").unwrap();
    let state = state(json!({
        "domain": "http://api.shop.example",
        "addresses": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}, {"address": "10.0.0.3:80"}],
        "ejection": {"failures": 1, "for_ms": 60000}
    }));
    let slot = origins.slot(&origin, Some(&state), &common).unwrap();
    state.failed(1);
    for _ in 0..20 {
        let first = slot.turn(0);
        let second = slot.turn(1 << first);
        assert_eq!(first + second, 2, "the two that are not ejected");
        assert_eq!(slot.turn(0b101), 1, "the ejected one before none");
    }
}
