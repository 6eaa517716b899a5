use crate::fixture::{APPID, Cluster, program};
use serde_json::json;
use weir_config::operation::{MiniProgramInput, put_mini_program};

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
