//! What the link reads of the configuration: one immutable table, swapped whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_cluster::ledger::Meter;
use weir_config::access::{AccessTable, Route};

/// Everything a call looks up, compiled from one state of the configuration.
#[derive(Debug, Default)]
pub struct RoutingTable {
    pub access: AccessTable,
    /// One per gateway, in the order of [`AccessTable::gateways`].
    pub meters: Vec<Arc<Meter>>,
}

/// The current table. Published by the RouterActor, read by every link core without a lock.
pub type SharedRouting = Arc<ArcSwap<RoutingTable>>;

// === impl RoutingTable ===

impl RoutingTable {
    /// The meter of the gateway a route belongs to.
    pub fn meter(&self, route: &Route) -> &Arc<Meter> {
        &self.meters[route.gateway_index]
    }
}
