//! Wires between the mesh ports of real nodes: every node is dialled through one, which knows who dials and
//! does to him what a bad network would: cut, silence, delay, loss, little room. Carries bytes both ways, counts
//! them, and keeps them where a test asks for it.

mod carry;
mod dialler;
mod weather;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::TcpListener;
use tokio::sync::watch;

use weather::Lane;
pub use weather::Weather;

/// Of what a recording keeps: more than a test's cluster says in its time.
const RECORDING_MAX_BYTES: usize = 256 * 1024 * 1024;

/// All wires of a cluster. Clones are the same wires.
#[derive(Clone, Default)]
pub struct Wires(Arc<State>);

#[derive(Default)]
struct State {
    faults: watch::Sender<Faults>,
    weather: watch::Sender<Weather>,
    lanes: Mutex<HashMap<Way, Arc<Lane>>>,
    /// Bytes carried to and from each node by those who dialled it.
    carried: Mutex<HashMap<Way, Arc<AtomicU64>>>,
    recording: Mutex<Option<Vec<u8>>>,
}

#[derive(Clone, Default, Debug)]
struct Faults {
    cuts: HashSet<Way>,
    silent: HashSet<Way>,
    /// Connections of an epoch before are broken off.
    epoch: u64,
}

/// From one node to another, by their ids.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Way {
    from: String,
    to: String,
}

// === impl Wires ===

impl Wires {
    /// A wire into the mesh port `target` of the node; the address that others are to dial.
    pub async fn lay(&self, node: &str, target: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (state, node) = (self.0.clone(), node.to_owned());
        tokio::spawn(async move {
            while let Ok((dialled, _)) = listener.accept().await {
                // However it ends, both ends see it closed.
                tokio::spawn(carry::carry(state.clone(), node.clone(), dialled, target));
            }
        });
        addr
    }

    /// Breaks the wire between two nodes, both ways, and all that runs over it.
    pub fn cut(&self, one: &str, other: &str) {
        self.0.faults.send_modify(|faults| {
            faults.cuts.insert(Way::new(one, other));
            faults.cuts.insert(Way::new(other, one));
        });
    }

    /// What one node says to another does not arrive, and nobody is told: the connections stay open.
    pub fn silence(&self, from: &str, to: &str) {
        self.0.faults.send_modify(|faults| {
            faults.silent.insert(Way::new(from, to));
        });
    }

    /// Breaks off every connection there is; new ones are carried.
    pub fn reset(&self) {
        self.0.faults.send_modify(|faults| faults.epoch += 1);
    }

    /// Mends every wire. What was said into silence arrives now.
    pub fn heal(&self) {
        self.0.faults.send_modify(|faults| {
            faults.cuts.clear();
            faults.silent.clear();
        });
    }

    /// How all wires are from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.0.weather.send_replace(weather);
    }

    /// Bytes carried over all wires so far: payload of TCP, both ways.
    pub fn carried(&self) -> u64 {
        let all = locked(&self.0.carried);
        all.values()
            .map(|bytes| bytes.load(Ordering::Relaxed))
            .sum()
    }

    /// Keeps what is carried from now on.
    pub fn record(&self) {
        *locked(&self.0.recording) = Some(Vec::new());
    }

    /// What was carried since [`record`](Self::record), as it was on the wire.
    pub fn recorded(&self) -> Vec<u8> {
        locked(&self.0.recording).take().unwrap_or_default()
    }
}

// === impl State ===

impl State {
    fn lane(&self, way: &Way) -> Arc<Lane> {
        let mut lanes = locked(&self.lanes);
        let seed = lanes.len() as u64;
        let lane = lanes
            .entry(way.clone())
            .or_insert_with(|| Arc::new(Lane::new(seed)));
        lane.clone()
    }

    fn carried_to(&self, way: &Way) -> Arc<AtomicU64> {
        locked(&self.carried)
            .entry(way.clone())
            .or_default()
            .clone()
    }

    fn note(&self, piece: &[u8]) {
        if let Some(recording) = locked(&self.recording).as_mut()
            && recording.len() + piece.len() <= RECORDING_MAX_BYTES
        {
            recording.extend_from_slice(piece);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics here")
}

// === impl Way ===

impl Way {
    fn new(from: &str, to: &str) -> Self {
        Way {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    fn turned(&self) -> Self {
        Way::new(&self.to, &self.from)
    }
}
