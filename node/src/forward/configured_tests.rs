use serde_json::json;

use super::*;

fn settings(document: serde_json::Value) -> OriginSettings {
    serde_json::from_value(document).unwrap()
}

fn two(ejected_after: u32) -> OriginSettings {
    settings(json!({
        "domain": "api.shop.example",
        "addresses": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80", "weight": 3}],
        "ejection": {"failures": ejected_after, "for_ms": 3_600_000},
        "health": {"path": "/health"}
    }))
}

fn configured(settings: &OriginSettings, before: Option<&ConfiguredOrigin>) -> ConfiguredOrigin {
    let origin = Origin::parse(&settings.domain).unwrap();
    ConfiguredOrigin::new("shop", origin, settings, before)
}

fn condition(origin: &ConfiguredOrigin, index: usize) -> Condition {
    origin.addresses[index].health().condition
}

#[test]
fn without_addresses_the_domain_itself_is_the_address() {
    let origin = configured(&settings(json!({"domain": "api.shop.example"})), None);
    let addresses: Vec<_> = origin.addresses.iter().map(|a| &*a.address).collect();
    assert_eq!(addresses, ["api.shop.example:443"]);
    assert_eq!(origin.usable(), 0b1);
}

#[test]
fn failures_in_a_row_eject_an_address_and_an_answer_between_them_does_not() {
    let origin = configured(&two(3), None);
    for _ in 0..5 {
        origin.failed(0);
        origin.failed(0);
        origin.succeeded(0);
    }
    assert_eq!(origin.usable(), 0b11);
    for _ in 0..3 {
        origin.failed(0);
    }
    assert_eq!(origin.usable(), 0b10);
    let health = origin.addresses[0].health();
    assert_eq!(
        (health.condition, health.ejections, health.failed_calls),
        (Condition::Ejected, 1, 13)
    );
    assert!(health.ejected_for_ms.is_some());
}

#[test]
fn the_last_address_is_never_ejected() {
    let origin = configured(&two(1), None);
    origin.failed(0);
    for _ in 0..100 {
        origin.failed(1);
    }
    assert_eq!(origin.usable(), 0b10);
    assert_eq!(condition(&origin, 1), Condition::Healthy);

    let single = configured(&settings(json!({"domain": "api.shop.example"})), None);
    for _ in 0..100 {
        single.failed(0);
    }
    assert_eq!(condition(&single, 0), Condition::Healthy);
}

#[test]
fn where_the_checks_find_none_healthy_all_get_calls() {
    let origin = configured(&two(0), None);
    origin.checked(0, false, "refused".into(), Some(false));
    assert_eq!(origin.usable(), 0b10);
    origin.checked(1, false, "refused".into(), Some(false));
    assert_eq!(origin.usable(), 0b11, "fail open");
    assert_eq!(condition(&origin, 0), Condition::Unhealthy);
    origin.checked(1, true, "200".into(), Some(true));
    assert_eq!(origin.usable(), 0b10);
}

#[test]
fn an_address_whose_time_is_over_is_on_trial() {
    let mut short = two(3);
    short.ejection.for_ms = 0;
    let origin = configured(&short, None);
    for _ in 0..3 {
        origin.failed(0);
    }
    // The time it was ejected for is over at once.
    assert_eq!(origin.usable(), 0b11);
    origin.failed(0);
    assert_eq!(
        origin.addresses[0].health().ejections,
        2,
        "one more is enough"
    );
    origin.succeeded(0);
    origin.failed(0);
    assert_eq!(origin.addresses[0].health().ejections, 2);
}

#[test]
fn settings_that_stay_keep_their_state_and_addresses_that_stay_keep_what_is_known_of_them() {
    let first = configured(&two(1), None);
    first.failed(0);
    first.checked(1, false, "503".into(), Some(false));
    let mut heavier = two(1);
    heavier.addresses[0].weight = 9;
    heavier.addresses.push(weir_config::object::OriginAddress {
        address: "10.0.0.3:80".to_owned(),
        weight: 1,
    });
    let second = configured(&heavier, Some(&first));
    assert_eq!(
        [0, 1, 2].map(|i| condition(&second, i)),
        [Condition::Ejected, Condition::Unhealthy, Condition::Healthy]
    );
    let mut unchecked = heavier;
    unchecked.health = None;
    let third = configured(&unchecked, Some(&second));
    assert_eq!(
        condition(&third, 1),
        Condition::Healthy,
        "nobody would ever find it healthy again"
    );
}

#[test]
fn authorities_that_cannot_be_used_are_said_with_their_field() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let node = Arc::new(crate::tls::origin_tls(&Default::default()).unwrap());
    let broken = settings(json!({"domain": "api.shop.example", "tls": {"ca_pem": "no PEM"}}));
    let why = configured(&broken, None).tls(&node).unwrap_err();
    assert_eq!(
        why,
        "origins[api.shop.example].tls.ca_pem: there is no certificate in it"
    );
    let plain = configured(&settings(json!({"domain": "api.shop.example"})), None);
    assert!(Arc::ptr_eq(&plain.tls(&node).unwrap(), &node));
}
