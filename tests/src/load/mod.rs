//! Real load on the link, counted by those at its ends: a client that paces its calls and counts every byte of
//! its sockets, and an origin that counts every byte of its own. Neither asks the gateway what it counted.

mod connection;
mod counting_origin;
mod pace;
mod series;
mod under_way;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Business;
use connection::Connection;

pub use counting_origin::{CountingOrigin, OriginCount};
pub use pace::Pace;
pub use series::{SLOT, Series};
use under_way::UnderWay;

/// One kind of call, made over and over to one node.
#[derive(Clone, Debug)]
pub struct Stream {
    pub node: SocketAddr,
    /// Calls wanted a second, by all connections together; may be changed while it runs.
    pub pace: Pace,
    pub connections: usize,
    pub body: Body,
}

/// Where the bytes of a call are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// In the answer.
    Down(usize),
    /// In the request.
    Up(usize),
}

/// What came of the calls of one stream.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Bytes of calls on the link, heads and bodies, both ways, at the moment they passed the client's socket.
    pub link_bytes: Series,
    /// Bodies of those calls.
    pub link_body_bytes: u64,
    pub link_calls: u64,
    /// Calls told to take the public link.
    pub public_calls: u64,
    /// Calls without an answer, or with an error: a node that is gone, a connection that broke.
    pub failed_calls: u64,
    /// Why the first of those failed.
    pub failure: Option<String>,
    /// The first answer that was neither: status and head.
    pub odd: Option<String>,
}

/// Load under way.
pub struct Load {
    began: Instant,
    tallies: Vec<Arc<Mutex<Tally>>>,
    under_way: UnderWay,
    connections: JoinSet<()>,
}

// === impl Load ===

impl Load {
    /// Begins at once.
    pub fn start(business: &Business, streams: &[Stream]) -> Self {
        let began = Instant::now();
        let mut connections = JoinSet::new();
        let mut tallies = Vec::new();
        let under_way = UnderWay::default();
        for stream in streams {
            let tally = Arc::new(Mutex::new(Tally::default()));
            tallies.push(tally.clone());
            for place in 0..stream.connections {
                let connection = Connection {
                    node: stream.node,
                    host: business.access_domain.clone(),
                    body: stream.body,
                    began,
                    tally: tally.clone(),
                    under_way: under_way.clone(),
                };
                connections.spawn(connection.run(stream.pace.clone(), place, stream.connections));
            }
        }
        Load {
            began,
            tallies,
            under_way,
            connections,
        }
    }

    /// Calls that have no whole answer yet. None will come where every pace is none.
    pub fn under_way(&self) -> usize {
        self.under_way.count()
    }

    /// How long it has been running.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Lets it run until this long after its begin.
    pub async fn until(&self, at: Duration) {
        tokio::time::sleep_until((self.began + at).into()).await;
    }

    /// What has come of each stream so far, in their order.
    pub fn tallies(&self) -> Vec<Tally> {
        self.tallies
            .iter()
            .map(|tally| tally.lock().expect("nobody panics with it").clone())
            .collect()
    }

    /// All streams together.
    pub fn tally(&self) -> Tally {
        self.tallies().iter().fold(Tally::default(), Tally::and)
    }

    /// Ends it; calls under way are cut off. What came of each stream.
    pub async fn stop(mut self) -> Vec<Tally> {
        self.connections.shutdown().await;
        self.tallies()
    }
}

// === impl Tally ===

impl Tally {
    pub fn and(mut self, other: &Tally) -> Self {
        self.link_bytes.merge(&other.link_bytes);
        self.link_body_bytes += other.link_body_bytes;
        self.link_calls += other.link_calls;
        self.public_calls += other.public_calls;
        self.failed_calls += other.failed_calls;
        self.failure = self.failure.or_else(|| other.failure.clone());
        self.odd = self.odd.or_else(|| other.odd.clone());
        self
    }
}
