use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_config::digest::{Buckets, bucket_of};
use weir_config::{Catalog, ObjectKey, Record, Stamp};

/// What a node knows and has on its disk, as one immutable picture.
#[derive(Clone, Debug, Default)]
pub struct ConfigSnapshot {
    pub catalog: Catalog,
    pub buckets: Buckets,
    /// The greatest stamp of all records; `None` while there is none.
    pub newest: Option<Stamp>,
}

/// The current snapshot: replaced whole by the ConfigActor, read by everyone else.
pub type SharedSnapshot = Arc<ArcSwap<ConfigSnapshot>>;

// === impl ConfigSnapshot ===

impl ConfigSnapshot {
    /// A shared snapshot that begins as this one.
    pub fn shared(self) -> SharedSnapshot {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// Takes a record that is newer than what is known; says whether it was.
    pub(super) fn merge(&mut self, record: Record) -> bool {
        let key = record.key.clone();
        let stamp = record.stamp.clone();
        let known = self.catalog.record(&key).map(|known| known.stamp.clone());
        if !self.catalog.merge(record) {
            return false;
        }
        if let Some(known) = known {
            self.buckets.toggle(&key, &known);
        }
        self.buckets.toggle(&key, &stamp);
        if self.newest.as_ref().is_none_or(|newest| *newest < stamp) {
            self.newest = Some(stamp);
        }
        true
    }

    /// The stamps of every record, tombstones included, in the given buckets.
    pub fn stamps_in(&self, buckets: &[u8]) -> Vec<(ObjectKey, Stamp)> {
        let mut asked = [false; 256];
        buckets
            .iter()
            .for_each(|&bucket| asked[bucket as usize] = true);
        self.catalog
            .records()
            .filter(|record| asked[bucket_of(&record.key) as usize])
            .map(|record| (record.key.clone(), record.stamp.clone()))
            .collect()
    }
}
