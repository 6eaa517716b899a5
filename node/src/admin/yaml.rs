//! YAML, read within limits and written so that other readers take it the same way.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;

/// Values of one document: 10,000 businesses have some 300,000.
const VALUES: usize = 4_000_000;

/// Reads a YAML document into what JSON would have said.
///
/// # Errors
/// 400 `wrong_yaml` with line and column.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: VALUES, max_events: 2 * VALUES },
        // `no` is a name, not `false` (YAML 1.2).
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| {
        let place = error.location().map_or_else(String::new, |location| {
            format!(" (line {}, column {})", location.line(), location.column())
        });
        let detail =
            format!("The body is no YAML that can be used{place}: {error}. Nothing was changed.");
        Problem::new(StatusCode::BAD_REQUEST, "wrong_yaml", detail)
    })
}

/// Writes a document.
///
/// # Errors
/// 500 `internal`.
pub fn write(document: &impl Serialize) -> Result<String, Problem> {
    serde_saphyr::to_string(document).map_err(|error| {
        let detail =
            format!("The document could not be written as YAML: {error}. Take it as JSON.");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        let document = json!({"texts": ["no", "yes", "1.0", "007", "2026-01-01", "null", "~", "1e3", "0x1f", " a",
            "a: b", "# c", "- d", "12:30:00", "", "商店", "line\nline", "'", "\"", "true", ".inf", "@x", "%x"],
            "numbers": [1, 20.5, -3], "on": true, "none": null, "empty": [], "nothing": {}});
        let text = write(&document).unwrap();
        assert_eq!(read(text.as_bytes()).unwrap(), document, "{text}");
    }

    #[test]
    fn wrong_yaml_is_told_with_its_place() {
        let problem = read(b"spaces:\n  - id: a\n id: b\n").unwrap_err();
        assert_eq!((problem.status, problem.code.as_str()), (400, "wrong_yaml"));
        assert!(problem.detail.contains("line "), "{}", problem.detail);
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert!(read(b"spaces: []\nspaces: []\n").is_err());
    }

    #[test]
    fn aliases_that_would_fill_the_memory_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let all = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{all}]\n"));
        }
        assert!(read(bomb.as_bytes()).is_err());
    }
}
