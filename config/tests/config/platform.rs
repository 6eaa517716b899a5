use crate::fixture::{APPID, Cluster, context, program};
use serde_json::json;
use weir_config::history::{Retention, diff};
use weir_config::operation::{
    MiniProgramInput, SpaceInput, authorize_by_platform, delete_platform_secret, document,
    put_mini_program, put_platform_secret, put_space, restore, restore_catalog,
};
use weir_config::{Catalog, Kind, ObjectKey};

fn read(input: serde_json::Value) -> Result<MiniProgramInput, serde_json::Error> {
    serde_json::from_value(input)
}

#[test]
fn a_program_is_kept_as_registered_and_again_changes_nothing() {
    let mut cluster = Cluster::empty();
    let input = program(&["api.shop.example"]);
    cluster.write(|c| put_mini_program(c, APPID, input.clone()));
    assert_eq!(
        cluster.catalog.mini_program(APPID).unwrap().request_domains,
        ["api.shop.example"]
    );
    assert!(
        put_mini_program(&cluster.catalog, APPID, input)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_version_is_its_number_or_an_object() {
    let input = read(
        json!({"versions": {"trial": "1.4.2", "release": {"version": "1", "qr_url": "https://q"}}}),
    );
    let versions = input.unwrap().versions;
    assert_eq!(versions.trial.unwrap().version, "1.4.2");
    assert_eq!(
        versions.release.unwrap().qr_url.as_deref(),
        Some("https://q")
    );
    let error = read(json!({"versions": {"trial": 5}}))
        .unwrap_err()
        .to_string();
    assert!(error.contains("a version is its number"), "{error}");
    assert!(read(json!({"versions": {"beta": "1"}})).is_err());
    assert!(read(json!({"domains": []})).is_err());
}

#[test]
fn what_cannot_be_a_request_domain_is_refused_by_its_place() {
    let catalog = Cluster::empty().catalog;
    for (domains, field) in [
        (
            vec!["ok.example", "https://ok.example/x"],
            "request_domains[1]",
        ),
        (vec!["*.example"], "request_domains[0]"),
        (
            vec!["ok.example", "b.example", "https://OK.example:443"],
            "request_domains[2]",
        ),
    ] {
        let refusal = put_mini_program(&catalog, APPID, program(&domains)).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.field.as_deref()),
            (422, Some(field)),
            "{refusal}"
        );
    }
    let many: Vec<String> = (0..201).map(|i| format!("d{i}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(put_mini_program(&catalog, APPID, program(&many[..200])).is_ok());
    assert!(put_mini_program(&catalog, APPID, program(&many)).is_err());
}

#[test]
fn a_version_number_or_qr_code_that_cannot_be_is_refused() {
    let catalog = Cluster::empty().catalog;
    for (versions, field) in [
        (json!({"trial": ""}), "versions.trial"),
        (json!({"release": "1 2"}), "versions.release"),
        (
            json!({"develop": {"version": "1", "qr_url": "a b"}}),
            "versions.develop.qr_url",
        ),
    ] {
        let input = read(json!({"versions": versions})).unwrap();
        let refusal = put_mini_program(&catalog, APPID, input).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field));
    }
}

#[test]
fn what_a_platform_entrusted_to_us_is_kept_sealed_shown_to_nobody_and_in_no_document() {
    let mut cluster = Cluster::empty();
    let context = context();
    let put = |_: &Catalog| put_platform_secret(&context, "wechat-ticket", "v1.sealed-and-planted");
    cluster.write(put);
    let kept = cluster.catalog.platform_secret("wechat-ticket").unwrap();
    assert_eq!(kept.sealed, "v1.sealed-and-planted");
    let document = serde_json::to_string(&document::export(&cluster.catalog)).unwrap();
    assert!(!document.contains("planted"), "{document}");
    let key = ObjectKey::new(Kind::PlatformSecret, "wechat-ticket");
    let record = cluster.catalog.record(&key).unwrap().clone();
    let shown = serde_json::to_string(&diff(None, record.object.as_ref())).unwrap();
    assert!(
        shown.contains("sealed") && !shown.contains("planted"),
        "{shown}"
    );
    let refused = restore(&cluster.catalog, context.now_ms, &record).unwrap_err();
    assert_eq!(refused.code, "not_restorable");
    assert!(refused.detail.contains("renewed by itself"), "{refused}");
    // Going back to a time before it takes nothing away.
    let change = restore_catalog(&cluster.catalog, context.now_ms, &Catalog::default()).unwrap();
    assert!(change.is_empty(), "{change:?}");
    cluster.write(|c| Ok(delete_platform_secret(c, "wechat-ticket")));
    assert!(cluster.catalog.platform_secret("wechat-ticket").is_none());
    assert!(delete_platform_secret(&cluster.catalog, "wechat-ticket").is_empty());
}

#[test]
fn a_sealed_value_that_is_empty_or_too_long_is_refused() {
    for (id, sealed) in [
        ("Ticket", "x"),
        ("ticket", ""),
        ("ticket", &"x".repeat(20_000)),
    ] {
        let refused = put_platform_secret(&context(), id, sealed).unwrap_err();
        assert_eq!((refused.status, refused.code), (422, "invalid"));
    }
}

#[test]
fn of_what_is_renewed_many_times_a_day_no_long_history_is_kept() {
    let retention = Retention::default();
    assert_eq!(retention.of_kind(Kind::PlatformSecret).keep_versions, 2);
    assert_eq!(retention.of_kind(Kind::Business), retention);
    let one = Retention {
        keep_versions: 1,
        ..retention
    };
    assert_eq!(one.of_kind(Kind::PlatformSecret), one);
}

#[test]
fn an_owner_lets_a_mini_program_into_a_space_before_anything_is_known_of_it() {
    let mut cluster = Cluster::empty();
    let refused = authorize_by_platform(&cluster.catalog, "acme", APPID).unwrap_err();
    assert_eq!(refused.code, "not_found");
    cluster.write(|c| put_space(c, "acme", SpaceInput::default()));
    cluster.write(|c| authorize_by_platform(c, "acme", APPID));
    let space = cluster.catalog.space("acme").unwrap();
    assert!(space.mini_programs.contains(APPID));
    let again = authorize_by_platform(&cluster.catalog, "acme", APPID).unwrap();
    assert!(again.is_empty());
    assert!(authorize_by_platform(&cluster.catalog, "acme", "shop").is_err());
}
