//! The admin API: what operators, the console and the command line ask any node for (`CONTRACT.md` 3).
//!
//! Handlers read the published snapshot and write through the ConfigActor; nothing here holds state of its
//! own but counters. Every answer that is no success is a problem document.

mod agreements;
mod alarms;
mod arrival;
mod auth;
mod backup;
mod body;
mod businesses;
mod calls;
mod clients;
mod cluster;
mod document;
mod drill;
mod endpoint;
pub(crate) mod fan_out;
mod forget;
mod gateways;
mod health;
mod history;
mod identity;
mod link_test;
mod log;
mod metrics;
mod mini_programs;
mod monitoring;
mod one_key;
mod openapi;
mod origins;
mod package;
mod platform;
mod problem;
mod qr;
mod query;
mod regions;
mod resource;
mod restore;
mod rivals;
mod routes;
mod schedules;
mod server;
mod spaces;
mod span;
#[cfg(test)]
mod tests;
mod write;
mod yaml;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use weir_cluster::membership::{ClusterView, GossipCounts};
use weir_cluster::mesh::MeshHandle;
use weir_config::{NodeId, moment};

use crate::alarm::AlarmHandle;
use crate::config_actor::ConfigHandle;
use crate::identity::IdentityParts;
use crate::link::Connections;
use crate::monitor::ClusterMonitor;
use crate::platform::PlatformHandle;
use crate::quota::QuotaHandle;
use crate::routing::SharedRouting;
use crate::settings::Settings;
use crate::telemetry::LogControl;
use crate::trace::Tracing;

pub use health::Readiness;
pub use openapi::document as openapi_document;
pub use problem::Problem;
pub use server::server;

/// Answers what other nodes ask for the admin API's sake.
pub fn answer_others(state: &AdminState) {
    calls::answer_others(state);
    clients::answer_others(state);
    cluster::answer_others(state);
    monitoring::answer_others(state);
    log::answer_others(state);
    package::answer_others(state);
}

/// How often an actor was started again, read when `/metrics` is asked.
pub type RestartCount = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What the admin API reads, and the one way it writes.
#[derive(Clone)]
pub struct AdminState {
    pub config: ConfigHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
    /// What packages have left, and the mint plan.
    pub quota: QuotaHandle,
    /// For questions to other nodes, and for drills.
    pub mesh: MeshHandle,
    pub settings: Arc<Settings>,
    pub routing: SharedRouting,
    pub node: NodeId,
    pub started: Instant,
    /// Set by whoever starts and stops the link.
    pub readiness: Arc<Readiness>,
    /// The platforms; absent where nobody started their actor.
    pub platform: Option<PlatformHandle>,
    /// The switch of this node's log.
    pub log: LogControl,
    /// Open connections of the link, by core.
    pub connections: Vec<Connections>,
    /// What becomes of spans; absent where none are made.
    pub tracing: Option<Tracing>,
    /// What became of calls; absent where nobody started its actor.
    pub monitor: Option<ClusterMonitor>,
    /// For letting nodes in; absent where nobody started its actor.
    pub identity: Option<IdentityParts>,
    /// What gossip refused; absent where nobody gossips.
    pub gossip: Option<GossipCounts>,
    /// What is wrong; absent where nobody started its actor.
    pub alarms: Option<AlarmHandle>,
    /// Restarts by actor.
    pub restarts: Vec<(&'static str, RestartCount)>,
    failed_attempts: Arc<auth::FailedAttempts>,
    /// Held while a backup is made: one at a time, since each takes the disk's whole attention.
    copying: Arc<tokio::sync::Mutex<()>>,
}

// === impl AdminState ===

impl AdminState {
    pub fn new(
        config: ConfigHandle,
        cluster: watch::Receiver<Arc<ClusterView>>,
        quota: QuotaHandle,
        mesh: MeshHandle,
        settings: Arc<Settings>,
        routing: SharedRouting,
        node: NodeId,
    ) -> Self {
        AdminState {
            config,
            cluster,
            quota,
            mesh,
            settings,
            routing,
            node,
            started: Instant::now(),
            readiness: Arc::new(Readiness::default()),
            platform: None,
            log: LogControl::default(),
            connections: Vec::new(),
            tracing: None,
            alarms: None,
            monitor: None,
            identity: None,
            gossip: None,
            restarts: Vec::new(),
            failed_attempts: Arc::default(),
            copying: Arc::default(),
        }
    }
}
