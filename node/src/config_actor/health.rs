//! How the keeping of the configuration fares, for `/readyz`, `/cluster` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use weir_cluster::replication::MAX_AHEAD_MS;
use weir_config::NodeId;

use crate::store::StoreError;

/// Shared by all incarnations and whoever shows it. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct ConfigHealth(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    unwritable: Mutex<Option<String>>,
    clock_behind_ms: AtomicU64,
    conflicts: AtomicU64,
    failed_writes: AtomicU64,
    flagged: AtomicU64,
    /// What was last wrong with what a live peer sent.
    flags: Mutex<BTreeMap<NodeId, String>>,
}

// === impl ConfigHealth ===

impl ConfigHealth {
    /// Why the store took no write when it was last tried; `None` while it takes them.
    pub fn unwritable(&self) -> Option<String> {
        self.0.unwritable.lock().clone()
    }

    /// How far this node's clock is behind the newest change, milliseconds, where that is more than a
    /// cluster's clocks may differ. Looked at once a minute.
    pub fn clock_behind_ms(&self) -> Option<u64> {
        Some(self.0.clock_behind_ms.load(Ordering::Relaxed)).filter(|&ms| ms > 0)
    }

    /// Versions found to have lost unseen since the node started.
    pub fn conflicts_found(&self) -> u64 {
        self.0.conflicts.load(Ordering::Relaxed)
    }

    /// Times the store took no write since the node started.
    pub fn failed_writes(&self) -> u64 {
        self.0.failed_writes.load(Ordering::Relaxed)
    }

    /// Times something was wrong with what a peer sent, or with this node's clock, since the node started.
    pub fn flagged(&self) -> u64 {
        self.0.flagged.load(Ordering::Relaxed)
    }

    /// What was last wrong with what each peer sent that is there.
    pub fn flags(&self) -> BTreeMap<NodeId, String> {
        self.0.flags.lock().clone()
    }

    /// Logged when it changes, not at every write that fails.
    pub(super) fn store_is_unwritable(&self, error: &StoreError) {
        self.0.failed_writes.fetch_add(1, Ordering::Relaxed);
        let before = self.0.unwritable.lock().replace(error.to_string());
        if before.is_none() {
            tracing::error!(%error, "changes are refused; calls go on as before");
        }
    }

    pub(super) fn store_is_writable(&self) {
        if self.0.unwritable.lock().take().is_some() {
            tracing::info!("the store takes writes again");
        }
    }

    pub(super) fn note_clock(&self, now_ms: u64, newest_ms: u64) {
        let behind_ms = newest_ms.saturating_sub(now_ms);
        let far = if behind_ms > MAX_AHEAD_MS {
            behind_ms
        } else {
            0
        };
        self.0.clock_behind_ms.store(far, Ordering::Relaxed);
    }

    pub(super) fn count_conflicts(&self, found: u64) {
        self.0.conflicts.fetch_add(found, Ordering::Relaxed);
    }

    /// Counts what is wrong with a node, where that is another thing than the last; whether it is.
    pub(super) fn flag(&self, node: &NodeId, reason: &str) -> bool {
        let mut flags = self.0.flags.lock();
        let new = flags.get(node).is_none_or(|known| known != reason);
        if new {
            self.0.flagged.fetch_add(1, Ordering::Relaxed);
            flags.insert(node.clone(), reason.to_owned());
        }
        new
    }

    pub(super) fn forget_flag(&self, node: &NodeId) {
        self.0.flags.lock().remove(node);
    }
}
