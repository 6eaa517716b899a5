use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_config::digest::Buckets;
use weir_config::history::{Retention, Version};
use weir_config::{Catalog, ObjectKey, Record, Stamp};

use super::index::VersionIndex;

/// What a node knows and has on its disk, as one immutable picture.
#[derive(Clone, Debug)]
pub struct ConfigSnapshot {
    /// Of every object the newest version: what is in force.
    pub catalog: Catalog,
    /// The digests of all retained versions: what the exchange with peers goes by.
    pub buckets: Buckets,
    /// The root digest of the newest versions alone, 16 hexadecimal digits: equal on nodes that agree on what
    /// is in force, whatever history each has retained.
    pub newest_root: String,
    /// The greatest stamp of all records; `None` while there is none.
    pub newest: Option<Stamp>,
    /// The names of all retained versions.
    pub index: VersionIndex,
    /// The digests of the newest versions, of which `newest_root` is the root.
    newest_buckets: Buckets,
}

/// The current snapshot: replaced whole by the ConfigActor, read by everyone else.
pub type SharedSnapshot = Arc<ArcSwap<ConfigSnapshot>>;

// === impl ConfigSnapshot ===

impl ConfigSnapshot {
    /// A shared snapshot that begins as this one.
    pub fn shared(self) -> SharedSnapshot {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// The stamps of all versions, tombstones included, in the given buckets.
    pub fn stamps_in(&self, buckets: &[u8]) -> Vec<(ObjectKey, Stamp)> {
        self.index.stamps_in(buckets)
    }

    /// Adds a version to the set; says whether it was not there. `newest_root` is brought up to date by
    /// [`ConfigSnapshot::seal`].
    pub(super) fn insert(&mut self, record: Record) -> bool {
        let Record { key, stamp, .. } = &record;
        if !self.index.insert(key, Version::of(&record)) {
            return false;
        }
        self.buckets.toggle(key, stamp);
        if self.newest.as_ref().is_none_or(|newest| newest < stamp) {
            self.newest = Some(stamp.clone());
        }
        let known = self.catalog.record(key).map(|known| &known.stamp);
        if known.is_none_or(|known| known < stamp) {
            if let Some(known) = known {
                self.newest_buckets.toggle(key, known);
            }
            self.newest_buckets.toggle(key, stamp);
            self.catalog.merge(record);
        }
        true
    }

    /// Adds a version by name alone; the newest of its object is there.
    pub(super) fn insert_older(&mut self, key: &ObjectKey, version: Version) {
        let stamp = version.stamp.clone();
        if self.index.insert(key, version) {
            self.buckets.toggle(key, &stamp);
        }
    }

    /// Drops the versions of an object that need not be retained; gives their stamps.
    pub(super) fn prune(
        &mut self,
        key: &ObjectKey,
        retention: &Retention,
        now_ms: u64,
    ) -> Vec<Stamp> {
        let newest = self.catalog.record(key);
        let deleted = newest.is_some_and(|newest| newest.object.is_none());
        let stamps = self.index.versions(key).iter().map(|v| &v.stamp);
        let kept = retention.of_kind(key.kind).kept(stamps, deleted, now_ms);
        let gone = self.index.truncate(key, kept);
        for version in &gone {
            self.buckets.toggle(key, &version.stamp);
        }
        if kept == 0 && !gone.is_empty() {
            self.newest_buckets.toggle(key, &gone[0].stamp);
            self.catalog.forget(key);
        }
        gone.into_iter().map(|version| version.stamp).collect()
    }

    pub(super) fn seal(&mut self) {
        self.newest_root = self.newest_buckets.root();
    }
}

impl Default for ConfigSnapshot {
    fn default() -> Self {
        let newest_buckets = Buckets::default();
        ConfigSnapshot {
            catalog: Catalog::default(),
            buckets: Buckets::default(),
            newest_root: newest_buckets.root(),
            newest: None,
            index: VersionIndex::default(),
            newest_buckets,
        }
    }
}
