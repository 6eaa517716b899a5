//! Every refusal of the operations: its code, its field, its sentence. What stands in the source and is not met
//! by a row here fails the test, so that no refusal is without one.

mod alarms;
mod attaching;
mod documents;
mod elastic;
mod nodes;
mod objects;
mod packs;
mod patching;
mod schedules;
mod sentences;

use std::collections::BTreeSet;
use std::fmt::Debug;

use weir_config::Refusal;

/// One refusal, and what it has to be.
pub struct Row {
    refusal: Refusal,
    status: u16,
    code: &'static str,
    field: Option<String>,
}

/// 422 `invalid` at this field.
pub fn invalid<T: Debug>(field: &str, refused: Result<T, Refusal>) -> Row {
    Row::new(422, "invalid", Some(field), refused)
}

/// 404 `not_found`.
pub fn not_found<T: Debug>(refused: Result<T, Refusal>) -> Row {
    Row::new(404, "not_found", None, refused)
}

/// 409 with this code.
pub fn conflict<T: Debug>(code: &'static str, refused: Result<T, Refusal>) -> Row {
    Row::new(409, code, None, refused)
}

fn rows() -> Vec<Row> {
    let mut rows = objects::rows();
    rows.extend(attaching::rows());
    rows.extend(patching::rows());
    rows.extend(documents::rows());
    rows.extend(packs::rows());
    rows.extend(schedules::rows());
    rows.extend(elastic::rows());
    rows.extend(nodes::rows());
    rows.extend(alarms::rows());
    rows
}

#[test]
fn every_refusal_has_its_code_its_field_and_a_sentence_that_says_what_to_do() {
    for row in rows() {
        let Refusal {
            code,
            status,
            detail,
            field,
        } = &row.refusal;
        assert_eq!((*status, *code), (row.status, row.code), "{detail}");
        if row.field.is_some() {
            assert_eq!(*field, row.field, "{detail}");
        }
        assert!(detail.len() > 15 && detail.ends_with('.'), "{detail}");
        assert!(!detail.contains("{}") && !detail.contains("  "), "{detail}");
    }
}

#[test]
fn no_refusal_in_the_source_is_without_a_test() {
    let said = sentences::said();
    let rows = rows();
    let tested: BTreeSet<&str> = rows.iter().map(|row| row.refusal.code).collect();
    let codes: Vec<&String> = said
        .codes
        .iter()
        .filter(|c| !tested.contains(c.as_str()))
        .collect();
    assert!(codes.is_empty(), "no row has the codes {codes:?}");
    let met = |sentence: &&String| {
        rows.iter()
            .any(|row| row.refusal.detail.contains(*sentence))
    };
    let missing: Vec<&String> = said.sentences.iter().filter(|s| !met(s)).collect();
    assert!(
        missing.is_empty(),
        "no row has these sentences: {missing:#?}"
    );
    // So that the walk cannot pass by finding nothing.
    assert!(
        said.codes.len() >= 25 && said.sentences.len() >= 120,
        "{said:?}"
    );
}

// === impl Row ===

impl Row {
    pub fn new<T: Debug>(
        status: u16,
        code: &'static str,
        field: Option<&str>,
        refused: Result<T, Refusal>,
    ) -> Self {
        Row {
            refusal: refused.expect_err(&format!("{code} at {field:?} is refused")),
            status,
            code,
            field: field.map(str::to_owned),
        }
    }
}
