use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The version of the text that every cluster begins with.
pub const BUILT_IN_AGREEMENT: &str = "1";

/// One version of the service agreement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementText {
    /// The version's name, for instance `2026-01`.
    pub id: String,
    pub title: String,
    /// The whole of it, plain text or Markdown.
    pub text: String,
    /// From when on nothing is attached without this version being accepted, until a later one takes its place;
    /// in memory, milliseconds since 1970-01-01 UTC.
    #[serde(rename = "effective_at", with = "crate::moment")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub effective_at_ms: u64,
}

// === impl AgreementText ===

impl AgreementText {
    /// What operators agree to who have no text of their own.
    pub fn built_in() -> Self {
        AgreementText {
            id: BUILT_IN_AGREEMENT.to_owned(),
            title: "Service agreement".to_owned(),
            text: include_str!("agreement_1.txt").to_owned(),
            effective_at_ms: 0,
        }
    }
}
