use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::object::Object;

/// Fields whose values are never shown.
const SECRET: [&str; 3] = ["sha256", "sealed", "webhook_url"];
const HIDDEN: &str = "(not shown)";

/// One field that two versions of an object have differently.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct FieldChange {
    /// As in `access.urls[3].domain`.
    pub path: String,
    /// Left out: the field was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Left out: the field is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What changes from one version of an object to another, field by field in the order of their names; `None`
/// is an object that does not exist. Arrays are compared item by item where they are equally long, else
/// whole. Secrets are never shown.
pub fn diff(before: Option<&Object>, after: Option<&Object>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    match (before.map(fields), after.map(fields)) {
        (None, None) => {}
        (before, after) => compare(
            "",
            Some(&before.unwrap_or_else(nothing)),
            Some(&after.unwrap_or_else(nothing)),
            &mut changes,
        ),
    }
    changes
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// The object as JSON, without the name of its kind.
fn fields(object: &Object) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("kind");
    }
    value
}

fn compare(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    changes: &mut Vec<FieldChange>,
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                compare(&path, before.get(name), after.get(name), changes);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) if before.len() == after.len() => {
            for (i, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}[{i}]"), Some(before), Some(after), changes);
            }
        }
        (before, after) => {
            let shown = |value: &Value| {
                if SECRET.contains(&path) {
                    HIDDEN.into()
                } else {
                    value.clone()
                }
            };
            changes.push(FieldChange {
                path: path.to_owned(),
                before: before.map(shown),
                after: after.map(shown),
            });
        }
    }
}
