use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

/// A switch that drops this node's mesh traffic both ways, as a broken network would: for `cut` and
/// `heal` of `scripts/cluster.sh`, and for tests. Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    all: Arc<AtomicBool>,
    peers: Arc<RwLock<HashSet<SocketAddr>>>,
}

// === impl Cut ===

impl Cut {
    /// Cuts this node off from every other.
    pub fn cut_all(&self) {
        self.all.store(true, Ordering::Release);
    }

    /// Cuts this node off from the one at this mesh address.
    pub fn cut(&self, peer: SocketAddr) {
        self.peers.write().insert(peer);
    }

    /// Joins everything again.
    pub fn heal(&self) {
        self.all.store(false, Ordering::Release);
        self.peers.write().clear();
    }

    pub fn is_cut(&self, peer: SocketAddr) -> bool {
        self.all.load(Ordering::Acquire) || self.peers.read().contains(&peer)
    }
}
