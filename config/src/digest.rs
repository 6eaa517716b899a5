//! Digests: how two nodes see that their configurations differ without sending them.
//!
//! Every object falls into one of 256 buckets by its key; a bucket's digest is the XOR of the hashes of
//! its `key@stamp` lines, so it is kept up to date in one step per change and does not depend on order.

use sha2::{Digest, Sha256};

use crate::catalog::Catalog;
use crate::object::ObjectKey;
use crate::stamp::Stamp;

pub const BUCKETS: usize = 256;

/// One digest per bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buckets(Box<[u64; BUCKETS]>);

/// The bucket an object falls into.
pub fn bucket_of(key: &ObjectKey) -> u8 {
    Sha256::digest(key.to_string().as_bytes())[0]
}

fn line_hash(key: &ObjectKey, stamp: &Stamp) -> u64 {
    let hash = Sha256::digest(format!("{key}@{stamp}").as_bytes());
    u64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}

// === impl Buckets ===

impl Buckets {
    pub fn from_digests(digests: [u64; BUCKETS]) -> Self {
        Buckets(Box::new(digests))
    }

    /// The digests of everything in a catalog.
    pub fn of(catalog: &Catalog) -> Self {
        let mut buckets = Buckets::default();
        for record in catalog.records() {
            buckets.toggle(&record.key, &record.stamp);
        }
        buckets
    }

    pub fn digests(&self) -> &[u64; BUCKETS] {
        &self.0
    }

    /// Adds a version, or takes away one that was added before.
    pub fn toggle(&mut self, key: &ObjectKey, stamp: &Stamp) {
        self.0[bucket_of(key) as usize] ^= line_hash(key, stamp);
    }

    /// The buckets in which two nodes differ.
    pub fn differing<'a>(&'a self, other: &'a Buckets) -> impl Iterator<Item = u8> + 'a {
        (0..BUCKETS)
            .filter(|&i| self.0[i] != other.0[i])
            .map(|i| i as u8)
    }

    /// One digest of everything, 16 hexadecimal digits: equal on nodes that agree.
    pub fn root(&self) -> String {
        let mut hasher = Sha256::new();
        for digest in self.0.iter() {
            hasher.update(digest.to_be_bytes());
        }
        hex::encode(&hasher.finalize()[..8])
    }
}

impl std::hash::Hash for Buckets {
    /// Most buckets are empty in a small configuration: only the others are hashed.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for filled in self
            .0
            .iter()
            .enumerate()
            .filter(|(_, digest)| **digest != 0)
        {
            filled.hash(state);
        }
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Buckets(Box::new([0; BUCKETS]))
    }
}
