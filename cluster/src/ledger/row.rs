//! What one gateway's key carries in gossip: this node's entries for bytes and for requests.
//!
//! Text form: format number, bincode (`crate::codec`), base64url without padding. At most [`ROW_MAX_BYTES`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Incarnation;
use super::incarnation::hash_64;
use crate::codec::{self, CodecError};

/// The longest text form of a row, in bytes.
pub const ROW_MAX_BYTES: usize = 2_048;

/// The most counters one entry lists: two entries of so many, each of the longest, fit a row.
pub const LISTED_MAX: usize = 40;

/// The greatest need or surplus that is read, in parts: a sum over 1,000 nodes stays countable.
pub const AMOUNT_MAX_PARTS: u64 = 1 << 53;

/// The format of today.
const FORMAT: u8 = 1;

/// What a node publishes of one resource of one gateway. In parts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the turns that found a need. Gossip hands on nothing that has not changed, and a need is
    /// answered once a turn: one that stays as great is a new one every turn.
    pub turn: u32,
    /// What it expects to lack next.
    pub need: u64,
    /// What it expects to have over; 0 where it has need.
    pub surplus: u64,
    /// All that was ever given to each receiver: counters that only grow. Those given to lately, ascending
    /// by receiver.
    pub given: Vec<(Incarnation, u64)>,
}

/// One gateway on one node, as gossip carries it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayRow {
    /// Whose row it is: the giver of all that is given in it.
    pub incarnation: Incarnation,
    pub bytes: Option<Entry>,
    /// `None` too where the package has no limit on requests.
    pub requests: Option<Entry>,
}

/// Why a text is no row.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("a package row of {0} bytes, at most {ROW_MAX_BYTES} are read")]
    TooLong(usize),
    #[error("a package row that is not base64url: {0}")]
    NotBase64(#[from] base64::DecodeError),
    #[error("a package row of format {0}, this node reads format {FORMAT}")]
    Format(u8),
    #[error("a package row without content")]
    Empty,
    #[error("a package row that cannot be read: {0}")]
    Unreadable(#[from] CodecError),
    #[error("a package row with {0}")]
    Unsound(&'static str),
}

/// The key of a gateway's row: `q.` and 64 bits of a hash of the gateway's id, in base64url.
pub fn gateway_key(gateway: &str) -> String {
    let hash = hash_64(gateway.as_bytes());
    format!("q.{}", URL_SAFE_NO_PAD.encode(hash.to_be_bytes()))
}

// === impl GatewayRow ===

impl GatewayRow {
    /// The text form. A ledger's own entries always fit; of longer ones the end of the list is left out.
    pub fn encode(&self) -> String {
        let mut bytes = vec![FORMAT];
        let listed =
            |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.given.len() > LISTED_MAX);
        let written = if listed(&self.bytes) || listed(&self.requests) {
            let mut shorter = self.clone();
            for entry in [&mut shorter.bytes, &mut shorter.requests] {
                entry.iter_mut().for_each(|e| e.given.truncate(LISTED_MAX));
            }
            codec::encode(&shorter)
        } else {
            codec::encode(self)
        };
        // These types have a form in bincode; without one the row would be empty, which is read as an error.
        bytes.extend(written.unwrap_or_default());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A row from the text form, sound and bounded.
    ///
    /// # Errors
    /// Says why the text is no row.
    pub fn decode(text: &str) -> Result<Self, RowError> {
        if text.len() > ROW_MAX_BYTES {
            return Err(RowError::TooLong(text.len()));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text)?;
        let row: GatewayRow = match bytes.split_first() {
            None => return Err(RowError::Empty),
            Some((&FORMAT, rest)) => codec::decode(rest, ROW_MAX_BYTES)?,
            Some((&other, _)) => return Err(RowError::Format(other)),
        };
        for entry in [&row.bytes, &row.requests].into_iter().flatten() {
            entry.check()?;
        }
        Ok(row)
    }
}

// === impl Entry ===

impl Entry {
    /// What this entry's node has given to `receiver`, if it is listed.
    pub fn given_to(&self, receiver: Incarnation) -> Option<u64> {
        let at = self.given.binary_search_by_key(&receiver, |&(to, _)| to);
        at.ok()
            .and_then(|at| self.given.get(at))
            .map(|&(_, total)| total)
    }

    fn check(&self) -> Result<(), RowError> {
        if self.need > AMOUNT_MAX_PARTS || self.surplus > AMOUNT_MAX_PARTS {
            return Err(RowError::Unsound("a need or surplus beyond all packages"));
        }
        if self.need > 0 && self.surplus > 0 {
            return Err(RowError::Unsound("both need and surplus"));
        }
        if self.given.len() > LISTED_MAX {
            return Err(RowError::Unsound("too many counters"));
        }
        if !self.given.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(RowError::Unsound("counters out of order"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let given = prop::collection::btree_map(any::<u64>(), any::<u64>(), 0..LISTED_MAX);
        (0..=AMOUNT_MAX_PARTS, any::<bool>(), given).prop_map(|(amount, needy, given)| Entry {
            turn: amount as u32,
            need: if needy { amount } else { 0 },
            surplus: if needy { 0 } else { amount },
            given: given
                .into_iter()
                .map(|(to, total)| (Incarnation(to), total))
                .collect(),
        })
    }

    fn row() -> impl Strategy<Value = GatewayRow> {
        let entries = (prop::option::of(entry()), prop::option::of(entry()));
        (any::<u64>(), entries).prop_map(|(id, (bytes, requests))| GatewayRow {
            incarnation: Incarnation(id),
            bytes,
            requests,
        })
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(row in row()) {
            let text = row.encode();
            prop_assert!(text.len() <= ROW_MAX_BYTES);
            prop_assert_eq!(GatewayRow::decode(&text).unwrap(), row);
        }

        #[test]
        fn no_text_makes_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut framed = vec![FORMAT];
            framed.extend(&bytes);
            for bytes in [bytes, framed] {
                if let Ok(row) = GatewayRow::decode(&URL_SAFE_NO_PAD.encode(&bytes)) {
                    prop_assert!([row.bytes, row.requests].iter().flatten().all(|e| e.check().is_ok()));
                }
                let _ = GatewayRow::decode(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    fn full(amount: u64) -> GatewayRow {
        let given = (0..LISTED_MAX as u64).map(|i| (Incarnation(u64::MAX - 100 + i), u64::MAX));
        let entry = Entry {
            turn: u32::MAX,
            need: amount,
            surplus: 0,
            given: given.collect(),
        };
        GatewayRow {
            incarnation: Incarnation(u64::MAX),
            bytes: Some(entry.clone()),
            requests: Some(entry),
        }
    }

    #[test]
    fn the_longest_row_fits() {
        let text = full(AMOUNT_MAX_PARTS).encode();
        assert!(text.len() <= ROW_MAX_BYTES, "{}", text.len());
        assert!(GatewayRow::decode(&text).is_ok());
    }

    #[test]
    fn unsound_rows_are_refused() {
        assert!(matches!(
            GatewayRow::decode(&full(AMOUNT_MAX_PARTS + 1).encode()),
            Err(RowError::Unsound("a need or surplus beyond all packages"))
        ));
        let mut both = full(1);
        both.bytes.as_mut().unwrap().surplus = 1;
        assert!(matches!(
            GatewayRow::decode(&both.encode()),
            Err(RowError::Unsound("both need and surplus"))
        ));
        let mut twice = full(1);
        twice.bytes.as_mut().unwrap().given = vec![(Incarnation(1), 5), (Incarnation(1), 6)];
        assert!(matches!(
            GatewayRow::decode(&twice.encode()),
            Err(RowError::Unsound("counters out of order"))
        ));
        assert!(matches!(GatewayRow::decode(""), Err(RowError::Empty)));
        assert!(matches!(
            GatewayRow::decode("AAAA"),
            Err(RowError::Format(0))
        ));
        assert!(matches!(
            GatewayRow::decode(&"A".repeat(2_049)),
            Err(RowError::TooLong(2_049))
        ));
    }

    #[test]
    fn a_gateways_key_is_short_and_its_own() {
        assert_eq!(gateway_key("shop").len(), 13);
        assert!(gateway_key("shop").starts_with("q."));
        assert_ne!(gateway_key("shop"), gateway_key("shop2"));
    }
}
