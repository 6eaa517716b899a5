use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant: owns gateways and the mini programs authorised to it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Space {
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// Where its mini programs are registered.
    #[serde(default)]
    pub platform: PlatformProvider,
    /// The service agreement as accepted last; nothing can be attached before.
    #[serde(default)]
    pub agreement: Option<Agreement>,
    /// Every acceptance of the agreement, in the order they were made.
    #[serde(default)]
    pub acceptances: Vec<Agreement>,
    /// Appids of the mini programs authorised to this space.
    #[serde(default)]
    pub mini_programs: BTreeSet<String>,
}

/// Where mini programs are registered (`PRODUCT.md`, "Terms").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlatformProvider {
    /// The directory in the store.
    #[default]
    Local,
    /// The open platform's HTTP API.
    Wechat,
}

/// Who accepted which text, and when.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    pub version: String,
    pub accepted_by: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub accepted_at_ms: u64,
}

// === impl Space ===

impl Space {
    /// Whether somebody has accepted this version of the agreement.
    pub fn has_accepted(&self, version: &str) -> bool {
        // Spaces written by earlier releases have the last acceptance only.
        let acceptances = self.acceptances.iter().chain(&self.agreement);
        acceptances.into_iter().any(|a| a.version == version)
    }
}

// === impl PlatformProvider ===

impl PlatformProvider {
    pub fn as_str(self) -> &'static str {
        match self {
            PlatformProvider::Local => "local",
            PlatformProvider::Wechat => "wechat",
        }
    }
}
