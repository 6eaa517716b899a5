//! The whole configuration as a document, and restoring.

use serde_json::{Value, json};

use crate::fixture::{APPID, Cluster, NOW_MS, context, gateway_input};
use weir_config::operation::document::{Action, Document, Plan, export, plan};
use weir_config::operation::{
    self, Change, SpaceInput, create_token, delete_business, disconnect, put_gateway, put_space,
};
use weir_config::{Catalog, Kind, ObjectKey, Record, Refusal};

fn read(cluster: &Cluster, edit: impl FnOnce(&mut Value)) -> Result<Document, Refusal> {
    let mut value = serde_json::to_value(export(&cluster.catalog)).unwrap();
    edit(&mut value);
    Document::read(&value)
}

/// The plan for the configuration's own document after an edit.
fn planned(cluster: &Cluster, prune: bool, edit: impl FnOnce(&mut Value)) -> Result<Plan, Refusal> {
    plan(&cluster.catalog, NOW_MS, &read(cluster, edit)?, prune)
}

fn actions(plan: &Plan) -> Vec<(String, Action)> {
    let changed = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Unchanged);
    changed
        .map(|step| (step.object.to_string(), step.action))
        .collect()
}

pub fn version(cluster: &Cluster, kind: Kind, id: &str) -> Record {
    let record = cluster.catalog.record(&ObjectKey::new(kind, id));
    record.unwrap().clone()
}

#[test]
fn applying_what_was_exported_changes_nothing() {
    let cluster = Cluster::attached();
    for prune in [false, true] {
        let plan = planned(&cluster, prune, |_| {}).unwrap();
        assert!(plan.change.is_empty());
        assert_eq!(actions(&plan), []);
        assert_eq!(plan.steps.len(), 3 + 4, "three regions, four objects");
    }
}

#[test]
fn a_package_is_written_by_its_name_and_a_custom_one_with_its_figures() {
    let cluster = Cluster::attached();
    let package = |written: Value| {
        let document = read(&cluster, |d| d["gateways"][0]["package"] = written)?;
        Ok::<_, Refusal>(document.gateways[0].package)
    };
    let standard = package(json!({"name": "standard"})).unwrap();
    assert_eq!(
        (standard.bandwidth_bps, standard.qps),
        (20_000_000, Some(1_000))
    );
    let own = package(json!({"name": "custom", "bandwidth_bps": 9_000})).unwrap();
    assert_eq!((own.bandwidth_bps, own.qps), (9_000, None));
    let refusal = package(json!({"name": "custom"})).unwrap_err();
    assert!(refusal.detail.contains("needs bandwidth_bps"), "{refusal}");
}

#[test]
fn a_document_makes_an_empty_cluster_what_it_was_exported_from_but_for_tokens() {
    let mut source = Cluster::attached();
    source.write(|_| create_token(&context(), "ann", &"a".repeat(64)));
    let document = export(&source.catalog);
    assert!(
        !serde_json::to_string(&document)
            .unwrap()
            .contains(&"a".repeat(64))
    );

    let mut target = Cluster::empty();
    let first = plan(&target.catalog, NOW_MS, &document, true).unwrap();
    target.apply(first.change);
    assert_eq!(export(&target.catalog), document);
    assert!(
        plan(&target.catalog, NOW_MS, &document, true)
            .unwrap()
            .change
            .is_empty()
    );
    assert_eq!(target.catalog.tokens().count(), 0);
}

#[test]
fn a_plan_says_field_by_field_what_will_change() {
    let cluster = Cluster::attached();
    let plan = planned(&cluster, false, |d| {
        d["businesses"][0]["access"]["gray"]["percent"] = json!(12.5);
        d["gateways"]
            .as_array_mut()
            .unwrap()
            .push(json!({"id": "second", "space": "acme"}));
    });
    let plan = plan.unwrap();
    assert_eq!(
        actions(&plan),
        [
            ("gateway/second".to_owned(), Action::Create),
            (format!("business/{APPID}"), Action::Change)
        ]
    );
    let diff = &plan.steps.last().unwrap().diff;
    assert_eq!(diff.len(), 1);
    assert_eq!(diff[0].path, "access.gray.percent");
    assert_eq!(
        (&diff[0].before, &diff[0].after),
        (&Some(json!(100.0)), &Some(json!(12.5)))
    );
}

#[test]
fn what_a_document_lacks_goes_only_when_asked_and_tokens_never() {
    let mut cluster = Cluster::attached();
    cluster.write(|_| create_token(&context(), "ann", &"a".repeat(64)));
    let lack = |d: &mut Value| d["businesses"] = json!([]);
    assert!(planned(&cluster, false, lack).unwrap().change.is_empty());
    let pruned = planned(&cluster, true, lack).unwrap();
    assert_eq!(
        actions(&pruned),
        [(format!("business/{APPID}"), Action::Delete)]
    );
    let everything = plan(&cluster.catalog, NOW_MS, &Document::default(), true).unwrap();
    assert!(everything.change.puts.is_empty());
    let kinds: Vec<Kind> = everything
        .change
        .deletes
        .iter()
        .map(|key| key.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::Business,
            Kind::Gateway,
            Kind::MiniProgram,
            Kind::Space
        ]
    );
}

#[test]
fn a_refusal_names_the_place_in_the_document() {
    let mut cluster = Cluster::attached();
    cluster.write(|c| put_gateway(c, "second", gateway_input("acme")));
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str, &str); 14] = [
        (
            |d| d["businesses"][0]["access"]["urls"][0]["domain"] = json!("evil.example"),
            "invalid",
            "businesses[0].access.urls[0].domain",
        ),
        (
            |d| d["businesses"][0]["attached_domains"][1] = json!("evil.example"),
            "invalid",
            "businesses[0].attached_domains[1]",
        ),
        (
            |d| d["businesses"][0]["gateway"] = json!("gone"),
            "reference_missing",
            "businesses[0].gateway",
        ),
        (
            |d| d["businesses"][0]["region"] = json!("mars"),
            "invalid",
            "businesses[0].region",
        ),
        (
            |d| d["businesses"][0]["acess"] = json!({}),
            "invalid",
            "businesses[0].acess",
        ),
        (
            |d| d["businesses"][0]["timeout_ms"] = json!("soon"),
            "invalid",
            "businesses[0]",
        ),
        (
            |d| d["businesses"][0]["timeout_ms"] = json!(0),
            "invalid",
            "businesses[0].timeout_ms",
        ),
        (
            |d| d["businesses"][0]["access_label"] = json!("a.b"),
            "invalid",
            "businesses[0].access_label",
        ),
        (
            |d| d["gateways"][1]["space"] = json!("gone"),
            "reference_missing",
            "gateways[1].space",
        ),
        (
            |d| d["gateways"][0]["package"]["bandwidth_bps"] = json!(1),
            "invalid",
            "gateways[0].package.bandwidth_bps",
        ),
        (
            |d| d["gateways"][1]["id"] = json!("main"),
            "invalid",
            "gateways[1]",
        ),
        (
            |d| d["spaces"][0]["agreement"] = Value::Null,
            "invalid",
            "businesses[0].gateway",
        ),
        (
            |d| d["mini_programs"][0]["request_domains"][0] = json!("*.example"),
            "invalid",
            "mini_programs[0].request_domains[0]",
        ),
        (|d| d["tokens"] = json!([]), "invalid", "tokens"),
    ];
    for (edit, code, field) in cases {
        let refusal = planned(&cluster, false, edit).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.field.as_deref()),
            (code, Some(field)),
            "{refusal}"
        );
    }
}

#[test]
fn what_others_need_cannot_be_pruned_from_under_them() {
    let cluster = Cluster::attached();
    let document = Document {
        businesses: export(&cluster.catalog).businesses,
        ..Document::default()
    };
    let refusal = plan(&cluster.catalog, NOW_MS, &document, true).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("businesses[0].gateway"));
    // Here it is something the document does not name: the other half was written on another node.
    let region = |d: &mut Value| d["regions"] = json!([{"id": "mars"}]);
    let refusal = planned(&cluster, true, region).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("businesses[0].region"));
}

#[test]
fn two_businesses_cannot_have_one_access_label() {
    let cluster = Cluster::attached();
    let refusal = planned(&cluster, false, |d| {
        let appid = "wxfedcba9876543210";
        let mut program = d["mini_programs"][0].clone();
        program["appid"] = json!(appid);
        d["mini_programs"].as_array_mut().unwrap().push(program);
        d["spaces"][0]["mini_programs"]
            .as_array_mut()
            .unwrap()
            .push(json!(appid));
        let mut business = d["businesses"][0].clone();
        (business["id"], business["appid"]) = (json!(appid), json!(appid));
        d["businesses"].as_array_mut().unwrap().push(business);
    });
    assert_eq!(refusal.unwrap_err().code, "access_label_taken");
}

#[test]
fn a_restored_version_is_written_again() {
    let mut cluster = Cluster::attached();
    let attached = version(&cluster, Kind::Business, APPID);
    assert!(
        operation::restore(&cluster.catalog, NOW_MS, &attached)
            .unwrap()
            .is_empty()
    );
    cluster.write(|c| disconnect(c, APPID));
    cluster.write(|c| operation::restore(c, NOW_MS, &attached));
    assert_eq!(
        cluster.catalog.object(&attached.key),
        attached.object.as_ref()
    );
    cluster.write(|c| delete_business(c, APPID));
    let deleted = version(&cluster, Kind::Business, APPID);
    cluster.write(|c| operation::restore(c, NOW_MS, &attached));
    assert!(cluster.business().access.enabled);
    let change = operation::restore(&cluster.catalog, NOW_MS, &deleted).unwrap();
    assert_eq!(change.deletes, [attached.key]);
}

#[test]
fn a_version_whose_gateway_is_gone_is_not_restored() {
    let mut cluster = Cluster::attached();
    let attached = version(&cluster, Kind::Business, APPID);
    cluster.write(|c| delete_business(c, APPID));
    let gateway = version(&cluster, Kind::Gateway, "main");
    cluster.apply(Change::delete(gateway.key.clone()));
    let refusal = operation::restore(&cluster.catalog, NOW_MS, &attached).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code, refusal.field.as_deref()),
        (422, "reference_missing", Some("gateway"))
    );
    assert!(refusal.detail.contains("`main`") && refusal.detail.contains("restore it first"));
    cluster.write(|c| operation::restore(c, NOW_MS, &gateway));
    cluster.write(|c| operation::restore(c, NOW_MS, &attached));
}

#[test]
fn restoring_a_deletion_does_not_take_away_what_others_need() {
    let mut cluster = Cluster::attached();
    let mut deleted = version(&cluster, Kind::Gateway, "main");
    deleted.object = None;
    let refusal = operation::restore(&cluster.catalog, NOW_MS, &deleted).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (409, "still_in_use"));
    assert_eq!(refusal.field, Some(format!("business/{APPID}")));
    cluster.write(|c| delete_business(c, APPID));
    assert!(operation::restore(&cluster.catalog, NOW_MS, &deleted).is_ok());
}

#[test]
fn a_token_is_not_restored() {
    let mut cluster = Cluster::ready();
    cluster.write(|_| create_token(&context(), "ann", &"a".repeat(64)));
    let token = version(&cluster, Kind::Token, "ann");
    cluster.apply(Change::delete(token.key.clone()));
    let refusal = operation::restore(&cluster.catalog, NOW_MS, &token).unwrap_err();
    assert_eq!(refusal.code, "not_restorable");
    let change = operation::restore_catalog(&cluster.catalog, NOW_MS, &merged([token])).unwrap();
    assert!(change.puts.is_empty());
}

#[test]
fn the_whole_configuration_is_restored_to_a_moment() {
    let mut cluster = Cluster::attached();
    let then = cluster.catalog.clone();
    let document = export(&then);
    cluster.write(|c| delete_business(c, APPID));
    cluster.write(|c| put_gateway(c, "second", gateway_input("acme")));
    cluster.write(|c| {
        put_space(
            c,
            "acme",
            SpaceInput {
                name: Some("New".to_owned()),
                ..SpaceInput::default()
            },
        )
    });
    cluster.write(|c| operation::restore_catalog(c, NOW_MS, &then));
    assert_eq!(export(&cluster.catalog), document);
    assert!(
        operation::restore_catalog(&cluster.catalog, NOW_MS, &then)
            .unwrap()
            .is_empty()
    );
}

fn merged(records: impl IntoIterator<Item = Record>) -> Catalog {
    let mut catalog = Catalog::default();
    for record in records {
        catalog.merge(record);
    }
    catalog
}
