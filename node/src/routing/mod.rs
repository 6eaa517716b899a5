//! What the link reads of the configuration: one immutable table, swapped whole.

mod counters;
mod latency;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_cluster::ledger::Meter;
use weir_config::access::{AccessTable, Route, RoutedCall};

use crate::forward::{ConfiguredOrigin, ConfiguredOrigins};
use crate::link::{ClientVersions, LiveRegions};

pub use counters::{BusinessCounters, BusinessFigures, FAULTS, REASONS, Use, UseFigures};
pub use latency::{BOUNDS_S, Exemplar, Latency, LatencyFigures};

/// Everything a call looks up, compiled from one state of the configuration.
#[derive(Debug, Default)]
pub struct RoutingTable {
    pub access: AccessTable,
    /// One per gateway, in the order of [`AccessTable::gateways`].
    pub meters: Vec<Arc<Meter>>,
    pub origins: ConfiguredOrigins,
    /// What is not of the configuration; the same one in every table of a node.
    pub beside: Arc<Beside>,
    counters: HashMap<String, Arc<BusinessCounters>>,
    /// Of a route that is not this table's.
    uncounted: Arc<BusinessCounters>,
}

/// What calls read or note besides the configuration.
#[derive(Debug, Default)]
pub struct Beside {
    /// Where the link is alive, as the cluster knows it.
    pub live: ArcSwap<LiveRegions>,
    /// Which access configs clients decide by.
    pub clients: ClientVersions,
}

/// The current table. Published by the RouterActor, read by every link core without a lock.
pub type SharedRouting = Arc<ArcSwap<RoutingTable>>;

// === impl RoutingTable ===

impl RoutingTable {
    /// A table whose businesses go on with the counters they had in the one before.
    pub fn new(
        access: AccessTable,
        meters: Vec<Arc<Meter>>,
        origins: ConfiguredOrigins,
        before: &RoutingTable,
    ) -> Self {
        let counters = access.routes().map(|route| {
            let known = before.counters.get(&route.business).cloned();
            (route.business.clone(), known.unwrap_or_default())
        });
        RoutingTable {
            counters: counters.collect(),
            access,
            meters,
            origins,
            beside: before.beside.clone(),
            uncounted: Arc::default(),
        }
    }

    /// The meter of the gateway a route belongs to.
    pub fn meter(&self, route: &Route) -> &Arc<Meter> {
        &self.meters[route.gateway_index]
    }

    /// What is set for the origin of a call, and how it is.
    pub fn origin(&self, call: &RoutedCall<'_>) -> Option<&Arc<ConfiguredOrigin>> {
        call.settings?;
        self.origins.find(&call.route.business, call.origin)
    }

    /// The counters of a route's business.
    pub fn counters(&self, route: &Route) -> &Arc<BusinessCounters> {
        self.counters
            .get(&route.business)
            .unwrap_or(&self.uncounted)
    }

    /// The counters of all businesses, in no order.
    pub fn all_counters(&self) -> impl Iterator<Item = (&str, &BusinessCounters)> {
        self.counters
            .iter()
            .map(|(business, counters)| (business.as_str(), &**counters))
    }
}
