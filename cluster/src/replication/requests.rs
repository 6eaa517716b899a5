use std::collections::BTreeMap;

use weir_config::object::request_key;
use weir_config::{ObjectKey, Record, Stamp};

use super::VersionName;

/// A version without its document: what the replica keeps of those that are no longer in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredVersion {
    pub key: ObjectKey,
    pub stamp: Stamp,
    pub based_on: Option<Stamp>,
    pub author: String,
    pub request: Option<String>,
}

/// A request that was carried out before, here or on another node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastRequest {
    /// As stored: the asker's key, `#`, the digest of what was asked.
    pub request: String,
    /// What it wrote, as far as retained, oldest first.
    pub versions: Vec<VersionName>,
}

/// The requests of all retained versions, by who asked and how he called it.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    by_name: BTreeMap<Name, BTreeMap<Stamp, (ObjectKey, String)>>,
    names: BTreeMap<Stamp, Name>,
}

/// The author and his key.
type Name = (String, String);

// === impl StoredVersion ===

impl StoredVersion {
    pub fn of(record: &Record) -> Self {
        StoredVersion {
            key: record.key.clone(),
            stamp: record.stamp.clone(),
            based_on: record.based_on.clone(),
            author: record.author.clone(),
            request: record.request.clone(),
        }
    }
}

// === impl Requests ===

impl Requests {
    pub fn insert(&mut self, key: &ObjectKey, stamp: &Stamp, author: &str, request: Option<&str>) {
        let Some(request) = request else {
            return;
        };
        let name = (author.to_owned(), request_key(request).to_owned());
        self.names.insert(stamp.clone(), name.clone());
        let versions = self.by_name.entry(name).or_default();
        versions.insert(stamp.clone(), (key.clone(), request.to_owned()));
    }

    pub fn remove(&mut self, stamp: &Stamp) {
        let Some(name) = self.names.remove(stamp) else {
            return;
        };
        if let Some(versions) = self.by_name.get_mut(&name) {
            versions.remove(stamp);
            if versions.is_empty() {
                self.by_name.remove(&name);
            }
        }
    }

    /// Where two requests of that name were carried out on two sides of a partition: the earlier one.
    pub fn find(&self, author: &str, key: &str) -> Option<PastRequest> {
        let versions = self.by_name.get(&(author.to_owned(), key.to_owned()))?;
        let (_, request) = versions.values().next()?;
        let same = versions.iter().filter(|(_, (_, other))| other == request);
        Some(PastRequest {
            request: request.clone(),
            versions: same
                .map(|(stamp, (key, _))| (key.clone(), stamp.clone()))
                .collect(),
        })
    }
}
