use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::admin::openapi_document;
use crate::admin::routes::{BASE, endpoints, open_endpoints};

fn document() -> Value {
    serde_json::to_value(openapi_document()).unwrap()
}

#[test]
fn the_openapi_document_is_the_one_in_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = format!("{}\n", openapi_document().to_pretty_json().unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "node/openapi.json is old: run the tests once with UPDATE_OPENAPI=1 and look at the diff"
    );
}

#[test]
fn every_path_and_method_is_in_the_document_and_nothing_else() {
    let mut mounted = BTreeSet::new();
    let whole = |path: &str| format!("{BASE}{path}");
    let open = open_endpoints()
        .into_iter()
        .map(|known| (known.path.to_owned(), known.methods));
    let closed = endpoints()
        .into_iter()
        .map(|known| (whole(known.path), known.methods));
    for (path, methods) in open.chain(closed) {
        mounted.extend(methods.into_iter().map(|method| format!("{method} {path}")));
    }
    let mut documented = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        documented.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(mounted, documented);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_call_but_the_open_ones_asks_for_the_token_and_may_answer_a_problem() {
    for (path, item) in document()["paths"].as_object().unwrap() {
        let open = open_endpoints().iter().any(|known| known.path == path);
        for (method, operation) in item.as_object().unwrap() {
            assert_eq!(operation.get("security").is_none(), open, "{method} {path}");
            assert_eq!(
                operation["responses"].get("default").is_none(),
                open,
                "{method} {path}"
            );
        }
    }
}
