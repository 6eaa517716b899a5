use std::sync::Arc;

use parking_lot::RwLock;
use weir_cluster::trust::{Authority, AuthorityId};

/// The authorities whose keys this node has: empty on most nodes. Clones are the same; never shown.
#[derive(Clone, Debug, Default)]
pub struct AuthorityKeys(Arc<RwLock<Vec<Arc<Authority>>>>);

// === impl AuthorityKeys ===

impl AuthorityKeys {
    pub fn new(held: impl IntoIterator<Item = Authority>) -> Self {
        let held = held.into_iter().map(Arc::new).collect();
        AuthorityKeys(Arc::new(RwLock::new(held)))
    }

    pub fn all(&self) -> Vec<Arc<Authority>> {
        self.0.read().clone()
    }

    /// The authority with its key, where this node has it; `id` in hexadecimal digits.
    pub fn get(&self, id: &str) -> Option<Arc<Authority>> {
        let held = self.0.read();
        held.iter()
            .find(|authority| authority.id().to_string() == id)
            .cloned()
    }

    pub fn add(&self, authority: Authority) {
        let mut held = self.0.write();
        if held.iter().all(|known| known.id() != authority.id()) {
            held.push(Arc::new(authority));
        }
    }

    pub fn remove(&self, id: &AuthorityId) {
        self.0.write().retain(|authority| authority.id() != *id);
    }
}
