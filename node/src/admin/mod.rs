//! The admin API: what operators, the console and the command line ask any node for (`CONTRACT.md` 3).
//!
//! Handlers read the published snapshot and write through the ConfigActor; nothing here holds state of its
//! own but counters. Every answer that is no success is a problem document.

mod arrival;
mod auth;
mod backup;
mod body;
mod businesses;
mod cluster;
mod document;
mod endpoint;
mod gateways;
mod health;
mod history;
mod metrics;
mod mini_programs;
mod moment;
mod one_key;
mod openapi;
mod problem;
mod qr;
mod query;
mod regions;
mod resource;
mod restore;
mod routes;
mod server;
mod spaces;
#[cfg(test)]
mod tests;
mod write;
mod yaml;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use weir_cluster::ledger::Meter;
use weir_cluster::membership::ClusterView;
use weir_config::NodeId;

use crate::config_actor::ConfigHandle;
use crate::routing::SharedRouting;
use crate::settings::Settings;

pub use health::Readiness;
pub use openapi::document as openapi_document;
pub use problem::Problem;
pub use server::server;

/// How often an actor was started again, read when `/metrics` is asked.
pub type RestartCount = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What the admin API reads, and the one way it writes.
#[derive(Clone)]
pub struct AdminState {
    pub config: ConfigHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
    pub settings: Arc<Settings>,
    pub routing: SharedRouting,
    pub node: NodeId,
    pub started: Instant,
    /// Set by whoever starts and stops the link.
    pub readiness: Arc<Readiness>,
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
        settings: Arc<Settings>,
        routing: SharedRouting,
        node: NodeId,
    ) -> Self {
        AdminState {
            config,
            cluster,
            settings,
            routing,
            node,
            started: Instant::now(),
            readiness: Arc::new(Readiness::default()),
            restarts: Vec::new(),
            failed_attempts: Arc::default(),
            copying: Arc::default(),
        }
    }

    /// The meter of a gateway on this node; `None` until the routing table knows the gateway.
    fn meter(&self, gateway: &str) -> Option<Arc<Meter>> {
        let table = self.routing.load();
        let index = table.access.gateways.iter().position(|id| id == gateway)?;
        table.meters.get(index).cloned()
    }
}
