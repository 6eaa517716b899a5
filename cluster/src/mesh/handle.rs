use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix_rt::{Arbiter, ArbiterHandle};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use weir_config::NodeId;

use super::ask::{AskPort, Asks};
use super::client::MeshClient;
use super::cut::Cut;
use super::enrol::{EnrolPort, Enrolments};
use super::identity::Identity;
use super::links::{INBOUND_FRAMES, Links, MAX_PEERS};
use super::peer::PeerCounters;
use super::{MeshError, dial};
use crate::trust::SharedTrust;

/// Who this node is on the mesh.
#[derive(Clone, Debug)]
pub struct MeshConfig {
    /// The same on every node of a cluster; others are refused.
    pub cluster: String,
    pub node: NodeId,
    /// Where others dial this node: `mesh.advertise`, or the address the mesh port is bound to.
    pub mesh_addr: SocketAddr,
    /// The address from which others are dialled, where it can reach them; `None`: whichever the system takes.
    pub dial_from: Option<IpAddr>,
    /// Whom this node believes, and what it shows.
    pub trust: SharedTrust,
    /// Weir's version, for people.
    pub version: String,
}

/// A gossip frame from a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inbound {
    /// The peer's mesh address, as announced or dialled.
    pub from: SocketAddr,
    /// The peer, by its certificate.
    pub node: NodeId,
    pub frame: Bytes,
}

/// The mesh of this node. Clones are the same mesh; it stops when asked to, or with the process.
#[derive(Clone, Debug)]
pub struct MeshHandle {
    pub(super) links: Arc<Links>,
    pub(super) config: Arc<MeshConfig>,
    pub(super) asks: Arc<Asks>,
    pub(super) enrolments: Arc<Enrolments>,
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
            node: config.node.clone(),
            mesh_addr: config.mesh_addr,
        };
        let (from, trust) = (config.dial_from, config.trust.clone());
        let links = Links::new(me, from, trust, inbound_tx, undialled_tx);
        let links = Arc::new(links.map_err(MeshError::Tls)?);
        let arbiter = Arbiter::try_new().map_err(MeshError::Thread)?;
        let dialling = links.clone();
        arbiter.spawn_fn(move || {
            actix_rt::spawn(dial::run(dialling, undialled_rx));
        });
        Ok(MeshHandle {
            links,
            config: Arc::new(config),
            asks: Arc::default(),
            enrolments: Arc::default(),
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

    /// Lets nodes in from now on, and renews their certificates, as far as this node may.
    pub fn enrol_by(&self, port: impl EnrolPort) {
        self.enrolments.set(Arc::new(port));
    }

    /// Says which live node is dialled where: nobody else is believed there.
    pub fn expect(&self, live: impl IntoIterator<Item = (NodeId, SocketAddr)>) {
        self.links.directory.set(live);
    }

    /// Whom this node believes, and what it shows; both may be replaced.
    pub fn trust(&self) -> &SharedTrust {
        &self.links.trust
    }

    /// Who was not let in, by the reason, since the start.
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        self.links.refused.all()
    }

    /// Connections this node passes on for others now, since its start, and their bytes.
    pub fn relayed(&self) -> [u64; 3] {
        self.links.relays.figures()
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
