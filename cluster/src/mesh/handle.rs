use std::net::SocketAddr;
use std::sync::Arc;

use actix_rt::{Arbiter, ArbiterHandle};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use weir_config::NodeId;

use super::ask::{AskPort, Asks};
use super::client::MeshClient;
use super::cut::Cut;
use super::identity::Identity;
use super::links::{INBOUND_FRAMES, Links, MAX_PEERS};
use super::peer::PeerCounters;
use super::{MeshError, dial};

/// Who this node is on the mesh.
#[derive(Clone, Debug)]
pub struct MeshConfig {
    /// The same on every node of a cluster; others are refused.
    pub cluster: String,
    pub node: NodeId,
    /// Where others dial this node: `mesh.advertise`, or the address the mesh port is bound to.
    pub mesh_addr: SocketAddr,
    /// Weir's version, for people.
    pub version: String,
}

/// A gossip frame from a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inbound {
    /// The peer's mesh address, as announced or dialled.
    pub from: SocketAddr,
    pub frame: Bytes,
}

/// The mesh of this node. Clones are the same mesh; it stops when asked to, or with the process.
#[derive(Clone, Debug)]
pub struct MeshHandle {
    pub(super) links: Arc<Links>,
    pub(super) config: Arc<MeshConfig>,
    pub(super) asks: Arc<Asks>,
    inbound: Arc<Mutex<Option<mpsc::Receiver<Inbound>>>>,
    arbiter: ArbiterHandle,
}

// === impl MeshHandle ===

impl MeshHandle {
    /// Starts the mesh's thread, on which all dialled connections live. Needs a running actix system.
    pub fn start(config: MeshConfig) -> Result<MeshHandle, MeshError> {
        let (inbound_tx, inbound_rx) = mpsc::channel(INBOUND_FRAMES);
        let (undialled_tx, undialled_rx) = mpsc::channel(MAX_PEERS);
        let me = Identity {
            cluster: config.cluster.clone(),
            node: config.node.clone(),
            mesh_addr: config.mesh_addr,
        };
        let links = Arc::new(Links::new(me, inbound_tx, undialled_tx));
        let arbiter = Arbiter::try_new().map_err(MeshError::Thread)?;
        let dialling = links.clone();
        arbiter.spawn_fn(move || {
            actix_rt::spawn(dial::run(dialling, undialled_rx));
        });
        Ok(MeshHandle {
            links,
            config: Arc::new(config),
            asks: Arc::default(),
            inbound: Arc::new(Mutex::new(Some(inbound_rx))),
            arbiter: arbiter.handle(),
        })
    }

    /// Queues a gossip frame to the peer at this mesh address. Never waits; what cannot go is dropped
    /// and counted.
    pub fn send(&self, to: SocketAddr, frame: Bytes) {
        self.links.send(to, frame);
    }

    /// The frames from all peers; one taker.
    pub fn take_inbound(&self) -> Option<mpsc::Receiver<Inbound>> {
        self.inbound.lock().take()
    }

    /// Answers a question of other nodes from now on: `GET /mesh/v1/ask/{what}`.
    pub fn answer(&self, what: &'static str, port: impl AskPort) {
        self.asks.answer(what, Arc::new(port));
    }

    /// A client for requests to other nodes. It is not `Send`: make it on the thread that uses it.
    pub fn client(&self) -> MeshClient {
        MeshClient::new(self.clone())
    }

    /// The switch that cuts this node off.
    pub fn cut(&self) -> &Cut {
        &self.links.cut
    }

    /// What has passed to and from each peer, by mesh address.
    pub fn counters(&self) -> Vec<(SocketAddr, PeerCounters)> {
        self.links.counters()
    }

    /// Frames dropped because membership did not keep up.
    pub fn inbound_dropped(&self) -> u64 {
        self.links.inbound_dropped()
    }

    /// Ends the mesh's thread and every connection this node dialled.
    pub fn stop(&self) {
        self.arbiter.stop();
    }
}
