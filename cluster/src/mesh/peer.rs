//! One peer as the mesh sees it: a bounded queue of frames to it, and counters.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Notify, watch};

/// Frames that wait for one peer; beyond it the oldest is dropped, since newer gossip says more.
const QUEUE_FRAMES: usize = 64;

/// What has passed to and from one peer since the node started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PeerCounters {
    pub frames_in: u64,
    pub bytes_in: u64,
    pub frames_out: u64,
    pub bytes_out: u64,
    /// Frames that did not get through: queue full, no connection, cut.
    pub dropped: u64,
    /// Connections made, whoever dialled.
    pub connections: u64,
    pub failed_dials: u64,
    /// Times the peer had to wait, since it sent more than it may.
    pub throttled: u64,
}

#[derive(Debug)]
pub(super) struct Peer {
    queue: Mutex<VecDeque<Bytes>>,
    filled: Notify,
    /// Connections made so far. The newest one sends; the one before it still listens.
    made: watch::Sender<u64>,
    open: AtomicU64,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    frames_in: AtomicU64,
    bytes_in: AtomicU64,
    frames_out: AtomicU64,
    bytes_out: AtomicU64,
    dropped: AtomicU64,
    failed_dials: AtomicU64,
    throttled: AtomicU64,
}

// === impl Peer ===

impl Peer {
    pub fn new() -> Self {
        Peer {
            queue: Mutex::default(),
            filled: Notify::new(),
            made: watch::Sender::new(0),
            open: AtomicU64::new(0),
            counters: Counters::default(),
        }
    }

    pub fn push(&self, frame: Bytes) {
        let mut queue = self.queue.lock();
        if queue.len() == QUEUE_FRAMES {
            queue.pop_front();
            self.count_dropped(1);
        }
        queue.push_back(frame);
        drop(queue);
        self.filled.notify_one();
    }

    /// The next frame to send. Cancel-safe: a frame is taken only as it is returned.
    pub async fn pop(&self) -> Bytes {
        loop {
            if let Some(frame) = self.queue.lock().pop_front() {
                return frame;
            }
            self.filled.notified().await;
        }
    }

    /// Waits until there is something to send.
    pub async fn wanted(&self) {
        while self.queue.lock().is_empty() {
            self.filled.notified().await;
        }
    }

    /// Throws away what waits: gossip that could not be sent in time is stale.
    pub fn discard(&self) {
        let waiting = std::mem::take(&mut *self.queue.lock());
        self.count_dropped(waiting.len() as u64);
    }

    /// A connection was made; its number.
    pub fn opened(&self) -> u64 {
        self.open.fetch_add(1, Ordering::AcqRel);
        self.made.send_modify(|made| *made += 1);
        *self.made.borrow()
    }

    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
        // Whoever waits for frames looks again whether it is he who sends.
        self.made.send_modify(|_| ());
        self.filled.notify_one();
    }

    pub fn is_connected(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0
    }

    /// Changes with every connection made or closed.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.made.subscribe()
    }

    pub fn count_in(&self, bytes: usize) {
        self.counters.frames_in.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes_in
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn count_out(&self, bytes: usize) {
        self.counters.frames_out.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes_out
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn count_dropped(&self, frames: u64) {
        self.counters.dropped.fetch_add(frames, Ordering::Relaxed);
    }

    pub fn count_failed_dial(&self) {
        self.counters.failed_dials.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_throttled(&self) {
        self.counters.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub fn counters(&self) -> PeerCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PeerCounters {
            frames_in: read(&self.counters.frames_in),
            bytes_in: read(&self.counters.bytes_in),
            frames_out: read(&self.counters.frames_out),
            bytes_out: read(&self.counters.bytes_out),
            dropped: read(&self.counters.dropped),
            connections: *self.made.borrow(),
            failed_dials: read(&self.counters.failed_dials),
            throttled: read(&self.counters.throttled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_its_oldest_frames_and_counts_them() {
        let peer = Peer::new();
        for n in 0..QUEUE_FRAMES + 3 {
            peer.push(Bytes::from(n.to_string()));
        }
        assert_eq!(peer.queue.lock().front().unwrap(), "3");
        assert_eq!(peer.counters().dropped, 3);
    }
}
