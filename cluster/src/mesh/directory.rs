use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use parking_lot::RwLock;
use weir_config::NodeId;

/// Which live node is dialled where, as membership says: so that a certificate of the cluster is not enough to be
/// somebody else.
#[derive(Debug, Default)]
pub(super) struct Directory(RwLock<HashMap<SocketAddr, BTreeSet<NodeId>>>);

// === impl Directory ===

impl Directory {
    /// Takes the place of what was known.
    pub fn set(&self, live: impl IntoIterator<Item = (NodeId, SocketAddr)>) {
        let mut known: HashMap<SocketAddr, BTreeSet<NodeId>> = HashMap::new();
        for (node, addr) in live {
            known.entry(addr).or_default().insert(node);
        }
        *self.0.write() = known;
    }

    /// Whether this node may be the one at this address: it is expected there, or nobody who lives is.
    pub fn may_be(&self, addr: SocketAddr, node: &NodeId) -> bool {
        let known = self.0.read();
        known.get(&addr).is_none_or(|nodes| nodes.contains(node))
    }

    /// Whether a live node is dialled there.
    pub fn knows(&self, addr: SocketAddr) -> bool {
        self.0.read().contains_key(&addr)
    }

    /// The node expected at an address, for people.
    pub fn name(&self, addr: SocketAddr) -> String {
        let known = self.0.read();
        let node = known.get(&addr).and_then(|nodes| nodes.first());
        node.map_or_else(|| addr.to_string(), |node| format!("{node} ({addr})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_live_node_that_is_dialled_there() {
        let (n1, n2): (NodeId, NodeId) = ("n1".parse().unwrap(), "n2".parse().unwrap());
        let addr: SocketAddr = "127.0.0.1:7001".parse().unwrap();
        let directory = Directory::default();
        assert!(directory.may_be(addr, &n1) && !directory.knows(addr));
        directory.set([(n1.clone(), addr)]);
        assert!(directory.may_be(addr, &n1) && !directory.may_be(addr, &n2));
        assert!(directory.knows(addr) && directory.name(addr).starts_with("n1 "));
        directory.set([]);
        assert!(directory.may_be(addr, &n2));
    }
}
