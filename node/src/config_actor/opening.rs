//! From the store to a replica.

use weir_cluster::replication::{Replica, ReplicaOptions};
use weir_config::history::Retention;
use weir_config::{NodeId, Record};

use super::writer::{Published, SharedStore};
use crate::store::{Store, StoreError};

/// The fact in the store that this node has had everything its peers have.
pub(super) const CAUGHT_UP: &str = "caught_up";

/// The replica of what is in the store.
pub fn open_replica(
    node: &NodeId,
    retention: Retention,
    store: &Store,
) -> Result<Replica, StoreError> {
    let options = ReplicaOptions {
        retention,
        caught_up: store.fact(CAUGHT_UP)?.is_some(),
    };
    let mut replica = Replica::open(node.clone(), options, store.load()?);
    replica.remember(store.names()?);
    Ok(replica)
}

/// The replica of what is in the store; where that cannot be read, of what was published last.
pub(super) fn replica(
    node: &NodeId,
    retention: Retention,
    store: &SharedStore,
    published: &Published,
) -> Replica {
    let opened = open_replica(node, retention, &store.lock());
    opened.unwrap_or_else(|error| {
        tracing::error!(%error, "going on with the configuration published last, without its history");
        let snapshot = published.snapshot.load();
        let records: Vec<Record> = snapshot.catalog.records().cloned().collect();
        let options = ReplicaOptions {
            retention,
            caught_up: true,
        };
        Replica::open(node.clone(), options, records)
    })
}
