//! What the ConfigActor is made from.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{ConfigPort, MeshHandle, Push, PushSink};
use weir_config::NodeId;
use weir_config::history::Retention;

use super::{ConfigHealth, Published, SharedStore};
use crate::store::{Store, StoreError, StoreReader};

/// Everything an incarnation is made from.
#[derive(Clone)]
pub struct ConfigParts {
    pub node: NodeId,
    /// Where a business goes that names no region.
    pub region: String,
    pub store: SharedStore,
    pub published: Published,
    pub mesh: MeshHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
    /// Reads the same store, beside the actor.
    pub reader: StoreReader,
    /// What peers push to this node.
    pub pushes: Pushes,
    pub options: ConfigOptions,
    pub health: ConfigHealth,
}

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct ConfigOptions {
    /// How long a change waits for other nodes to have it.
    pub ack_timeout: Duration,
    /// The node joins others: while it sees none of them yet, it is not a cluster of one.
    pub joins: bool,
    pub retention: Retention,
}

/// The pushes that came to the mesh port, handed from one incarnation to the next.
#[derive(Clone, Debug)]
pub struct Pushes(Arc<tokio::sync::Mutex<mpsc::Receiver<Push>>>);

// === impl ConfigParts ===

impl ConfigParts {
    /// The parts with the default options, and what the mesh port serves of them.
    pub fn new(
        node: NodeId,
        region: String,
        store: Store,
        published: Published,
        mesh: MeshHandle,
        cluster: watch::Receiver<Arc<ClusterView>>,
    ) -> Result<(Self, ConfigPort), StoreError> {
        let store = Arc::new(Mutex::new(store));
        ConfigParts::sharing(node, region, store, published, mesh, cluster)
    }

    /// The same, of a store that others keep facts in too.
    pub fn sharing(
        node: NodeId,
        region: String,
        store: SharedStore,
        published: Published,
        mesh: MeshHandle,
        cluster: watch::Receiver<Arc<ClusterView>>,
    ) -> Result<(Self, ConfigPort), StoreError> {
        let (sink, pushes) = Pushes::channel();
        let reader = store.lock().reader()?;
        let port = ConfigPort {
            snapshot: published.snapshot.clone(),
            // Of its own, so that peers do not wait for a long history.
            versions: Arc::new(store.lock().reader()?),
            pushes: sink,
        };
        let parts = ConfigParts {
            node,
            region,
            store,
            published,
            mesh,
            cluster,
            reader,
            pushes,
            options: ConfigOptions::default(),
            health: ConfigHealth::default(),
        };
        Ok((parts, port))
    }
}

// === impl ConfigOptions ===

impl Default for ConfigOptions {
    fn default() -> Self {
        ConfigOptions {
            ack_timeout: Duration::from_secs(2),
            joins: false,
            retention: Retention::default(),
        }
    }
}

// === impl Pushes ===

impl Pushes {
    /// Where the mesh port puts pushes, and where they are taken.
    pub fn channel() -> (PushSink, Pushes) {
        let (sink, pushes) = PushSink::channel();
        (sink, Pushes(Arc::new(tokio::sync::Mutex::new(pushes))))
    }

    /// The pushes from now on. Of several streams one is served, until it is dropped.
    pub(super) fn stream(&self) -> impl Stream<Item = Push> + use<> {
        let pushes = self.0.clone();
        futures_util::stream::once(pushes.lock_owned()).flat_map(|pushes| {
            futures_util::stream::unfold(pushes, |mut pushes| async move {
                let push = pushes.recv().await?;
                Some((push, pushes))
            })
        })
    }
}
