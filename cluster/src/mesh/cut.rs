use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;

/// Nothing is cut off from everybody.
const JOINED: u64 = 0;
/// Cut off from everybody until healed.
const FOR_EVER: u64 = u64::MAX;

/// A switch that drops this node's mesh traffic both ways, as a broken network would: frames of gossip,
/// requests and their answers. Connections stay open, silent, so that gossip goes on at once when it is
/// healed. For `cut` and `heal` of `scripts/cluster.sh`, and for tests. Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Cut {
    made: Instant,
    /// When the cut from everybody ends, milliseconds since `made`; `JOINED` or `FOR_EVER`.
    all_until_ms: Arc<AtomicU64>,
    peers: Arc<RwLock<HashSet<SocketAddr>>>,
}

// === impl Cut ===

impl Cut {
    /// Cuts this node off from every other.
    pub fn cut_all(&self) {
        self.all_until_ms.store(FOR_EVER, Ordering::Release);
    }

    /// Cuts this node off from every other for so long. Nothing has to happen for it to end, so a node cannot
    /// be left cut off by a mistake.
    pub fn cut_all_for(&self, time: Duration) {
        let end = self.now_ms().saturating_add(time.as_millis() as u64);
        let end = end.clamp(JOINED + 1, FOR_EVER - 1);
        self.all_until_ms.store(end, Ordering::Release);
    }

    /// Cuts this node off from the one at this mesh address.
    pub fn cut(&self, peer: SocketAddr) {
        self.peers.write().insert(peer);
    }

    /// Joins everything again.
    pub fn heal(&self) {
        self.all_until_ms.store(JOINED, Ordering::Release);
        self.peers.write().clear();
    }

    pub fn is_cut(&self, peer: SocketAddr) -> bool {
        self.is_cut_from_all() || self.peers.read().contains(&peer)
    }

    pub fn is_cut_from_all(&self) -> bool {
        match self.all_until_ms.load(Ordering::Acquire) {
            JOINED => false,
            FOR_EVER => true,
            end => self.now_ms() < end,
        }
    }

    /// How long the cut from everybody lasts yet; `None` where there is none or it has no end.
    pub fn time_left(&self) -> Option<Duration> {
        match self.all_until_ms.load(Ordering::Acquire) {
            JOINED | FOR_EVER => None,
            end => end
                .checked_sub(self.now_ms())
                .filter(|&left_ms| left_ms > 0)
                .map(Duration::from_millis),
        }
    }

    /// Puts away a cut whose time is over. True for the one who did.
    pub fn put_away(&self) -> bool {
        let end = self.all_until_ms.load(Ordering::Acquire);
        let is_over = !matches!(end, JOINED | FOR_EVER) && end <= self.now_ms();
        let gone = || {
            self.all_until_ms
                .compare_exchange(end, JOINED, Ordering::AcqRel, Ordering::Acquire)
        };
        is_over && gone().is_ok()
    }

    fn now_ms(&self) -> u64 {
        self.made.elapsed().as_millis() as u64
    }
}

impl Default for Cut {
    fn default() -> Self {
        Cut {
            made: Instant::now(),
            all_until_ms: Arc::new(AtomicU64::new(JOINED)),
            peers: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_by_itself_or_when_it_is_healed() {
        let cut = Cut::default();
        let peer = "127.0.0.1:7001".parse().unwrap();
        assert!(!cut.is_cut(peer) && cut.time_left().is_none());
        cut.cut_all_for(Duration::from_secs(600));
        assert!(cut.is_cut(peer) && cut.time_left() > Some(Duration::from_secs(500)));
        cut.heal();
        assert!(!cut.is_cut(peer) && cut.time_left().is_none());
        cut.cut_all_for(Duration::from_millis(1));
        let begun = Instant::now();
        while cut.is_cut(peer) && begun.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        assert!(!cut.is_cut(peer) && cut.time_left().is_none());
        assert!(cut.put_away() && !cut.put_away());
    }

    #[test]
    fn a_cut_without_an_end_is_told_from_one_with_an_end() {
        let cut = Cut::default();
        cut.cut_all();
        assert!(cut.is_cut_from_all() && cut.time_left().is_none());
    }
}
