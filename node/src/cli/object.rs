//! An object of the admin API for people: a field a line, what is nested indented.

use serde_json::Value;

/// Renders an object.
pub fn render(object: &Value) -> String {
    let mut text = String::new();
    fields(object, 0, &mut text);
    text
}

/// A value on one line: a text without quotes, a list with commas, nothing as `-`.
pub fn line(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(line).collect::<Vec<_>>().join(", "),
        // Without this, a whole number of percent would be `20.0`.
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}

/// Text that cannot move the cursor or change the colours of a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn fields(object: &Value, depth: usize, text: &mut String) {
    let Some(map) = object.as_object() else {
        return;
    };
    let width = map.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in map {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push_str(&format!("{indent}{name}\n"));
                fields(value, depth + 1, text);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                text.push_str(&format!("{indent}{name}\n"));
                for item in items {
                    text.push_str(&format!("{indent}  -\n"));
                    fields(item, depth + 2, text);
                }
            }
            Value::Object(_) => text.push_str(&format!("{indent}{name:width$}  -\n")),
            _ => text.push_str(&format!("{indent}{name:width$}  {}\n", line(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_shown_a_field_a_line_with_what_is_nested_indented() {
        let object = json!({"id": "shop", "gray": {"percent": 20.0}, "paths": ["/a", "/b"], "on": true, "x": null});
        let shown = render(&object);
        for line in [
            "id     shop",
            "gray",
            "  percent  20",
            "paths  /a, /b",
            "on     yes",
            "x      -",
        ] {
            assert!(
                shown.lines().any(|there| there == line),
                "no `{line}` in\n{shown}"
            );
        }
    }

    #[test]
    fn objects_in_a_list_are_told_apart() {
        let object = json!({"urls": [{"domain": "a"}, {"domain": "b"}]});
        assert_eq!(
            render(&object),
            "urls\n  -\n    domain  a\n  -\n    domain  b\n"
        );
    }

    #[test]
    fn a_name_cannot_play_with_the_terminal() {
        assert_eq!(line(&json!("a\u{1b}[2J")), "a\u{fffd}[2J");
    }
}
