//! The JSON bodies of `/mesh/v1/config/…`. Keys and stamps travel as texts and records as values, read
//! one by one: what a newer node writes and we cannot read holds up nothing else.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_config::{NodeId, Record, Stamp};

use crate::replication::VersionName;

/// The largest request body, bytes.
pub const REQUEST_MAX_BYTES: usize = 256 * 1024;
/// The largest answer, bytes.
pub const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Where an answer to a pull is cut, bytes; the rest is asked again. One record always fits.
pub const PULL_CUT_BYTES: usize = 4 * 1024 * 1024;
/// Versions a pull may name.
pub const PULL_MAX_VERSIONS: usize = 1_000;
/// The largest body of a push, bytes; a larger write goes in several. One record always fits.
pub const PUSH_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Where the body of a push is cut, bytes.
pub const PUSH_CUT_BYTES: usize = 2 * 1024 * 1024;

/// `POST /mesh/v1/config/stamps`: which buckets.
#[derive(Debug, Serialize, Deserialize)]
pub struct StampsAsk {
    pub buckets: Vec<u8>,
}

/// `[key, stamp]` of every version in those buckets, tombstones included.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct StampsAnswer {
    pub stamps: Vec<(String, String)>,
}

/// `POST /mesh/v1/config/pull`: which versions, as `[key, stamp]`.
#[derive(Debug, Serialize, Deserialize)]
pub struct PullAsk {
    pub versions: Vec<(String, String)>,
}

/// Records: the answer to a pull, as many as fit, and the body of `POST /mesh/v1/config/push`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Records {
    pub records: Vec<Value>,
}

/// The answer to a push: what of it is stored durably now.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PushAnswer {
    pub stored: usize,
    pub stamps: Vec<String>,
}

/// `GET /mesh/v1/config/version/{stamp}`: whether this node has a change, and since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VersionAnswer {
    pub node: NodeId,
    pub has: bool,
    /// Milliseconds since 1970-01-01 UTC by this node's clock.
    pub since_ms: Option<u64>,
}

/// `GET /mesh/v1/node`: who answers here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeAnswer {
    pub node: NodeId,
    pub cluster: String,
    pub version: String,
    pub config_root: String,
}

// === impl StampsAnswer ===

impl StampsAnswer {
    pub fn new(stamps: Vec<VersionName>) -> Self {
        StampsAnswer {
            stamps: stamps.iter().map(names).collect(),
        }
    }

    /// What can be read of it.
    pub fn read(self) -> Vec<VersionName> {
        read_names(self.stamps)
    }
}

// === impl PullAsk ===

impl PullAsk {
    pub fn new(versions: &[VersionName]) -> Self {
        PullAsk {
            versions: versions.iter().map(names).collect(),
        }
    }

    /// What can be read of it.
    pub fn read(self) -> Vec<VersionName> {
        read_names(self.versions)
    }
}

// === impl Records ===

impl Records {
    /// The body of as many records as fit so many bytes, one at least; and how many those are.
    pub fn cut<'r>(
        records: impl IntoIterator<Item = &'r Record>,
        cut_bytes: usize,
    ) -> serde_json::Result<(Vec<u8>, usize)> {
        let mut body = br#"{"records":["#.to_vec();
        let mut count = 0;
        for record in records {
            let one = serde_json::to_vec(record)?;
            if count > 0 {
                if body.len() + one.len() > cut_bytes {
                    break;
                }
                body.push(b',');
            }
            body.extend_from_slice(&one);
            count += 1;
        }
        body.extend_from_slice(b"]}");
        Ok((body, count))
    }

    /// What can be read of it.
    pub fn read(self) -> Vec<Record> {
        let read = |value| serde_json::from_value(value).ok();
        self.records.into_iter().filter_map(read).collect()
    }
}

// === impl PushAnswer ===

impl PushAnswer {
    pub fn new(stamps: &[Stamp]) -> Self {
        PushAnswer {
            stored: stamps.len(),
            stamps: stamps.iter().map(Stamp::to_string).collect(),
        }
    }

    /// What can be read of it.
    pub fn read(self) -> Vec<Stamp> {
        let read = |stamp: String| stamp.parse().ok();
        self.stamps.into_iter().filter_map(read).collect()
    }
}

fn names((key, stamp): &VersionName) -> (String, String) {
    (key.to_string(), stamp.to_string())
}

fn read_names(names: Vec<(String, String)>) -> Vec<VersionName> {
    let read = |(key, stamp): (String, String)| Some((key.parse().ok()?, stamp.parse().ok()?));
    names.into_iter().filter_map(read).collect()
}
