//! The other nodes of the cluster, remembered over a restart: a node that began the cluster has no seeds, and
//! must neither wait to be found nor take itself for a cluster of one.

use weir_cluster::membership::ClusterView;

use crate::store::{Store, StoreError};

/// The fact in the store that lists the mesh addresses of the others, separated by commas.
pub(super) const MEMBERS: &str = "members";
/// Addresses remembered; any one of them is enough to find the rest.
const MAX_MEMBERS: usize = 32;

/// What was noted of the others last.
#[derive(Debug, Default)]
pub(super) struct Members {
    noted: Option<String>,
}

/// The mesh addresses of the nodes that this one was in a cluster with when it ran last.
pub fn remembered_members(store: &Store) -> Result<Vec<String>, StoreError> {
    let members = store.fact(MEMBERS)?.unwrap_or_default();
    let addresses = members.split(',').filter(|address| !address.is_empty());
    Ok(addresses.map(str::to_owned).collect())
}

// === impl Members ===

impl Members {
    /// What to note now, where that differs from what was noted last. A node that has not seen anyone since
    /// its start does not forget whom it knew.
    pub fn changed(&mut self, view: &ClusterView) -> Option<String> {
        let others = view.nodes.iter().filter(|node| node.id != view.me);
        let members = others.filter(|node| !node.leaving);
        let addresses: Vec<String> = members
            .map(|node| node.mesh_addr.to_string())
            .take(MAX_MEMBERS)
            .collect();
        let now = addresses.join(",");
        let unseen = self.noted.is_none() && now.is_empty();
        if unseen || self.noted.as_ref() == Some(&now) {
            return None;
        }
        self.noted = Some(now.clone());
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use weir_cluster::membership::NodeView;

    use super::*;

    fn view(others: &[&str]) -> ClusterView {
        let node = |addr: &&str| NodeView {
            region: "shanghai".to_owned(),
            live: true,
            ..NodeView::new(
                format!("n{}", addr.len()).parse().unwrap(),
                addr.parse().unwrap(),
            )
        };
        ClusterView {
            me: "me".parse().unwrap(),
            nodes: others.iter().map(node).collect(),
        }
    }

    #[test]
    fn whom_a_node_knew_is_forgotten_only_after_it_has_seen_others() {
        let mut members = Members::default();
        assert_eq!(members.changed(&view(&[])), None);
        let both = view(&["127.0.0.1:7001", "127.0.0.1:70"]);
        let noted = Some("127.0.0.1:7001,127.0.0.1:70".to_owned());
        assert_eq!(members.changed(&both), noted);
        assert_eq!(members.changed(&both), None);
        assert_eq!(members.changed(&view(&[])), Some(String::new()));
    }
}
