use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::membership::frame::{KeyValue, Refusal};
use crate::membership::rows::MAX_ROWS;
use crate::membership::signed::Sum;
use crate::trust::Member;

/// Keys of one incarnation: its rows and what else it says.
const MAX_KEYS: usize = MAX_ROWS + 64;
/// Bytes of all its keys and values.
const MAX_BYTES: usize = 16 * 1_024 * 1_024;

/// An incarnation of a node that has been vouched for.
pub(super) struct Known {
    pub member: Member,
    /// The newest value it signed.
    pub version: u64,
    /// What chitchat is told as its heartbeat.
    pub beat: u64,
    pub heard_ms: u64,
    /// It is not believed now.
    pub barred: bool,
    /// Values may have been left out of what is here.
    pub holed: bool,
    values: HashMap<String, Verified>,
    sum: Sum,
    bytes: usize,
}

/// A value whose signature was verified: it is not verified again when others pass it on too.
struct Verified {
    version: u64,
    /// A hash of the value under a key that only this process knows.
    mark: u64,
    bytes: usize,
}

// === impl Known ===

impl Known {
    pub fn new(member: Member) -> Self {
        Known {
            member,
            version: 0,
            beat: 0,
            heard_ms: 0,
            barred: false,
            holed: false,
            values: HashMap::new(),
            sum: Sum::default(),
            bytes: 0,
        }
    }

    /// Something that it signed after all before was heard.
    pub fn heard(&mut self, version: u64, at_ms: u64) {
        self.version = version;
        self.heard_ms = at_ms;
        // By the clock, so that it is higher than before even where the node was forgotten in between.
        self.beat = (self.beat + 1).max(at_ms + 1);
    }

    /// Whether this very value was verified before.
    pub fn has(&self, value: &KeyValue, marks: &RandomState) -> bool {
        self.values.get(&value.key).is_some_and(|verified| {
            verified.version == value.version && verified.mark == marks.hash_one(&value.value)
        })
    }

    /// The sum of all versions with these values, which are said to be all that changed after `from`; from 0,
    /// of these alone.
    pub fn sum_after(&self, from: u64, values: &[KeyValue]) -> Sum {
        let mut versions: HashMap<&str, u64> = HashMap::with_capacity(values.len());
        let mut sum = if from == 0 { Sum::default() } else { self.sum };
        for KeyValue { key, version, .. } in values {
            let known = match from {
                0 => 0,
                _ => self.values.get(key).map_or(0, |known| known.version),
            };
            let before = versions.get(key.as_str()).copied().unwrap_or(known);
            if *version > before {
                sum = sum.with(*version, before);
                versions.insert(key, *version);
            }
        }
        sum
    }

    /// Remembers a value that was verified.
    ///
    /// # Errors
    /// Where it is more than a node may say.
    pub fn take(&mut self, value: &KeyValue, marks: &RandomState) -> Result<(), Refusal> {
        let before = self.values.get(&value.key);
        let (version, freed) = before.map_or((0, 0), |before| (before.version, before.bytes));
        if version >= value.version {
            // An older one that a peer still has: chitchat knows what to do with it.
            return Ok(());
        }
        let new = usize::from(before.is_none());
        let bytes = value.key.len() + value.value.len();
        if self.values.len() + new > MAX_KEYS || self.bytes - freed + bytes > MAX_BYTES {
            return Err(Refusal::TooMuch);
        }
        self.bytes = self.bytes - freed + bytes;
        self.sum = self.sum.with(value.version, version);
        let verified = Verified {
            version: value.version,
            mark: marks.hash_one(&value.value),
            bytes,
        };
        self.values.insert(value.key.clone(), verified);
        Ok(())
    }
}
