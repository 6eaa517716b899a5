//! Businesses attached by hand.

use serde_json::{Value, json};

use crate::fixture::{APPID, Cluster, context, program, web_input};
use weir_config::Refusal;
use weir_config::access::{AccessTable, Admission, CallFacts, Decision, decide};
use weir_config::object::{Business, BusinessType, EnvVersion, OriginAddress};
use weir_config::operation::document::{Document, export, plan};
use weir_config::operation::{
    add_business, authorize, disconnect, patch_business, put_mini_program,
};

fn add(cluster: &mut Cluster, input: Value) -> Result<Business, Refusal> {
    let input = serde_json::from_value(input).unwrap();
    let (change, business) = add_business(&cluster.catalog, &context(), "main", input)?;
    cluster.apply(change);
    Ok(business)
}

#[test]
fn a_web_page_is_attached_with_its_own_origins() {
    let mut cluster = Cluster::ready();
    let business = add(&mut cluster, web_input("shop-web")).unwrap();
    assert_eq!(
        (business.id.as_str(), business.appid.as_str()),
        ("shop-web", "shop-web")
    );
    assert_eq!(business.business_type, BusinessType::Web);
    assert_eq!(
        business.access_domain("weir.localhost"),
        "a01020304-shop-web.shanghai.weir.localhost"
    );
    assert_eq!(business.access.versions, [EnvVersion::Release].into());
    assert!(business.access.enabled && business.access.gray.percent == 100.0);
    let ruled: Vec<_> = business
        .access
        .urls
        .iter()
        .map(|rule| rule.domain.as_str())
        .collect();
    assert_eq!(ruled, ["https://web.shop.example", "http://127.0.0.1:8900"]);
    assert_eq!(
        business.cors.unwrap().allowed_origins,
        ["https://shop.example"]
    );

    let table = AccessTable::compile(&cluster.catalog, "weir.localhost");
    let facts = CallFacts {
        host: "a01020304-shop-web.shanghai.weir.localhost",
        path_and_query: "/v1/x",
        target: Some("web.shop.example"),
        source: Some("web"),
        ..CallFacts::default()
    };
    let decision = decide(&table, &facts, |_| Admission::Admitted);
    assert!(matches!(decision, Decision::Link(_)), "{decision:?}");
}

#[test]
fn an_id_is_drawn_where_none_is_given() {
    let mut cluster = Cluster::ready();
    let business = add(
        &mut cluster,
        json!({"type": "app", "origins": ["a.example"]}),
    )
    .unwrap();
    assert_eq!(business.id, "app-05060708");
    assert_eq!(business.access_label, "a01020304-app-05060708");
}

#[test]
fn an_origin_may_come_with_its_settings_and_those_reach_the_call() {
    let mut cluster = Cluster::ready();
    let mut input = web_input("shop-web");
    input["origins"] = json!([
        "plain.example",
        {"domain": "web.example", "http2": true, "addresses": [{"address": "10.0.0.7:8443", "weight": 3}]}
    ]);
    let business = add(&mut cluster, input).unwrap();
    // Nothing is kept of an origin of which nothing is said.
    assert_eq!(business.origins.len(), 1);
    let table = AccessTable::compile(&cluster.catalog, "weir.localhost");
    let call = |target| {
        let facts = CallFacts {
            host: "a01020304-shop-web.shanghai.weir.localhost",
            path_and_query: "/",
            target: Some(target),
            ..CallFacts::default()
        };
        match decide(&table, &facts, |_| Admission::Admitted) {
            Decision::Link(call) => call.settings.cloned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(call("plain.example"), None);
    let settings = call("WEB.example:443").unwrap();
    let address = OriginAddress {
        address: "10.0.0.7:8443".to_owned(),
        weight: 3,
    };
    assert_eq!(
        (settings.http2, &settings.addresses),
        (true, &vec![address])
    );
}

#[test]
fn the_origins_of_a_page_can_be_changed_later_and_those_of_a_mini_program_cannot() {
    let mut cluster = Cluster::with_web();
    let patch = json!({
        "attached_domains": ["https://web.shop.example", "new.shop.example"],
        "access": {"urls": [{"domain": "new.shop.example", "paths": ["", "/v1"]}]},
        "origins": [{"domain": "new.shop.example", "host": "Inner.example:8443"}]
    });
    cluster.write(|c| patch_business(c, "shop-web", &patch));
    let business = cluster.catalog.business("shop-web").unwrap();
    assert_eq!(business.attached_domains.len(), 2);
    assert_eq!(
        business.origins[0].host.as_deref(),
        Some("inner.example:8443")
    );
    // And again: nothing was left out.
    assert!(
        patch_business(&cluster.catalog, "shop-web", &patch)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_mini_program_by_hand_needs_what_one_key_access_needs() {
    let mut cluster = Cluster::ready();
    let input = || json!({"type": "mini_program", "id": APPID, "origins": ["https://img.shop.example:8443"]});
    assert_eq!(
        add(&mut cluster, input()).unwrap_err().code,
        "not_authorized"
    );
    cluster.write(|c| authorize(c, "acme", APPID));
    let business = add(&mut cluster, input()).unwrap();
    assert_eq!(business.access.versions, [EnvVersion::Trial].into());
    assert_eq!(business.attached_domains.len(), 1);
    assert_eq!(
        add(&mut cluster, input()).unwrap_err().code,
        "business_exists"
    );
}

#[test]
fn a_mini_program_by_hand_takes_the_first_ten_of_too_many_domains() {
    let mut cluster = Cluster::ready();
    cluster.write(|c| authorize(c, "acme", APPID));
    let domains: Vec<String> = (0..21).map(|i| format!("d{i}.example")).collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    cluster.write(|c| put_mini_program(c, APPID, program(&domains)));
    let business = add(&mut cluster, json!({"type": "mini_program", "id": APPID})).unwrap();
    assert_eq!(business.attached_domains.len(), 10);
}

#[test]
fn what_was_attached_by_hand_survives_export_and_apply() {
    let mut cluster = Cluster::with_web();
    cluster.write(|c| disconnect(c, "shop-web"));
    cluster.newer_agreement("2");
    let document = serde_json::to_value(export(&cluster.catalog)).unwrap();
    let document = Document::read(&document).unwrap();
    let mut other = Cluster::empty();
    let made = plan(&other.catalog, context().now_ms, &document, true).unwrap();
    other.apply(made.change);
    assert_eq!(export(&other.catalog), export(&cluster.catalog));
}

#[test]
fn a_document_of_an_earlier_release_still_reads() {
    let cluster = Cluster::attached();
    let mut document = serde_json::to_value(export(&cluster.catalog)).unwrap();
    // As it was before: without any of the fields that came since.
    document.as_object_mut().unwrap().remove("agreement_texts");
    let remove = |object: &mut Value, names: &[&str]| {
        for name in names {
            assert!(
                object.as_object_mut().unwrap().remove(*name).is_some(),
                "{name}"
            );
        }
    };
    for region in document["regions"].as_array_mut().unwrap() {
        remove(region, &["distances"]);
    }
    remove(&mut document["spaces"][0], &["platform", "acceptances"]);
    remove(&mut document["mini_programs"][0], &["source", "problems"]);
    let business = &mut document["businesses"][0];
    remove(business, &["origins"]);
    remove(&mut business["access"], &["min_sdk_version"]);
    remove(&mut business["access"]["gray"], &["include", "exclude"]);
    let document = Document::read(&document).unwrap();
    assert_eq!(document.businesses, export(&cluster.catalog).businesses);
    let mut other = Cluster::empty();
    let made = plan(&other.catalog, context().now_ms, &document, false).unwrap();
    other.apply(made.change);
    assert_eq!(other.business(), cluster.business());
}
