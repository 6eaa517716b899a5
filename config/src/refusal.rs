//! Why a change is not made, in words an operator can act on.

use serde::Serialize;

/// A change that was refused: nothing of it has been applied.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize)]
#[error("{detail}")]
pub struct Refusal {
    /// Stable, `snake_case`: `not_found`, `invalid`, `bound_elsewhere`, …
    pub code: &'static str,
    /// The HTTP status the admin API answers with.
    pub status: u16,
    /// One or two sentences: what is wrong, and how to mend it.
    pub detail: String,
    /// The field of the request at fault, as a path (`access.urls[3].domain`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

// === impl Refusal ===

impl Refusal {
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Refusal {
            code,
            status,
            detail: detail.into(),
            field: None,
        }
    }

    /// 422: a field's value cannot be used.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Refusal {
            code: "invalid",
            status: 422,
            detail: detail.into(),
            field: Some(field.into()),
        }
    }

    /// 404: the object named does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Refusal::new(404, "not_found", detail)
    }

    /// 409: the change contradicts what is configured.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Refusal::new(409, code, detail)
    }

    /// The same, with the field at fault.
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// The same, of an object that is itself part of what was asked: `place` comes before the field's path.
    pub fn within(mut self, place: &str) -> Self {
        self.field = Some(match self.field.take() {
            Some(field) => format!("{place}.{field}"),
            None => place.to_owned(),
        });
        self
    }
}
