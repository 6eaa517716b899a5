//! One change after the other: stamped, stored, published.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;
use weir_cluster::replication::{ConfigSnapshot, Effect, Event, Replica, SharedSnapshot};
use weir_config::operation::{Change, Context};
use weir_config::{Catalog, NodeId, Record, Refusal, Stamp};

use super::Applied;
use crate::store::{Store, StoreError};

/// The open store, handed from one incarnation to the next. Only the ConfigActor's thread takes it.
pub type SharedStore = Arc<Mutex<Store>>;

/// Where a new state of the configuration is shown.
#[derive(Clone)]
pub struct Published {
    pub snapshot: SharedSnapshot,
    /// Counts the snapshots; a wake-up for whoever follows them.
    pub changed: Arc<watch::Sender<u64>>,
    /// Tells the cluster what this node has now.
    pub announce: Arc<dyn Fn(&ConfigSnapshot) + Send + Sync>,
}

/// The store and the replica, which never differ but while a change is being made.
pub struct Writer {
    node: NodeId,
    region: String,
    store: SharedStore,
    replica: Replica,
    published: Published,
}

/// This node's wall clock, milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

// === impl Writer ===

impl Writer {
    /// Begins from the store; where that cannot be read, from what was published last.
    pub(super) fn new(
        node: NodeId,
        region: String,
        store: SharedStore,
        published: Published,
    ) -> Self {
        let loaded = store.lock().load();
        let records = loaded.unwrap_or_else(|error| {
            tracing::error!(%error, "going on with the configuration published last");
            published_records(&published)
        });
        Writer {
            replica: Replica::new(node.clone(), records),
            node,
            region,
            store,
            published,
        }
    }

    /// Makes one change, or none of it.
    ///
    /// # Errors
    /// The operation's refusal, or 503 `store_unwritable`.
    pub(super) fn apply<T>(
        &mut self,
        author: &str,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal>,
    ) -> Result<Applied<T>, Refusal> {
        let context = Context {
            now_ms: now_ms(),
            random: rand::random(),
            default_region: self.region.clone(),
        };
        let (change, value) = operation(&self.replica.state().catalog, &context)?;
        let records = self.replica.write(context.now_ms, author, change);
        let Some(version) = records.iter().map(|record| record.stamp.clone()).max() else {
            return Ok(Applied {
                version: self.newest(),
                value,
                changed: false,
            });
        };
        self.keep(&records).map_err(|error| {
            let kept = "Nothing was changed, and calls go on as before.";
            Refusal::new(
                503,
                "store_unwritable",
                format!("On node {}, {error}. {kept}", self.node),
            )
        })?;
        self.publish();
        Ok(Applied {
            version,
            value,
            changed: true,
        })
    }

    /// Takes what happened among peers; returns what is left to do.
    pub(super) fn take(&mut self, event: Event) -> Vec<Effect> {
        let mut left = Vec::new();
        for effect in self.replica.handle(event) {
            match effect {
                Effect::Persist(records) => {
                    if self.keep(&records).is_err() {
                        // The replica has been set back: what it asked for next is void.
                        return Vec::new();
                    }
                }
                Effect::Publish => self.publish(),
                other => left.push(other),
            }
        }
        left
    }

    /// Shows the present state to this node and to the cluster.
    pub(super) fn publish(&self) {
        let snapshot = Arc::new(self.replica.snapshot());
        self.published.snapshot.store(snapshot.clone());
        self.published.changed.send_modify(|count| *count += 1);
        (self.published.announce)(&snapshot);
    }

    /// Stores what the replica has taken in, or sets the replica back to what was published.
    fn keep(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let kept = self.store.lock().persist(records);
        kept.inspect_err(|error| {
            tracing::error!(%error, "a change was not kept");
            self.replica = Replica::new(self.node.clone(), published_records(&self.published));
        })
    }

    fn newest(&self) -> Stamp {
        let newest = self.replica.state().newest.clone();
        newest.unwrap_or_else(|| Stamp {
            wall_ms: 0,
            counter: 0,
            node: self.node.clone(),
        })
    }
}

fn published_records(published: &Published) -> Vec<Record> {
    published
        .snapshot
        .load()
        .catalog
        .records()
        .cloned()
        .collect()
}
