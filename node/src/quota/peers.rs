//! What other nodes say of the gateways' packages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use weir_cluster::ledger::{Entry, GatewayRow, Incarnation};
use weir_cluster::membership::RowChange;
use weir_config::NodeId;

/// The newest rows of other nodes, by gateway.
#[derive(Debug, Default)]
pub(super) struct PeerRows {
    by_key: HashMap<String, BTreeMap<NodeId, GatewayRow>>,
    live: BTreeSet<NodeId>,
    /// Whose an incarnation is: the first that said so. A node that speaks as another's would use up what that one
    /// gives.
    owners: HashMap<Incarnation, NodeId>,
}

/// The most incarnations whose owner is remembered; later ones are taken for whoever says so.
const OWNERS_MAX: usize = 16_384;

/// Peers' entries of one resource, as a ledger's turn takes them.
pub(super) type Entries<'a> = Vec<(Incarnation, &'a Entry)>;

// === impl PeerRows ===

impl PeerRows {
    /// Takes a change in; the row as it is now. What cannot be read is as if it were not there.
    pub fn take(&mut self, change: &RowChange) -> Option<&GatewayRow> {
        let row = change.value.as_deref().map(GatewayRow::decode);
        if let Some(Err(error)) = &row {
            tracing::debug!(node = %change.node, key = change.key, %error, "a row is not taken");
        }
        let row = row.and_then(Result::ok).filter(|row| {
            let owned = self.owns(&change.node, row.incarnation);
            if !owned {
                tracing::warn!(node = %change.node, key = change.key, "a row that names another node's incarnation is not taken");
            }
            owned
        });
        let Some(row) = row else {
            if let Some(rows) = self.by_key.get_mut(&change.key) {
                rows.remove(&change.node);
                if rows.is_empty() {
                    self.by_key.remove(&change.key);
                }
            }
            return None;
        };
        let rows = self.by_key.entry(change.key.clone()).or_default();
        rows.insert(change.node.clone(), row);
        rows.get(&change.node)
    }

    fn owns(&mut self, node: &NodeId, incarnation: Incarnation) -> bool {
        if let Some(owner) = self.owners.get(&incarnation) {
            return owner == node;
        }
        if self.owners.len() < OWNERS_MAX {
            self.owners.insert(incarnation, node.clone());
        }
        true
    }

    /// Who is there now.
    pub fn set_live(&mut self, live: BTreeSet<NodeId>) {
        self.live = live;
    }

    pub fn any_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// The rows of a gateway by nodes that are there, for bytes and for requests.
    pub fn entries(&self, key: &str) -> (Entries<'_>, Entries<'_>) {
        let (mut bytes, mut requests) = (Vec::new(), Vec::new());
        for (node, row) in self.by_key.get(key).into_iter().flatten() {
            if !self.live.contains(node) {
                continue;
            }
            if let Some(entry) = &row.bytes {
                bytes.push((row.incarnation, entry));
            }
            if let Some(entry) = &row.requests {
                requests.push((row.incarnation, entry));
            }
        }
        (bytes, requests)
    }

    pub fn is_live(&self, node: &NodeId) -> bool {
        self.live.contains(node)
    }
}
