//! All peers, and the frames to and from them. Shared by the server's thread, the dialling thread and
//! membership; nothing here waits.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::mpsc;

use super::cut::Cut;
use super::directory::Directory;
use super::identity::Identity;
use super::peer::{Peer, PeerCounters};
use super::refused::Refused;
use super::relay::Relays;
use super::{FRAME_MAX_BYTES, Inbound, tls};
use crate::trust::{Member, SharedTrust};

/// Peers known at once, live or not; four times the cluster planned for would not fit one datagram.
pub(super) const MAX_PEERS: usize = 4_096;

/// Frames from peers that wait for membership; beyond it new ones are dropped and counted.
pub(super) const INBOUND_FRAMES: usize = 1_024;

/// How long an address that was not reached directly is reached by way of others at once.
const UNREACHED_FOR: Duration = Duration::from_secs(5);
/// Addresses that were not reached and are remembered.
const UNREACHED: usize = 1_024;

#[derive(Debug)]
pub(super) struct Links {
    /// Tells the meshes of one process apart.
    pub number: u64,
    pub me: Identity,
    /// Where connections to others come from.
    pub dial_from: Option<IpAddr>,
    pub trust: SharedTrust,
    pub tls: Arc<ClientConfig>,
    pub directory: Directory,
    pub refused: Arc<Refused>,
    pub relays: Arc<Relays>,
    pub unreached: Mutex<Unreached>,
    pub cut: Cut,
    peers: Mutex<HashMap<SocketAddr, Entry>>,
    inbound: mpsc::Sender<Inbound>,
    /// Peers that need someone to dial them.
    undialled: mpsc::Sender<(SocketAddr, Arc<Peer>)>,
    inbound_dropped: AtomicU64,
}

/// Addresses that could not be reached directly, and when.
#[derive(Debug, Default)]
pub(super) struct Unreached(HashMap<SocketAddr, Instant>);

#[derive(Debug)]
struct Entry {
    peer: Arc<Peer>,
    /// A task on the mesh thread looks after dialling it.
    dialled: bool,
}

// === impl Links ===

impl Links {
    pub fn new(
        me: Identity,
        dial_from: Option<IpAddr>,
        trust: SharedTrust,
        inbound: mpsc::Sender<Inbound>,
        undialled: mpsc::Sender<(SocketAddr, Arc<Peer>)>,
    ) -> Result<Self, rustls::Error> {
        static MESHES: AtomicU64 = AtomicU64::new(0);
        Ok(Links {
            number: MESHES.fetch_add(1, Ordering::Relaxed),
            me,
            dial_from,
            tls: Arc::new(tls::client(trust.clone())?),
            trust,
            directory: Directory::default(),
            refused: Arc::default(),
            relays: Arc::default(),
            unreached: Mutex::default(),
            cut: Cut::default(),
            peers: Mutex::default(),
            inbound,
            undialled,
            inbound_dropped: AtomicU64::new(0),
        })
    }

    /// Queues a frame to a peer; one that cannot go is dropped and counted.
    pub fn send(&self, to: SocketAddr, frame: Bytes) {
        if to == self.me.mesh_addr || frame.len() > FRAME_MAX_BYTES {
            return;
        }
        let Some(peer) = self.peer(to, true) else {
            return;
        };
        if self.cut.is_cut(to) {
            peer.count_dropped(1);
        } else {
            peer.push(frame);
        }
    }

    /// Hands a frame from a peer to membership.
    pub fn deliver(&self, from: SocketAddr, member: &Member, peer: &Peer, frame: Bytes) {
        peer.count_in(frame.len());
        let inbound = Inbound {
            from,
            node: member.node.clone(),
            frame,
        };
        if self.cut.is_cut(from) {
            peer.count_dropped(1);
        } else if self.inbound.try_send(inbound).is_err() {
            self.inbound_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The peer at this address, made where unknown; `None` where there are too many.
    pub fn peer(&self, addr: SocketAddr, dial: bool) -> Option<Arc<Peer>> {
        let mut peers = self.peers.lock();
        if !peers.contains_key(&addr) && peers.len() >= MAX_PEERS {
            return None;
        }
        let entry = peers.entry(addr).or_insert_with(|| Entry {
            peer: Arc::new(Peer::new()),
            dialled: false,
        });
        if dial && !entry.dialled {
            let asked = self.undialled.try_send((addr, entry.peer.clone()));
            entry.dialled = asked.is_ok();
        }
        Some(entry.peer.clone())
    }

    /// Forgets a peer nothing was sent to for long, and that has no connection.
    pub fn forget_idle(&self, addr: SocketAddr) {
        let mut peers = self.peers.lock();
        if let Some(entry) = peers.get_mut(&addr) {
            if entry.peer.is_connected() {
                entry.dialled = false;
            } else {
                peers.remove(&addr);
            }
        }
    }

    /// A connection to this peer closed: forget the peer if nobody dials it.
    pub fn forget_undialled(&self, addr: SocketAddr) {
        let mut peers = self.peers.lock();
        let unused = |entry: &Entry| !entry.dialled && !entry.peer.is_connected();
        if peers.get(&addr).is_some_and(unused) {
            peers.remove(&addr);
        }
    }

    /// Peers with an open connection, but for one: they may pass on what does not reach that one.
    pub fn connected_but(&self, addr: SocketAddr) -> Vec<SocketAddr> {
        let peers = self.peers.lock();
        let others = peers.iter().filter(|(other, entry)| {
            **other != addr && entry.peer.is_connected() && !self.cut.is_cut(**other)
        });
        others.map(|(other, _)| *other).collect()
    }

    pub fn counters(&self) -> Vec<(SocketAddr, PeerCounters)> {
        let peers = self.peers.lock();
        let mut all: Vec<_> = peers
            .iter()
            .map(|(&a, entry)| (a, entry.peer.counters()))
            .collect();
        all.sort_by_key(|(addr, _)| *addr);
        all
    }

    pub fn inbound_dropped(&self) -> u64 {
        self.inbound_dropped.load(Ordering::Relaxed)
    }
}

// === impl Unreached ===

impl Unreached {
    pub fn insert(&mut self, addr: SocketAddr) {
        self.0.retain(|_, since| since.elapsed() < UNREACHED_FOR);
        if self.0.len() < UNREACHED {
            self.0.insert(addr, Instant::now());
        }
    }

    pub fn remove(&mut self, addr: SocketAddr) {
        self.0.remove(&addr);
    }

    pub fn is_recent(&self, addr: SocketAddr) -> bool {
        let since = self.0.get(&addr);
        since.is_some_and(|since| since.elapsed() < UNREACHED_FOR)
    }
}
