use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant: owns gateways and the mini programs authorised to it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Space {
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// The service agreement as accepted; nothing can be attached before.
    #[serde(default)]
    pub agreement: Option<Agreement>,
    /// Appids of the mini programs authorised to this space.
    #[serde(default)]
    pub mini_programs: BTreeSet<String>,
}

/// Who accepted which text, and when.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    pub version: String,
    pub accepted_by: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub accepted_at_ms: u64,
}
