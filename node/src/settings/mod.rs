//! The settings of one node: `node.toml`, and `WEIR_…` over it. Every setting has a default but the
//! node's name and region.
//!
//! [`load`] reads, checks and explains; whoever holds a [`Settings`] holds one that is valid.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use weir_config::history::Retention;

use crate::seal::Secret;

mod catalogue;
mod error;
mod load;
mod monitor;
mod platform;
#[cfg(test)]
mod tests;
mod traces;
mod validate;

pub use catalogue::{SETTINGS, Setting, ValueKind};
pub use error::SettingsError;
pub use load::{load, load_from};
pub use monitor::MonitorSettings;
pub use platform::{PlatformSettings, Provider, SealSettings, WechatComponent, WechatSettings};
pub use traces::TracesSettings;

/// All settings. `[section] key` in the file is `WEIR_SECTION_KEY` in the environment.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub node: NodeSettings,
    #[serde(default)]
    pub link: LinkSettings,
    #[serde(default)]
    pub admin: AdminSettings,
    #[serde(default)]
    pub mesh: MeshSettings,
    #[serde(default)]
    pub package: PackageSettings,
    #[serde(default)]
    pub history: HistorySettings,
    #[serde(default)]
    pub tls: TlsSettings,
    #[serde(default)]
    pub seal: SealSettings,
    #[serde(default)]
    pub platform: PlatformSettings,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub monitor: MonitorSettings,
    #[serde(default)]
    pub log: LogSettings,
    #[serde(default)]
    pub traces: TracesSettings,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// The node's name in the cluster: 1 to 32 of `a-z 0-9 -`.
    pub id: String,
    pub region: String,
    /// Where the store, the admin token and the development certificate are kept.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// The same on every node.
    #[serde(default = "default_cluster")]
    pub cluster: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkSettings {
    pub http: SocketAddr,
    pub https: SocketAddr,
    /// Access domains are `a<8 hex>-<appid>.<region>.<base_domain>`.
    pub base_domain: String,
    /// Link cores; 0: as many as the machine has.
    pub workers: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminSettings {
    pub listen: SocketAddr,
    /// Whether the node can be asked to break its own mesh for a while.
    pub drills: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeshSettings {
    pub listen: SocketAddr,
    /// What other nodes dial, `host:port`, where it is not `listen`.
    pub advertise: Option<String>,
    /// `TOKEN@HOST:PORT`: what lets this node into a cluster, once.
    pub join: Option<Secret>,
    /// The keys of the store's cluster are lost, and this node makes new ones: `weir node --begin-anew` alone.
    #[serde(skip)]
    pub begin_anew: bool,
    /// How long a certificate that this node issues holds.
    pub certificate_life_s: u64,
    /// Mesh addresses, `host:port`, of nodes to join. Empty: this node begins a cluster.
    pub seeds: Vec<String>,
    pub gossip_interval_ms: u64,
    /// How long a change waits for as many other nodes to have it as it was asked with (`?ack=`).
    pub ack_timeout_ms: u64,
}

/// How packages are measured out; the same on every node.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackageSettings {
    /// How long a node mints after it last knew itself heard by half of the others.
    pub fence_ms: u64,
    /// What all nodes together may have saved up, as time of the package's limit.
    pub burst_ms: u64,
}

/// How much history is kept; the same on every node.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySettings {
    /// Versions of an object, the newest included.
    pub keep_versions: usize,
    /// How long a version is kept after another took its place.
    pub keep_days: u64,
    /// How long a deleted object is remembered.
    pub keep_deleted_days: u64,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Own certificates by name; where none matches, the development certificate answers.
    pub certificates: Vec<CertificateSettings>,
    /// PEM file of authorities that origins' certificates are checked against, besides the system's.
    pub origin_ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSettings {
    /// Host names, `*.` allowed as the first label.
    pub names: Vec<String>,
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

/// Limits of the link (`DESIGN.md` "Limits").
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub head_bytes: usize,
    pub headers: usize,
    pub body_bytes: u64,
    pub envelope_bytes: usize,
    pub h2_streams: u32,
    /// Time for a whole request head, also between the calls of one connection.
    pub head_timeout_ms: u64,
    /// Time without a byte of a body, in either direction, after which a call ends.
    pub body_idle_timeout_ms: u64,
    /// Time a keep-alive connection may rest between calls.
    pub keep_alive_timeout_ms: u64,
    /// Link connections in all, per core.
    pub connections_per_core: usize,
    pub connections_per_ip: usize,
    /// Connections and calls under way to one origin, per core.
    pub origin_connections_per_core: usize,
    pub connect_timeout_ms: u64,
    /// Time for calls to finish after SIGTERM.
    pub drain_timeout_ms: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `text` or `json`.
    pub format: LogFormat,
    /// `error` to `trace`, per module as in `info,weir::link=debug`.
    pub level: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("weir-data")
}

/// The cluster's name where nobody gave it one.
pub const DEFAULT_CLUSTER: &str = "weir";

fn default_cluster() -> String {
    DEFAULT_CLUSTER.to_owned()
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

// === impl HistorySettings ===

impl HistorySettings {
    pub fn retention(&self) -> Retention {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        Retention {
            keep_versions: self.keep_versions,
            keep_ms: self.keep_days.saturating_mul(DAY_MS),
            tombstone_keep_ms: self.keep_deleted_days.saturating_mul(DAY_MS),
        }
    }
}

// === defaults ===

impl Default for LinkSettings {
    fn default() -> Self {
        LinkSettings {
            http: loopback(8000),
            https: loopback(8440),
            base_domain: "weir.localhost".to_owned(),
            workers: 0,
        }
    }
}

impl Default for AdminSettings {
    fn default() -> Self {
        AdminSettings {
            listen: loopback(9000),
            drills: false,
        }
    }
}

impl Default for MeshSettings {
    fn default() -> Self {
        MeshSettings {
            listen: loopback(7000),
            advertise: None,
            join: None,
            begin_anew: false,
            certificate_life_s: 30 * 24 * 60 * 60,
            seeds: Vec::new(),
            gossip_interval_ms: 100,
            ack_timeout_ms: 2_000,
        }
    }
}

impl Default for PackageSettings {
    fn default() -> Self {
        PackageSettings {
            fence_ms: 10_000,
            burst_ms: 1_000,
        }
    }
}

impl Default for HistorySettings {
    fn default() -> Self {
        HistorySettings {
            keep_versions: 100,
            keep_days: 90,
            keep_deleted_days: 30,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head_bytes: 32 * 1024,
            headers: 100,
            body_bytes: 100 * 1024 * 1024,
            envelope_bytes: 10 * 1024 * 1024,
            h2_streams: 100,
            head_timeout_ms: 10_000,
            body_idle_timeout_ms: 60_000,
            keep_alive_timeout_ms: 75_000,
            connections_per_core: 20_000,
            connections_per_ip: 20_000,
            origin_connections_per_core: 1_024,
            connect_timeout_ms: 5_000,
            drain_timeout_ms: 30_000,
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}
