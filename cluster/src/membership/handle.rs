use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::timeout;
use weir_config::digest::Buckets;
use weir_config::{NodeId, Stamp};

use super::keys;
use super::runner::Runner;
use super::transport::MeshTransport;
use super::view::{ClusterView, NodeView};
use crate::mesh::{MeshError, MeshHandle};

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

#[derive(Debug, Default)]
pub(super) struct Counts {
    invalid_frames: AtomicU64,
    respawns: AtomicU64,
}

/// The keys this node is to publish, in whichever incarnation.
#[derive(Debug, Default)]
pub(super) struct Desired {
    keys: Mutex<BTreeMap<String, String>>,
    pub changed: Notify,
}

// === impl Membership ===

impl Membership {
    /// Joins the cluster over the mesh. Returns at once; runs on the current tokio runtime.
    pub fn start(
        config: MembershipConfig,
        mesh: MeshHandle,
    ) -> Result<MembershipHandle, MeshError> {
        let inbound = mesh.take_inbound().ok_or(MeshError::Stopped)?;
        let (view_tx, view) = watch::channel(Arc::new(alone(&config)));
        let (leave, leave_rx) = mpsc::channel(1);
        let counts = Arc::new(Counts::default());
        let desired = Arc::new(Desired::default());
        desired.set(own_keys(&config));
        let transport = MeshTransport {
            mesh,
            inbound: Arc::new(tokio::sync::Mutex::new(inbound)),
            counts: counts.clone(),
            blame: Arc::default(),
        };
        let runner = Runner::new(
            config,
            transport,
            desired.clone(),
            counts.clone(),
            view_tx,
            leave_rx,
        );
        tokio::spawn(runner.run());
        Ok(MembershipHandle {
            desired,
            view,
            leave,
            counts,
        })
    }
}

/// The view before anyone has been met.
fn alone(config: &MembershipConfig) -> ClusterView {
    ClusterView {
        me: config.node.clone(),
        nodes: vec![NodeView {
            id: config.node.clone(),
            region: config.region.clone(),
            mesh_addr: config.mesh_addr,
            live: true,
            leaving: false,
            generation: 0,
            config_root: None,
            config_buckets: None,
            newest: None,
            admin: config.admin,
            link_http: config.link_http,
            link_https: config.link_https,
            version: config.version.clone(),
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

    /// Tells the peers that this node stops, then stops gossiping. Takes at most two seconds.
    pub async fn leave(&self) {
        let (done, left) = oneshot::channel();
        if self.leave.send(done).await.is_ok() {
            let _ = timeout(LEAVE_TIMEOUT, left).await;
        }
    }

    pub fn counters(&self) -> MembershipCounters {
        MembershipCounters {
            invalid_frames: self.counts.invalid_frames.load(Ordering::Relaxed),
            respawns: self.counts.respawns.load(Ordering::Relaxed),
        }
    }
}

// === impl Counts ===

impl Counts {
    pub fn invalid_frame(&self) {
        self.invalid_frames.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a respawn; how many there were.
    pub fn respawn(&self) -> u64 {
        self.respawns.fetch_add(1, Ordering::Relaxed) + 1
    }
}

// === impl Desired ===

impl Desired {
    pub fn set(&self, keys: impl IntoIterator<Item = (String, String)>) {
        self.keys.lock().extend(keys);
        self.changed.notify_one();
    }

    pub fn keys(&self) -> Vec<(String, String)> {
        let keys = self.keys.lock();
        keys.iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}
