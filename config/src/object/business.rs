use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object::{OriginSettings, Overflow};

/// One attached client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Business {
    /// The appid for a mini program.
    pub id: String,
    pub gateway: String,
    #[serde(rename = "type")]
    pub business_type: BusinessType,
    #[serde(default)]
    pub name: String,
    /// Given to origins as `x-wx-appid`; for web and app the business's own id.
    pub appid: String,
    /// First label of the access domain, `a<8 hex>-<appid>`; the region and the base domain follow it.
    pub access_label: String,
    pub region: String,
    /// The mark of the access domain that origins see.
    pub route_tag: String,
    /// Domains whose calls may use the link.
    pub attached_domains: Vec<AttachedDomain>,
    /// How the servers of attached domains are reached, for those where more is to say than their name.
    #[serde(default)]
    pub origins: Vec<OriginSettings>,
    pub access: Access,
    /// How long the origin may take to answer, milliseconds, 1 to 600,000.
    pub timeout_ms: u32,
    /// Absent: the gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
    /// What browsers of other origins may do; for `web` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

/// Which pages may call through the link from a browser (Fetch standard, "CORS protocol").
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins of pages, exactly (`https://shop.example`), or `*` for all.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Whether cookies and the like may be sent; not with `*`.
    #[serde(default)]
    pub allow_credentials: bool,
    /// How long a browser may keep the answer to a pre-flight request, seconds, at most 86,400.
    #[serde(default = "max_age_default_s")]
    pub max_age_s: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BusinessType {
    MiniProgram,
    Web,
    App,
}

/// One of the business's own domains, as the platform lists it: `[scheme://]host[:port]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct AttachedDomain(pub String);

/// Who uses the link, and for which URLs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// False after a quick disconnect: everything takes the public link.
    pub enabled: bool,
    /// Versions that use the link; empty does the same as `enabled: false`.
    pub versions: BTreeSet<EnvVersion>,
    /// Rules of at most 20 domains.
    pub urls: Vec<UrlRule>,
    pub gray: Gray,
    /// Domains that the client's own code sends through the link by hand.
    #[serde(default)]
    pub manual_domains: Vec<String>,
    /// A client that says an older base library takes the public link; developer tools have a rule of their own.
    #[serde(default = "min_sdk_version_default")]
    pub min_sdk_version: String,
}

/// A version of a mini program.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EnvVersion {
    Release,
    Trial,
    Develop,
}

/// A legal domain and path prefixes; no path means the whole domain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UrlRule {
    pub domain: String,
    #[serde(default)]
    pub paths: Vec<String>,
}

/// Share of users on the link. Only `release` is diluted.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gray {
    /// 0 to 100, at most two decimals.
    pub percent: f64,
    /// Mixed into the hash: another salt draws other users.
    #[serde(default)]
    pub salt: String,
    /// Users who are on the link whatever the share; at most 1,000.
    #[serde(default)]
    pub include: BTreeSet<String>,
    /// Users who are not, whatever the share; at most 1,000, none of them in `include`.
    #[serde(default)]
    pub exclude: BTreeSet<String>,
}

/// The base library that a mini program's client needs where nobody says otherwise.
pub const MIN_SDK_VERSION: &str = "3.0.2";

fn min_sdk_version_default() -> String {
    MIN_SDK_VERSION.to_owned()
}

fn max_age_default_s() -> u32 {
    600
}

// === impl Business ===

impl Business {
    /// Host name of the business on the link, in the region it was given.
    pub fn access_domain(&self, base_domain: &str) -> String {
        format!("{}.{}.{base_domain}", self.access_label, self.region)
    }
}

// === impl Access ===

impl Access {
    /// On the link: these versions, these URLs, every user.
    pub fn new(
        versions: BTreeSet<EnvVersion>,
        urls: Vec<UrlRule>,
        salt: impl Into<String>,
    ) -> Self {
        Access {
            enabled: true,
            versions,
            urls,
            gray: Gray {
                percent: 100.0,
                salt: salt.into(),
                ..Gray::default()
            },
            manual_domains: Vec::new(),
            min_sdk_version: min_sdk_version_default(),
        }
    }
}

// === impl UrlRule ===

impl UrlRule {
    pub fn whole_domain(domain: impl Into<String>) -> Self {
        UrlRule {
            domain: domain.into(),
            paths: Vec::new(),
        }
    }
}

// === impl EnvVersion ===

impl EnvVersion {
    pub const ALL: [EnvVersion; 3] = [EnvVersion::Release, EnvVersion::Trial, EnvVersion::Develop];

    pub fn as_str(self) -> &'static str {
        match self {
            EnvVersion::Release => "release",
            EnvVersion::Trial => "trial",
            EnvVersion::Develop => "develop",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        EnvVersion::ALL.into_iter().find(|v| v.as_str() == name)
    }
}

// === impl Gray ===

impl Gray {
    /// The share in hundredths of a percent, 0 to 10,000.
    pub fn basis_points(&self) -> u32 {
        (self.percent * 100.0).round() as u32
    }
}
