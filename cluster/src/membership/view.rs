use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use chitchat::{Chitchat, ChitchatId, NodeState, Version};
use weir_config::digest::Buckets;
use weir_config::{NodeId, Stamp};

use super::keys;

/// The cluster as this node sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterView {
    pub me: NodeId,
    /// One per node id, this node too, sorted by id. Dead nodes stay listed until they are forgotten.
    pub nodes: Vec<NodeView>,
}

/// One node, by its newest incarnation.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeView {
    pub id: NodeId,
    /// Empty until the node's keys have arrived.
    pub region: String,
    pub mesh_addr: SocketAddr,
    pub live: bool,
    /// It said that it stops.
    pub leaving: bool,
    /// Grows with every start of the node: milliseconds since 1970-01-01 UTC of the start.
    pub generation: u64,
    /// The root digest of what is in force there: nodes with the same agree.
    pub config_root: Option<String>,
    /// The digests of all versions it retains.
    pub config_buckets: Option<Buckets>,
    pub newest: Option<Stamp>,
    pub admin: Option<SocketAddr>,
    pub link_http: Option<SocketAddr>,
    pub link_https: Option<SocketAddr>,
    pub version: String,
}

// === impl ClusterView ===

impl ClusterView {
    pub fn node(&self, id: &NodeId) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The other nodes that are live.
    pub fn live_peers(&self) -> impl Iterator<Item = &NodeView> {
        self.nodes
            .iter()
            .filter(|node| node.live && node.id != self.me)
    }
}

/// Turns chitchat's state into views; keeps what it read of nodes that have not changed.
pub(super) struct Viewer {
    me: NodeId,
    generation: u64,
    read: HashMap<ChitchatId, (Version, NodeView)>,
}

// === impl Viewer ===

impl Viewer {
    pub fn new(me: NodeId, generation: u64) -> Self {
        Viewer {
            me,
            generation,
            read: HashMap::new(),
        }
    }

    /// The view now, and the generation of a dead incarnation of this very node that is higher than its
    /// own, where there is one.
    pub fn look(&mut self, chitchat: &Chitchat) -> (ClusterView, Option<u64>) {
        let live: HashSet<&ChitchatId> = chitchat.live_nodes().collect();
        // A restarted node has two incarnations until the old one is collected: the newest speaks.
        let mut newest: BTreeMap<NodeId, (&ChitchatId, &NodeState)> = BTreeMap::new();
        for (id, state) in chitchat.node_states() {
            let Ok(node) = id.node_id.parse::<NodeId>() else {
                continue;
            };
            let known = newest.get(&node).map(|(known, _)| known.generation_id);
            if known.is_none_or(|known| known < id.generation_id) {
                newest.insert(node, (id, state));
            }
        }
        let above = |(id, _): &&(&ChitchatId, &NodeState)| id.generation_id > self.generation;
        let outranked = newest.get(&self.me).filter(above).map(|(id, _)| *id);
        let outranked = outranked
            .filter(|id| !live.contains(id))
            .map(|id| id.generation_id);

        let mut read = HashMap::with_capacity(newest.len());
        for (node, (id, state)) in newest {
            let version = state.max_version();
            let mut view = match self.read.remove(id) {
                Some((known, view)) if known == version => view,
                _ => read_node(node, id, state),
            };
            view.live = live.contains(id);
            read.insert(id.clone(), (version, view));
        }
        self.read = read;
        let mut nodes: Vec<NodeView> = self.read.values().map(|(_, view)| view.clone()).collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        let view = ClusterView {
            me: self.me.clone(),
            nodes,
        };
        (view, outranked)
    }
}

fn read_node(node: NodeId, id: &ChitchatId, state: &NodeState) -> NodeView {
    let text = |key: &str| keys::read_text(state.get(key));
    let addr = |key: &str| text(key).and_then(|text| text.parse().ok());
    NodeView {
        id: node,
        region: text(keys::REGION).unwrap_or_default().to_owned(),
        mesh_addr: id.gossip_advertise_addr,
        live: false,
        leaving: text(keys::LEAVING) == Some("true"),
        generation: id.generation_id,
        config_root: keys::read_root(state.get(keys::ROOT)),
        config_buckets: keys::read_buckets(|key| state.get(key)),
        newest: text(keys::NEWEST).and_then(|text| text.parse().ok()),
        admin: addr(keys::ADMIN),
        link_http: addr(keys::LINK_HTTP),
        link_https: addr(keys::LINK_HTTPS),
        version: text(keys::VERSION).unwrap_or_default().to_owned(),
    }
}
