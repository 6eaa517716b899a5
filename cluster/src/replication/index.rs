//! Which versions of which objects are retained, by name only: their documents are in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_config::digest::{BUCKETS, bucket_of};
use weir_config::history::Version;
use weir_config::{ObjectKey, Stamp};

/// The retained versions of every object, tombstones included. Cloning is cheap: what has not changed since
/// is shared.
#[derive(Clone, Debug)]
pub struct VersionIndex {
    buckets: Vec<Arc<BTreeMap<ObjectKey, Arc<Vec<Version>>>>>,
    len: usize,
}

// === impl VersionIndex ===

impl VersionIndex {
    /// The retained versions of an object, newest first.
    pub fn versions(&self, key: &ObjectKey) -> &[Version] {
        self.bucket(key)
            .get(key)
            .map_or(&[], |versions| versions.as_slice())
    }

    pub fn contains(&self, key: &ObjectKey, stamp: &Stamp) -> bool {
        place(self.versions(key), stamp).is_ok()
    }

    /// Every object with its versions, newest first.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &[Version])> {
        let buckets = self.buckets.iter().flat_map(|bucket| bucket.iter());
        buckets.map(|(key, versions)| (key, versions.as_slice()))
    }

    /// The stamps of all versions in the given buckets.
    pub fn stamps_in(&self, buckets: &[u8]) -> Vec<(ObjectKey, Stamp)> {
        let mut stamps = Vec::new();
        for &bucket in buckets {
            for (key, versions) in self.buckets[bucket as usize].iter() {
                let named = |version: &Version| (key.clone(), version.stamp.clone());
                stamps.extend(versions.iter().map(named));
            }
        }
        stamps
    }

    /// How many versions there are, of all objects together.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a version; says whether it was not there before.
    pub(super) fn insert(&mut self, key: &ObjectKey, version: Version) -> bool {
        let Err(place) = place(self.versions(key), &version.stamp) else {
            return false;
        };
        let bucket = Arc::make_mut(&mut self.buckets[bucket_of(key) as usize]);
        let versions = bucket.entry(key.clone()).or_default();
        Arc::make_mut(versions).insert(place, version);
        self.len += 1;
        true
    }

    /// Keeps the newest so many versions of an object; gives those that are gone.
    pub(super) fn truncate(&mut self, key: &ObjectKey, kept: usize) -> Vec<Version> {
        if self.versions(key).len() <= kept {
            return Vec::new();
        }
        let bucket = Arc::make_mut(&mut self.buckets[bucket_of(key) as usize]);
        let versions = bucket.get_mut(key).map(Arc::make_mut);
        let gone = versions.map_or(Vec::new(), |versions| versions.split_off(kept));
        if kept == 0 {
            bucket.remove(key);
        }
        self.len -= gone.len();
        gone
    }

    fn bucket(&self, key: &ObjectKey) -> &BTreeMap<ObjectKey, Arc<Vec<Version>>> {
        &self.buckets[bucket_of(key) as usize]
    }
}

impl Default for VersionIndex {
    fn default() -> Self {
        VersionIndex {
            buckets: vec![Arc::default(); BUCKETS],
            len: 0,
        }
    }
}

/// Where a version is among those that are sorted newest first, or where it belongs.
fn place(versions: &[Version], stamp: &Stamp) -> Result<usize, usize> {
    versions.binary_search_by(|version| stamp.cmp(&version.stamp))
}
