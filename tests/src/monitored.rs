//! Figures as the admin API tells them.

use serde_json::Value;

/// The sums of one group of an answer of `/monitoring`; null where it has no such group.
///
/// # Panics
/// Where that is no such answer.
pub fn group<'v>(told: &'v Value, name: &str) -> &'v Value {
    let groups = told["groups"].as_array().expect("groups");
    groups
        .iter()
        .find(|group| group["name"] == name)
        .map_or(&Value::Null, |group| &group["total"])
}
