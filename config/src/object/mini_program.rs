use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object::{EnvVersion, PlatformProvider};

/// A mini program as its platform knows it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct MiniProgram {
    /// `wx` and 16 hexadecimal digits.
    pub appid: String,
    #[serde(default)]
    pub name: String,
    /// Legal request domains in the order set on the platform, each `[scheme://]host[:port]`; https
    /// unless written.
    #[serde(default)]
    pub request_domains: Vec<String>,
    #[serde(default)]
    pub versions: PlatformVersions,
    /// The platform that says all this.
    #[serde(default)]
    pub source: PlatformProvider,
    /// When the platform was last asked, milliseconds since 1970-01-01 UTC; absent from the local platform, which
    /// is told and not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at_ms: Option<u64>,
    /// What was wrong when it was asked last, in sentences; the rest is then what it said before.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// The versions that exist on the platform.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformVersions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<PlatformVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<PlatformVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub develop: Option<PlatformVersion>,
}

/// One version of a mini program. Written as its number alone (`"1.4.2"`) or with where its QR code leads.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(from = "PlatformVersionInput")]
pub struct PlatformVersion {
    pub version: String,
    /// What the QR code of this version opens; the local platform makes one up when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a version is its number (\"1.4.2\") or {\"version\": \"1.4.2\", \"qr_url\": \"https://…\"}"
)]
enum PlatformVersionInput {
    Number(String),
    Whole {
        version: String,
        #[serde(default)]
        qr_url: Option<String>,
    },
}

// === impl PlatformVersions ===

impl PlatformVersions {
    pub fn get(&self, version: EnvVersion) -> Option<&PlatformVersion> {
        match version {
            EnvVersion::Release => self.release.as_ref(),
            EnvVersion::Trial => self.trial.as_ref(),
            EnvVersion::Develop => self.develop.as_ref(),
        }
    }
}

// === impl PlatformVersion ===

impl From<PlatformVersionInput> for PlatformVersion {
    fn from(input: PlatformVersionInput) -> Self {
        match input {
            PlatformVersionInput::Number(version) => PlatformVersion {
                version,
                qr_url: None,
            },
            PlatformVersionInput::Whole { version, qr_url } => PlatformVersion { version, qr_url },
        }
    }
}
