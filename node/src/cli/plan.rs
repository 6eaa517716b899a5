//! A plan for people: what happens to each object, field by field, and how many of each.

use serde_json::Value;

use super::object::{line, printable};

/// The plan of an `/apply` or a restore.
pub fn render(plan: &Value) -> String {
    let mut text = String::new();
    for change in changes(plan) {
        let action = line(&change["action"]);
        if action == "unchanged" {
            continue;
        }
        text.push_str(&format!("{action:7} {}\n", line(&change["object"])));
        // What goes, goes whole.
        if action != "delete" {
            text.push_str(&fields(change));
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(plan));
    text
}

/// How many objects of a plan have this action.
pub fn count(plan: &Value, action: &str) -> usize {
    let of_action = |change: &&Value| change["action"] == action;
    changes(plan).iter().filter(of_action).count()
}

/// Whether a plan leaves everything as it is.
pub fn is_empty(plan: &Value) -> bool {
    changes(plan).len() == count(plan, "unchanged")
}

fn changes(plan: &Value) -> &[Value] {
    plan["changes"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn summary(plan: &Value) -> String {
    let [create, change, delete, unchanged] =
        ["create", "change", "delete", "unchanged"].map(|action| count(plan, action));
    if is_empty(plan) {
        return "Everything is so already; there is nothing to change.\n".to_owned();
    }
    let mut text = if plan["dry_run"] == true {
        format!("{create} to create, {change} to change, {delete} to delete")
    } else {
        format!("{create} created, {change} changed, {delete} deleted")
    };
    if unchanged > 0 {
        text.push_str(&format!(", {unchanged} as they are"));
    }
    text + ".\n"
}

/// The lines of a diff: `path  before -> after`.
pub fn fields(change: &Value) -> String {
    let diff = change["diff"].as_array().map(Vec::as_slice);
    let diff = diff.unwrap_or_default();
    let path = |field: &Value| printable(field["path"].as_str().unwrap_or_default());
    let width = diff.iter().map(|field| path(field).chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for field in diff {
        let values = match (field.get("before"), field.get("after")) {
            (Some(before), Some(after)) => format!("{} -> {}", value(before), value(after)),
            (None, Some(after)) => value(after),
            (Some(before), None) => format!("{} -> (taken away)", value(before)),
            (None, None) => String::new(),
        };
        text.push_str(&format!("        {:width$}  {values}\n", path(field)));
    }
    text
}

/// A value as JSON writes it, so that `"1"` and `1` are told apart.
fn value(value: &Value) -> String {
    printable(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_shows_what_changes_and_counts_what_does_not() {
        let plan = json!({"dry_run": true, "changes": [
            {"object": "space/acme", "action": "unchanged", "diff": []},
            {"object": "gateway/shop", "action": "create", "diff": [{"path": "space", "after": "acme"}]},
            {"object": "business/wx01", "action": "change", "diff": [
                {"path": "access.gray.percent", "before": 0, "after": 20}, {"path": "overflow", "before": "relay"}]},
            {"object": "gateway/old", "action": "delete", "diff": [{"path": "space", "before": "acme"}]},
        ]});
        assert_eq!(
            render(&plan),
            "create  gateway/shop\n        space  \"acme\"\n\
             change  business/wx01\n        access.gray.percent  0 -> 20\n        \
             overflow             \"relay\" -> (taken away)\n\
             delete  gateway/old\n\n1 to create, 1 to change, 1 to delete, 1 as they are.\n"
        );
    }

    #[test]
    fn a_plan_without_changes_is_one_sentence() {
        let plan = json!({"dry_run": true, "changes": [
            {"object": "space/acme", "action": "unchanged", "diff": []}]});
        assert!(is_empty(&plan));
        assert_eq!(
            render(&plan),
            "Everything is so already; there is nothing to change.\n"
        );
    }
}
