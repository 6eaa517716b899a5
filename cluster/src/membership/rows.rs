//! Rows: keys that change often and belong to the package ledger (`mint`, `plan`, `q.…`).
//!
//! They travel with all other keys, but are read by their versions: of a node with a thousand of them only
//! what changed is looked at, and the view of the cluster is not made anew for them.

use std::collections::{BTreeMap, HashMap};

use chitchat::{ChitchatId, NodeState, Version};
use parking_lot::Mutex;
use weir_config::NodeId;

use super::keys::{BEAT, CERT};
use super::signed::payload;

/// Rows of one node; more are as if they were not there.
pub const MAX_ROWS: usize = 16_384;
/// A gateway's row.
pub const ROW_MAX_BYTES: usize = 2 * 1_024;
/// A node's row in the mint plan: it echoes up to 1,024 members.
pub const MINT_ROW_MAX_BYTES: usize = 6 * 1_024;
/// The document of a mint plan; chitchat never delivers a value above 32 KB.
pub const PLAN_MAX_BYTES: usize = 30_000;

const MINT: &str = "mint";
const PLAN: &str = "plan";
const GATEWAY_PREFIX: &str = "q.";
const KEY_MAX_BYTES: usize = 32;

/// What another node now says under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowChange {
    pub node: NodeId,
    /// Of the incarnation that says it.
    pub generation: u64,
    pub key: String,
    /// `None`: it says nothing any more, or nothing that is legal.
    pub value: Option<String>,
}

/// Changes of rows that nobody has taken yet: of each row the newest.
#[derive(Debug, Default)]
pub(super) struct RowChanges(Mutex<BTreeMap<(NodeId, String), RowChange>>);

/// What is known of the rows of one incarnation of a node.
#[derive(Debug)]
pub(super) struct KnownRows {
    node: NodeId,
    generation: u64,
    /// Everything up to this version has been read.
    read_to: Version,
    versions: HashMap<String, Version>,
}

/// What reading a node's changed keys brought.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub rows: Vec<RowChange>,
    /// A key that is no row has changed.
    pub others: bool,
}

/// Whether a key is one of a row.
pub(super) fn is_row(key: &str) -> bool {
    key == MINT
        || key == PLAN
        || key.starts_with(GATEWAY_PREFIX)
            && key.len() > GATEWAY_PREFIX.len()
            && key.len() <= KEY_MAX_BYTES
            && key.bytes().all(|b| b.is_ascii_graphic())
}

/// The longest value that may stand in a row.
pub(super) fn max_bytes(key: &str) -> usize {
    match key {
        PLAN => PLAN_MAX_BYTES,
        MINT => MINT_ROW_MAX_BYTES,
        _ => ROW_MAX_BYTES,
    }
}

/// Whether a value may stand in a row.
pub(super) fn is_legal(key: &str, value: &str) -> bool {
    value.len() <= max_bytes(key) && value.bytes().all(|b| b.is_ascii_graphic())
}

/// What a row's value says, if that is legal.
fn said<'a>(key: &str, value: &'a str) -> Option<&'a str> {
    payload(value).filter(|said| is_legal(key, said))
}

// === impl RowChanges ===

impl RowChanges {
    pub fn add(&self, changes: Vec<RowChange>) {
        if changes.is_empty() {
            return;
        }
        let mut waiting = self.0.lock();
        for change in changes {
            waiting.insert((change.node.clone(), change.key.clone()), change);
        }
    }

    pub fn take(&self) -> Vec<RowChange> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}

// === impl KnownRows ===

impl KnownRows {
    pub fn new(node: NodeId, id: &ChitchatId) -> Self {
        KnownRows {
            node,
            generation: id.generation_id,
            read_to: 0,
            versions: HashMap::new(),
        }
    }

    /// Reads what has changed since the last time.
    pub fn read(&mut self, state: &NodeState) -> Read {
        let mut read = Read::default();
        let version = state.max_version();
        if version == self.read_to {
            return read;
        }
        // chitchat begins a node anew that lags far behind: then everything may be different.
        let from = if version < self.read_to {
            read.others = true;
            0
        } else {
            self.read_to
        };
        self.read_to = version;
        let mut there = 0;
        for (key, value) in state.key_values_including_deleted() {
            if !is_row(key) {
                read.others |= value.version > from && key != BEAT && key != CERT;
                continue;
            }
            let said = match value.is_deleted() {
                true => None,
                false => said(key, &value.value),
            };
            there += usize::from(said.is_some());
            if value.version > from {
                let value_now = said;
                read.rows.extend(self.note(key, value.version, value_now));
            }
        }
        if there != self.versions.len() {
            read.rows.extend(self.note_gone(state));
        }
        read
    }

    /// All that was known is gone: the node was forgotten, or an incarnation above this one speaks.
    pub fn end(self) -> Vec<RowChange> {
        let KnownRows {
            node,
            generation,
            versions,
            ..
        } = self;
        let gone = |key| RowChange {
            node: node.clone(),
            generation,
            key,
            value: None,
        };
        versions.into_keys().map(gone).collect()
    }

    fn note(&mut self, key: &str, version: Version, value: Option<&str>) -> Option<RowChange> {
        let known = self.versions.get(key).copied();
        let changed = match value {
            None => self.versions.remove(key).is_some(),
            Some(_) if known.is_none() && self.versions.len() >= MAX_ROWS => false,
            Some(_) if known == Some(version) => false,
            Some(_) => {
                self.versions.insert(key.to_owned(), version);
                true
            }
        };
        changed.then(|| self.change(key, value))
    }

    /// Rows that vanished without a word: their deletion was forgotten before it came here.
    fn note_gone(&mut self, state: &NodeState) -> Vec<RowChange> {
        let gone = |key: &&String| {
            let value = state.get(key);
            value.is_none_or(|value| said(key, value).is_none())
        };
        let gone: Vec<String> = self.versions.keys().filter(gone).cloned().collect();
        gone.iter()
            .map(|key| {
                self.versions.remove(key);
                self.change(key, None)
            })
            .collect()
    }

    fn change(&self, key: &str, value: Option<&str>) -> RowChange {
        RowChange {
            node: self.node.clone(),
            generation: self.generation,
            key: key.to_owned(),
            value: value.map(str::to_owned),
        }
    }
}
