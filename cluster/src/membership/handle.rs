use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chitchat::ChitchatId;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::timeout;
use weir_config::digest::Buckets;
use weir_config::{NodeId, Stamp};

use super::frame::{REFUSALS, Refusal};
use super::guard::Guard;
use super::keys;
use super::rows::{self, MAX_ROWS, RowChange, RowChanges};
use super::runner::Runner;
use super::transport::{Carrier, Gate, MeshTransport};
use super::view::{ClusterView, NodeView, TrustShown};
use crate::mesh::{Inbound, MeshError, MeshHandle};

/// Authorities that are told of: a rotation has two.
const TRUST_NAMES: usize = 3;
/// Time for a leaving node's word to reach its peers, and for gossip to stop.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// What this node says of itself, and whom it joins.
#[derive(Clone, Debug)]
pub struct MembershipConfig {
    pub cluster: String,
    pub node: NodeId,
    pub region: String,
    pub version: String,
    /// Where others dial this node, as in the mesh's own configuration.
    pub mesh_addr: SocketAddr,
    /// Mesh addresses, `host:port`, of nodes to join. Empty: this node begins a cluster.
    pub seeds: Vec<String>,
    /// 100 to 250 ms; a dead node is noticed in about ten.
    pub gossip_interval: Duration,
    pub admin: Option<SocketAddr>,
    pub link_http: Option<SocketAddr>,
    pub link_https: Option<SocketAddr>,
}

/// Starts membership.
pub struct Membership;

/// The membership of this node. Clones are the same; when the last is dropped the node leaves.
#[derive(Clone, Debug)]
pub struct MembershipHandle {
    pub(super) desired: Arc<Desired>,
    view: watch::Receiver<Arc<ClusterView>>,
    rows: Arc<RowChanges>,
    leave: mpsc::Sender<oneshot::Sender<()>>,
    counts: Arc<Counts>,
}

/// What went wrong since the node started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MembershipCounters {
    /// Frames from peers that were no gossip.
    pub invalid_frames: u64,
    /// Times gossip died and was started anew.
    pub respawns: u64,
}

/// What gossip refused since the node started. Clones are the same.
#[derive(Clone, Debug)]
pub struct GossipCounts(Arc<Counts>);

#[derive(Debug, Default)]
pub(super) struct Counts {
    invalid_frames: AtomicU64,
    respawns: AtomicU64,
    refused: [AtomicU64; REFUSALS.len()],
}

/// The keys this node is to publish, in whichever incarnation.
#[derive(Debug, Default)]
pub(super) struct Desired {
    keys: Mutex<Keys>,
    /// Something is to be told the peers at once.
    pub changed: Notify,
    /// Something is to go with the next round of gossip.
    pub changed_quietly: Notify,
}

#[derive(Debug, Default)]
struct Keys {
    values: BTreeMap<String, String>,
    /// Keys that were set or taken away since [`Desired::take_changes`].
    changed: BTreeSet<String>,
    rows: usize,
    push: Push,
}

/// Whom the next push is for.
#[derive(Debug, Default)]
pub(super) struct Push {
    pub all: bool,
    /// Beside that, these.
    pub nodes: BTreeSet<NodeId>,
}

// === impl Membership ===

impl Membership {
    /// Joins the cluster over the mesh. Returns at once; runs on the current tokio runtime.
    pub fn start(
        config: MembershipConfig,
        mesh: MeshHandle,
    ) -> Result<MembershipHandle, MeshError> {
        let inbound = mesh.take_inbound().ok_or(MeshError::Stopped)?;
        Ok(Membership::start_over(config, Arc::new(mesh), inbound))
    }

    /// The same over whatever carries frames.
    pub(super) fn start_over(
        config: MembershipConfig,
        mesh: Arc<dyn Carrier>,
        inbound: mpsc::Receiver<Inbound>,
    ) -> MembershipHandle {
        let (view_tx, view) = watch::channel(Arc::new(alone(&config)));
        let (leave, leave_rx) = mpsc::channel(1);
        let counts = Arc::new(Counts::default());
        let desired = Arc::new(Desired::default());
        desired.set(own_keys(&config));
        let rows = Arc::new(RowChanges::default());
        let me = ChitchatId::new(config.node.as_str(), 0, config.mesh_addr);
        let guard = Guard::new(me, config.cluster.clone(), mesh.trust().clone());
        let transport = MeshTransport {
            mesh,
            inbound: Arc::new(tokio::sync::Mutex::new(inbound)),
            counts: counts.clone(),
            blame: Arc::default(),
            gate: Arc::new(Gate::new(guard)),
        };
        let runner = Runner::new(
            config,
            transport,
            desired.clone(),
            counts.clone(),
            view_tx,
            rows.clone(),
            leave_rx,
        );
        tokio::spawn(runner.run());
        MembershipHandle {
            desired,
            view,
            rows,
            leave,
            counts,
        }
    }
}

/// The view before anyone has been met.
fn alone(config: &MembershipConfig) -> ClusterView {
    ClusterView {
        me: config.node.clone(),
        nodes: vec![NodeView {
            region: config.region.clone(),
            live: true,
            admin: config.admin,
            link_http: config.link_http,
            link_https: config.link_https,
            version: config.version.clone(),
            ..NodeView::new(config.node.clone(), config.mesh_addr)
        }],
    }
}

fn own_keys(config: &MembershipConfig) -> Vec<(String, String)> {
    let addresses = [
        (keys::ADMIN, config.admin),
        (keys::LINK_HTTP, config.link_http),
        (keys::LINK_HTTPS, config.link_https),
    ];
    let mut own = vec![
        (keys::REGION.to_owned(), config.region.clone()),
        (keys::VERSION.to_owned(), config.version.clone()),
    ];
    let addresses = addresses
        .into_iter()
        .filter_map(|(key, addr)| Some((key, addr?)));
    own.extend(addresses.map(|(key, addr)| (key.to_owned(), addr.to_string())));
    own
}

// === impl MembershipHandle ===

impl MembershipHandle {
    /// The cluster as this node sees it, now and whenever something visible changes.
    pub fn view(&self) -> watch::Receiver<Arc<ClusterView>> {
        self.view.clone()
    }

    /// Publishes what configuration this node has, and gossips at once with its live peers: the digests of
    /// all its versions, the root digest of those in force, the newest stamp.
    pub fn publish_config(&self, buckets: &Buckets, newest_root: &str, newest: Option<&Stamp>) {
        self.desired
            .set(keys::config_keys(buckets, newest_root, newest));
    }

    /// Publishes whose certificate this node has, whom it believes and whose keys it has: the first three of each.
    pub fn publish_trust(&self, shown: &TrustShown) {
        let names = |names: &[String]| {
            let told = &names[..names.len().min(TRUST_NAMES)];
            told.join(",")
        };
        let keys = [
            (keys::CERTIFIED_BY, shown.certified_by.clone()),
            (keys::TRUSTS, names(&shown.trusts)),
            (keys::ISSUES, names(&shown.issues)),
        ];
        if self.desired.differs(&keys) {
            self.desired
                .set(keys.map(|(key, value)| (key.to_owned(), value)));
        }
    }

    /// Publishes rows of the package ledger: keys `mint`, `plan` and `q.…`; `None` takes a key away. With
    /// `push` this node gossips with its live peers at once, without it the rows go with the next round.
    ///
    /// Left out, with a word in the log, is what no peer would read: other keys, values that are too long
    /// ([`ROW_MAX_BYTES`](super::ROW_MAX_BYTES)) or not visible ASCII, and keys beyond [`MAX_ROWS`].
    pub fn publish_rows(
        &self,
        changes: impl IntoIterator<Item = (String, Option<String>)>,
        push: bool,
    ) {
        self.desired.set_rows(changes);
        match push {
            true => self.desired.push(None),
            false => self.desired.changed_quietly.notify_one(),
        }
    }

    /// Gossips at once with these nodes, as far as they are live: for rows that are for them alone.
    pub fn push_to(&self, nodes: impl IntoIterator<Item = NodeId>) {
        self.desired.push(Some(nodes.into_iter().collect()));
    }

    /// What other nodes' rows have changed to since this was last asked, of each row the newest. Rows are
    /// those of a node's newest incarnation; a dead node's stay until it is forgotten.
    pub fn take_rows(&self) -> Vec<RowChange> {
        self.rows.take()
    }

    /// Tells the peers that this node stops, then stops gossiping. Takes at most two seconds.
    pub async fn leave(&self) {
        let (done, left) = oneshot::channel();
        if self.leave.send(done).await.is_ok() {
            let _ = timeout(LEAVE_TIMEOUT, left).await;
        }
    }

    /// How often frames of gossip, or parts of them, were refused, by the names of the reasons.
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        self.counts().refused()
    }

    /// The same, for whoever is to know no more.
    pub fn counts(&self) -> GossipCounts {
        GossipCounts(self.counts.clone())
    }

    pub fn counters(&self) -> MembershipCounters {
        MembershipCounters {
            invalid_frames: self.counts.invalid_frames.load(Ordering::Relaxed),
            respawns: self.counts.respawns(),
        }
    }
}

// === impl GossipCounts ===

impl GossipCounts {
    /// How often frames of gossip, or parts of them, were refused, by the names of the reasons.
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        let count = |why: Refusal| self.0.refused[why as usize].load(Ordering::Relaxed);
        let all = REFUSALS.into_iter();
        all.map(|why| (why.name(), count(why))).collect()
    }
}

// === impl Counts ===

impl Counts {
    pub fn invalid_frame(&self) {
        self.invalid_frames.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refuse(&self, why: Refusal) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn respawns(&self) -> u64 {
        self.respawns.load(Ordering::Relaxed)
    }

    /// Counts a respawn; how many there were.
    pub fn respawn(&self) -> u64 {
        self.respawns.fetch_add(1, Ordering::Relaxed) + 1
    }
}

// === impl Desired ===

impl Desired {
    pub fn set(&self, keys: impl IntoIterator<Item = (String, String)>) {
        let mut known = self.keys.lock();
        for (key, value) in keys {
            known.set(key, Some(value));
        }
        drop(known);
        self.push(None);
    }

    /// Whether any of these is not what is published.
    pub fn differs(&self, keys: &[(&str, String)]) -> bool {
        let known = self.keys.lock();
        keys.iter()
            .any(|(key, value)| known.values.get(*key) != Some(value))
    }

    /// Asks for a push to these nodes, or to all.
    fn push(&self, nodes: Option<BTreeSet<NodeId>>) {
        let push = &mut self.keys.lock().push;
        match nodes {
            Some(nodes) => push.nodes.extend(nodes),
            None => push.all = true,
        }
        self.changed.notify_one();
    }

    /// Whom the push is for that was asked for.
    pub fn take_push(&self) -> Push {
        std::mem::take(&mut self.keys.lock().push)
    }

    fn set_rows(&self, changes: impl IntoIterator<Item = (String, Option<String>)>) {
        let mut known = self.keys.lock();
        for (key, value) in changes {
            let legal = value
                .as_ref()
                .is_none_or(|value| rows::is_legal(&key, value));
            let new = value.is_some() && !known.values.contains_key(&key);
            if !rows::is_row(&key) || !legal || new && known.rows >= MAX_ROWS {
                tracing::error!(key, "a row that no peer would read is not published");
                continue;
            }
            known.set(key, value);
        }
    }

    /// Rows that say something.
    pub fn rows(&self) -> usize {
        self.keys.lock().rows
    }

    /// All keys, for an incarnation that begins: no change of them is still to be told.
    pub fn begin(&self) -> Vec<(String, String)> {
        let mut keys = self.keys.lock();
        keys.changed.clear();
        keys.values
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// What was set or taken away since this was last asked.
    pub fn take_changes(&self) -> Vec<(String, Option<String>)> {
        let mut keys = self.keys.lock();
        let changed = std::mem::take(&mut keys.changed);
        let value = |key: String| {
            let value = keys.values.get(&key).cloned();
            (key, value)
        };
        changed.into_iter().map(value).collect()
    }
}

// === impl Keys ===

impl Keys {
    fn set(&mut self, key: String, value: Option<String>) {
        if self.values.get(&key) == value.as_ref() {
            return;
        }
        let row = usize::from(rows::is_row(&key));
        let before = match value {
            Some(value) => self.values.insert(key.clone(), value),
            None => self.values.remove(&key),
        };
        let there = usize::from(self.values.contains_key(&key));
        self.rows = self.rows + row * there - row * usize::from(before.is_some());
        self.changed.insert(key);
    }
}
