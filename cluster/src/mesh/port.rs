//! What the mesh port serves and takes in besides gossip.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use weir_config::{NodeId, Record, Stamp};

use crate::replication::{SharedSnapshot, VersionName};

/// Pushes from peers that wait to be taken in; beyond, peers are refused and pull later.
const PUSHES_WAITING: usize = 64;
/// Time for a push to be stored, below the client's own deadline.
const STORE_TIMEOUT: Duration = Duration::from_secs(4);

/// The versions a node retains, in its store. Called on a thread that may wait for the disk.
pub trait VersionSource: Send + Sync + 'static {
    /// Those of these versions that are there, in the order asked.
    fn versions(&self, wanted: &[VersionName]) -> Vec<Record>;

    /// Since when this node has a version, milliseconds since 1970-01-01 UTC; `None`: it has not.
    fn seen_at_ms(&self, version: &Stamp) -> Option<u64>;
}

/// What other nodes can ask of this one's configuration, and where what they push goes.
#[derive(Clone)]
pub struct ConfigPort {
    pub snapshot: SharedSnapshot,
    pub versions: Arc<dyn VersionSource>,
    pub pushes: PushSink,
}

/// Where pushes go, to be taken in by the replica.
#[derive(Clone, Debug)]
pub struct PushSink(mpsc::Sender<Push>);

/// Versions that a peer has just written.
#[derive(Debug)]
pub struct Push {
    pub peer: NodeId,
    pub records: Vec<Record>,
    /// Takes the stamps of [`Effect::Confirm`](crate::replication::Effect::Confirm), once they are on the
    /// disk. Dropped: not stored.
    pub answer: oneshot::Sender<Vec<Stamp>>,
}

/// Why a push was not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("this node is busy taking in changes; what was pushed is pulled later")]
    Busy,
    #[error("this node could not store what was pushed; it is pulled later")]
    NotStored,
}

/// A node that has nothing but its snapshot.
struct NoVersions;

// === impl ConfigPort ===

impl ConfigPort {
    /// Serves a snapshot alone: what is in force, no history; pushes are refused.
    pub fn read_only(snapshot: SharedSnapshot) -> Self {
        ConfigPort {
            snapshot,
            versions: Arc::new(NoVersions),
            pushes: PushSink::channel().0,
        }
    }
}

// === impl PushSink ===

impl PushSink {
    /// A sink, and the end at which its pushes are taken. When that is dropped, pushes are refused.
    pub fn channel() -> (PushSink, mpsc::Receiver<Push>) {
        let (sink, pushes) = mpsc::channel(PUSHES_WAITING);
        (PushSink(sink), pushes)
    }

    /// Has the records of a peer stored; gives what is on the disk then.
    pub(super) async fn push(
        &self,
        peer: NodeId,
        records: Vec<Record>,
    ) -> Result<Vec<Stamp>, NotTaken> {
        let (answer, stored) = oneshot::channel();
        let push = Push {
            peer,
            records,
            answer,
        };
        self.0.try_send(push).map_err(|_| NotTaken::Busy)?;
        match timeout(STORE_TIMEOUT, stored).await {
            Ok(Ok(stamps)) => Ok(stamps),
            _ => Err(NotTaken::NotStored),
        }
    }
}

// === impl NoVersions ===

impl VersionSource for NoVersions {
    fn versions(&self, _wanted: &[VersionName]) -> Vec<Record> {
        Vec::new()
    }

    fn seen_at_ms(&self, _version: &Stamp) -> Option<u64> {
        None
    }
}
