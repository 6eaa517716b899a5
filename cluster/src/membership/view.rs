use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use chitchat::{Chitchat, ChitchatId, NodeState};
use weir_config::digest::Buckets;
use weir_config::{NodeId, Stamp};

use super::keys;
use super::rows::{KnownRows, RowChange};
use super::signed::payload;

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
    pub trust: TrustShown,
}

/// What a node says of its certificate and its authorities, each by its short name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustShown {
    /// Who issued its certificate; empty until it has said so.
    pub certified_by: String,
    /// Whose certificates it believes. Three at most are told.
    pub trusts: Vec<String>,
    /// Whose keys it has.
    pub issues: Vec<String>,
}

// === impl NodeView ===

impl NodeView {
    /// A node of which nothing is known but where it is dialled: not live, no keys heard.
    pub fn new(id: NodeId, mesh_addr: SocketAddr) -> Self {
        NodeView {
            id,
            region: String::new(),
            mesh_addr,
            live: false,
            leaving: false,
            generation: 0,
            config_root: None,
            config_buckets: None,
            newest: None,
            admin: None,
            link_http: None,
            link_https: None,
            version: String::new(),
            trust: TrustShown::default(),
        }
    }
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
    read: BTreeMap<NodeId, Known>,
    /// Rows of other nodes that changed, not yet taken.
    rows: Vec<RowChange>,
    /// Something is different from the view that was given out last.
    changed: bool,
}

/// A node's newest incarnation, as it was read.
struct Known {
    id: ChitchatId,
    view: NodeView,
    rows: KnownRows,
}

/// What a look at chitchat's state brought.
pub(super) struct Look {
    /// Where it differs from the one before.
    pub view: Option<ClusterView>,
    /// The generation of a dead incarnation of this very node that is higher than its own.
    pub outranked: Option<u64>,
    pub rows: Vec<RowChange>,
}

// === impl Viewer ===

impl Viewer {
    pub fn new(me: NodeId, generation: u64) -> Self {
        Viewer {
            me,
            generation,
            read: BTreeMap::new(),
            rows: Vec::new(),
            changed: true,
        }
    }

    /// Reads what has changed.
    pub fn look(&mut self, chitchat: &Chitchat) -> Look {
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

        let forgotten: Vec<NodeId> = self
            .read
            .keys()
            .filter(|node| !newest.contains_key(*node))
            .cloned()
            .collect();
        for node in forgotten {
            self.end(&node);
        }
        for (node, (id, state)) in newest {
            self.read_node(node, id, state, live.contains(id));
        }
        let view = std::mem::take(&mut self.changed).then(|| ClusterView {
            me: self.me.clone(),
            nodes: self.read.values().map(|known| known.view.clone()).collect(),
        });
        Look {
            view,
            outranked,
            rows: std::mem::take(&mut self.rows),
        }
    }

    fn read_node(&mut self, node: NodeId, id: &ChitchatId, state: &NodeState, live: bool) {
        if self.read.get(&node).is_some_and(|known| known.id != *id) {
            self.end(&node);
        }
        let mine = node == self.me;
        let known = match self.read.get_mut(&node) {
            Some(known) => {
                let read = known.rows.read(state);
                if read.others {
                    let view = read_view(node, id, state);
                    let known_live = std::mem::replace(&mut known.view, view).live;
                    known.view.live = known_live;
                    self.changed = true;
                }
                if !mine {
                    self.rows.extend(read.rows);
                }
                known
            }
            None => {
                let mut rows = KnownRows::new(node.clone(), id);
                let read = rows.read(state);
                if !mine {
                    self.rows.extend(read.rows);
                }
                self.changed = true;
                let known = Known {
                    id: id.clone(),
                    view: read_view(node.clone(), id, state),
                    rows,
                };
                self.read.entry(node).or_insert(known)
            }
        };
        self.changed |= known.view.live != live;
        known.view.live = live;
    }

    /// Forgets an incarnation, and says that its rows are gone.
    fn end(&mut self, node: &NodeId) {
        if let Some(known) = self.read.remove(node) {
            self.changed = true;
            if *node != self.me {
                self.rows.extend(known.rows.end());
            }
        }
    }
}

fn read_view(node: NodeId, id: &ChitchatId, state: &NodeState) -> NodeView {
    let said = |key: &str| state.get(key).and_then(payload);
    let text = |key: &str| keys::read_text(said(key));
    let addr = |key: &str| text(key).and_then(|text| text.parse().ok());
    NodeView {
        id: node,
        region: text(keys::REGION).unwrap_or_default().to_owned(),
        mesh_addr: id.gossip_advertise_addr,
        live: false,
        leaving: text(keys::LEAVING) == Some("true"),
        generation: id.generation_id,
        config_root: keys::read_root(said(keys::ROOT)),
        config_buckets: keys::read_buckets(said),
        newest: text(keys::NEWEST).and_then(|text| text.parse().ok()),
        admin: addr(keys::ADMIN),
        link_http: addr(keys::LINK_HTTP),
        link_https: addr(keys::LINK_HTTPS),
        version: text(keys::VERSION).unwrap_or_default().to_owned(),
        trust: TrustShown {
            certified_by: text(keys::CERTIFIED_BY).unwrap_or_default().to_owned(),
            trusts: keys::read_names(said(keys::TRUSTS)),
            issues: keys::read_names(said(keys::ISSUES)),
        },
    }
}
