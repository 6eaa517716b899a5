//! The JSON bodies of `/mesh/v1/config/…`. Keys and stamps travel as texts and records as values, read
//! one by one: what a newer node writes and we cannot read holds up nothing else.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_config::{NodeId, ObjectKey, Record, Stamp};

/// The largest request body, bytes.
pub const REQUEST_MAX_BYTES: usize = 256 * 1024;
/// The largest answer, bytes.
pub const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Where an answer to a pull is cut, bytes; the rest is asked again. One record always fits.
pub const PULL_CUT_BYTES: usize = 4 * 1024 * 1024;
/// Keys a pull may name.
pub const PULL_MAX_KEYS: usize = 1_000;

/// `POST /mesh/v1/config/stamps`: which buckets.
#[derive(Debug, Serialize, Deserialize)]
pub struct StampsAsk {
    pub buckets: Vec<u8>,
}

/// `[key, stamp]` of every record in those buckets, tombstones included.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct StampsAnswer {
    pub stamps: Vec<(String, String)>,
}

/// `POST /mesh/v1/config/pull`: which records.
#[derive(Debug, Serialize, Deserialize)]
pub struct PullAsk {
    pub keys: Vec<String>,
}

/// The records, as many as fit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PullAnswer {
    pub records: Vec<Value>,
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
    pub fn new(stamps: Vec<(ObjectKey, Stamp)>) -> Self {
        let text = |(key, stamp): (ObjectKey, Stamp)| (key.to_string(), stamp.to_string());
        StampsAnswer {
            stamps: stamps.into_iter().map(text).collect(),
        }
    }

    /// What can be read of it.
    pub fn read(self) -> Vec<(ObjectKey, Stamp)> {
        let read = |(key, stamp): (String, String)| Some((key.parse().ok()?, stamp.parse().ok()?));
        self.stamps.into_iter().filter_map(read).collect()
    }
}

// === impl PullAnswer ===

impl PullAnswer {
    /// The records up to the size limit.
    pub fn cut<'a>(records: impl Iterator<Item = &'a Record>) -> serde_json::Result<Vec<u8>> {
        let mut body = br#"{"records":["#.to_vec();
        let begin = body.len();
        for record in records {
            let one = serde_json::to_vec(record)?;
            if body.len() > begin {
                if body.len() + one.len() > PULL_CUT_BYTES {
                    break;
                }
                body.push(b',');
            }
            body.extend_from_slice(&one);
        }
        body.extend_from_slice(b"]}");
        Ok(body)
    }

    /// What can be read of it.
    pub fn read(self) -> Vec<Record> {
        let read = |value| serde_json::from_value(value).ok();
        self.records.into_iter().filter_map(read).collect()
    }
}
