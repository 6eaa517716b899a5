use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How nodes reach the servers of one attached domain. A domain without settings is called as its name says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginSettings {
    /// One of the attached domains: `[scheme://]host[:port]`, https unless written.
    pub domain: String,
    /// Where its servers are, at most 16; empty: at the domain itself.
    #[serde(default)]
    pub addresses: Vec<OriginAddress>,
    /// What `Host` says to the origin, `host[:port]`; absent: the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// How long a connection may take to be there, TLS included, milliseconds, 1 to 60,000. Absent: the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout_ms: Option<u32>,
    /// How long the origin may take to answer, milliseconds, 1 to 600,000. Absent: the business's `timeout_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_timeout_ms: Option<u32>,
    /// HTTP/2 to the origin, where it speaks it.
    #[serde(default)]
    pub http2: bool,
    #[serde(default)]
    pub tls: OriginTls,
    /// Absent: nobody asks the origin how it is; calls alone tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
    #[serde(default)]
    pub ejection: Ejection,
}

/// One server of an origin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginAddress {
    /// `host:port`; an IPv6 address in square brackets.
    pub address: String,
    /// Its share of the calls, 1 to 100, against the others' weights.
    #[serde(default = "weight_default")]
    pub weight: u32,
}

/// How an origin's certificate is verified. It always is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginTls {
    /// Certificates of authorities to trust for this origin, PEM, at most 64 KiB. Absent: the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// The name asked for (SNI) and looked for in the certificate. Absent: the domain's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// A question put to every address of an origin at an interval.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Path and query of a `GET`.
    pub path: String,
    /// 500 to 600,000.
    #[serde(default = "interval_default_ms")]
    pub interval_ms: u32,
    /// 100 to 60,000, at most the interval.
    #[serde(default = "timeout_default_ms")]
    pub timeout_ms: u32,
    /// Failures in a row after which an address gets no calls, 1 to 100.
    #[serde(default = "unhealthy_after_default")]
    pub unhealthy_after: u32,
    /// Successes in a row after which it gets calls again, 1 to 100.
    #[serde(default = "healthy_after_default")]
    pub healthy_after: u32,
    /// Least and greatest status that count as success.
    #[serde(default = "status_min_default")]
    pub status_min: u16,
    #[serde(default = "status_max_default")]
    pub status_max: u16,
}

/// When an address that fails calls gets none for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ejection {
    /// Failed calls in a row, 1 to 1,000; 0: never.
    #[serde(default = "failures_default")]
    pub failures: u32,
    /// For how long, milliseconds, 1,000 to 3,600,000.
    #[serde(default = "ejected_default_ms")]
    pub for_ms: u32,
}

fn weight_default() -> u32 {
    1
}

fn interval_default_ms() -> u32 {
    10_000
}

fn timeout_default_ms() -> u32 {
    2_000
}

fn unhealthy_after_default() -> u32 {
    3
}

fn healthy_after_default() -> u32 {
    2
}

fn status_min_default() -> u16 {
    200
}

fn status_max_default() -> u16 {
    399
}

fn failures_default() -> u32 {
    5
}

fn ejected_default_ms() -> u32 {
    30_000
}

// === impl OriginSettings ===

impl OriginSettings {
    /// The settings of a domain of which nothing is said.
    pub fn of(domain: impl Into<String>) -> Self {
        OriginSettings {
            domain: domain.into(),
            addresses: Vec::new(),
            host: None,
            connect_timeout_ms: None,
            response_timeout_ms: None,
            http2: false,
            tls: OriginTls::default(),
            health: None,
            ejection: Ejection::default(),
        }
    }
}

// === impl HealthCheck ===

impl HealthCheck {
    /// A check of this path, with everything else as it is by default.
    pub fn of(path: impl Into<String>) -> Self {
        HealthCheck {
            path: path.into(),
            interval_ms: interval_default_ms(),
            timeout_ms: timeout_default_ms(),
            unhealthy_after: unhealthy_after_default(),
            healthy_after: healthy_after_default(),
            status_min: status_min_default(),
            status_max: status_max_default(),
        }
    }
}

// === impl Ejection ===

impl Default for Ejection {
    fn default() -> Self {
        Ejection {
            failures: failures_default(),
            for_ms: ejected_default_ms(),
        }
    }
}
