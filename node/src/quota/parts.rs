//! What the QuotaActor is made from.

use std::sync::Arc;

use tokio::sync::watch;
use weir_cluster::ledger::Terms;
use weir_cluster::membership::MembershipHandle;
use weir_cluster::plan::PlanTerms;
use weir_cluster::replication::SharedSnapshot;
use weir_config::NodeId;

use super::shown::Shown;
use crate::config_actor::SharedStore;

/// Everything an incarnation is made from.
#[derive(Clone)]
pub struct QuotaParts {
    pub node: NodeId,
    /// Keeps the mint plan.
    pub store: SharedStore,
    pub snapshot: SharedSnapshot,
    /// Tells of every new snapshot.
    pub changed: watch::Receiver<u64>,
    /// There once the node gossips.
    pub membership: watch::Receiver<Option<MembershipHandle>>,
    /// The node begins a cluster: it looks for no others and remembers none.
    pub begins: bool,
    /// Addresses of the mesh where others may be: seeds, and those that are remembered.
    pub known: Vec<String>,
    pub terms: Terms,
    pub plan_terms: PlanTerms,
    pub(super) shown: Arc<Shown>,
}

// === impl QuotaParts ===

impl QuotaParts {
    /// The parts of a node that begins a cluster, with the times of `QUOTA.md`.
    pub fn new(
        node: NodeId,
        region: String,
        store: SharedStore,
        snapshot: SharedSnapshot,
        changed: watch::Receiver<u64>,
        membership: watch::Receiver<Option<MembershipHandle>>,
    ) -> Self {
        QuotaParts {
            shown: Arc::new(Shown::new(node.clone(), region)),
            node,
            store,
            snapshot,
            changed,
            membership,
            begins: true,
            known: Vec::new(),
            terms: Terms::default(),
            plan_terms: PlanTerms::default(),
        }
    }
}
