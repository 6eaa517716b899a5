//! How many connections a core and a client may have.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Connections by client address, over all cores. Locked when one is opened and when one ends.
pub type ByIp = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// How many connections a core has.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<AtomicUsize>);

/// The connections of one core.
#[derive(Debug)]
pub struct Places {
    taken: Arc<AtomicUsize>,
    per_core: usize,
    by_ip: ByIp,
    per_ip: usize,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<AtomicUsize>,
    by_ip: ByIp,
    peer: IpAddr,
}

// === impl Places ===

impl Places {
    pub fn new(per_core: usize, by_ip: ByIp, per_ip: usize) -> Self {
        Places {
            taken: Arc::default(),
            per_core,
            by_ip,
            per_ip,
        }
    }

    pub fn connections(&self) -> Connections {
        Connections(self.taken.clone())
    }

    /// `None` where there is no more room, for the core or for this client.
    pub fn take(&self, peer: IpAddr) -> Option<Place> {
        if self.taken.load(Ordering::Relaxed) >= self.per_core {
            return None;
        }
        let mut by_ip = self.by_ip.lock();
        let of_ip = by_ip.entry(peer).or_default();
        if *of_ip >= self.per_ip {
            return None;
        }
        *of_ip += 1;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            taken: self.taken.clone(),
            by_ip: self.by_ip.clone(),
            peer,
        })
    }
}

// === impl Connections ===

impl Connections {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        let mut by_ip = self.by_ip.lock();
        if let Some(of_ip) = by_ip.get_mut(&self.peer) {
            *of_ip -= 1;
            if *of_ip == 0 {
                by_ip.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_and_a_core_have_so_many_places_and_get_them_back() {
        let by_ip = ByIp::default();
        let places = Places::new(3, by_ip.clone(), 2);
        let (a, b): (IpAddr, IpAddr) = ("1.1.1.1".parse().unwrap(), "2.2.2.2".parse().unwrap());
        let first = places.take(a).unwrap();
        let _second = places.take(a).unwrap();
        assert!(places.take(a).is_none());
        let _third = places.take(b).unwrap();
        assert!(places.take(b).is_none());
        drop(first);
        assert!(places.take(a).is_some());
        assert_eq!(by_ip.lock().len(), 2);
    }
}
