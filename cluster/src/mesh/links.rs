//! All peers, and the frames to and from them. Shared by the server's thread, the dialling thread and
//! membership; nothing here waits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::cut::Cut;
use super::identity::Identity;
use super::peer::{Peer, PeerCounters};
use super::{FRAME_MAX_BYTES, Inbound};

/// Peers known at once, live or not; four times the cluster planned for would not fit one datagram.
pub(super) const MAX_PEERS: usize = 4_096;

/// Frames from peers that wait for membership; beyond it new ones are dropped and counted.
pub(super) const INBOUND_FRAMES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Links {
    pub me: Identity,
    pub cut: Cut,
    peers: Mutex<HashMap<SocketAddr, Entry>>,
    inbound: mpsc::Sender<Inbound>,
    /// Peers that need someone to dial them.
    undialled: mpsc::Sender<(SocketAddr, Arc<Peer>)>,
    inbound_dropped: AtomicU64,
}

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
        inbound: mpsc::Sender<Inbound>,
        undialled: mpsc::Sender<(SocketAddr, Arc<Peer>)>,
    ) -> Self {
        Links {
            me,
            cut: Cut::default(),
            peers: Mutex::default(),
            inbound,
            undialled,
            inbound_dropped: AtomicU64::new(0),
        }
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
    pub fn deliver(&self, from: SocketAddr, peer: &Peer, frame: Bytes) {
        peer.count_in(frame.len());
        if self.cut.is_cut(from) {
            peer.count_dropped(1);
        } else if self.inbound.try_send(Inbound { from, frame }).is_err() {
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
