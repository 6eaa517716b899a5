//! Rows of gossip as bytes: bincode 2.0.1, behind this module alone.
//!
//! Integers are varints, little endian. What is read comes from other nodes, so reading is strict: the
//! length is looked at before anything is allocated, no length inside may claim more than
//! [`CLAIMED_MAX_BYTES`], and no byte may be left over.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most that lengths inside one value may claim together, in bytes of memory.
pub const CLAIMED_MAX_BYTES: usize = 1 << 18;

/// Why bytes are not a value, or a value has no bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("{length} bytes, at most {limit} are read")]
    TooLong { length: usize, limit: usize },
    #[error("{0} bytes are left over behind the value")]
    LeftOver(usize),
    #[error("the bytes are no value of this kind: {0}")]
    Unreadable(#[from] bincode::error::DecodeError),
    #[error("the value cannot be written: {0}")]
    Unwritable(#[from] bincode::error::EncodeError),
}

fn format() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<CLAIMED_MAX_BYTES>()
}

/// A value as bytes.
///
/// # Errors
/// Where the type has no form in bincode (sequences of unknown length).
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    Ok(bincode::serde::encode_to_vec(value, format())?)
}

/// The value that exactly these bytes stand for.
///
/// # Errors
/// More than `limit` bytes, bytes that are no such value, bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, CodecError> {
    if bytes.len() > limit {
        let length = bytes.len();
        return Err(CodecError::TooLong { length, limit });
    }
    let (value, read) = bincode::serde::decode_from_slice(bytes, format())?;
    match bytes.len() - read {
        0 => Ok(value),
        over => Err(CodecError::LeftOver(over)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Sample = BTreeMap<String, Vec<(u64, bool)>>;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            value in prop::collection::btree_map("[a-z]{0,8}", prop::collection::vec(any::<(u64, bool)>(), 0..8), 0..8),
        ) {
            let bytes = encode(&value).unwrap();
            prop_assert_eq!(decode::<Sample>(&bytes, bytes.len()).unwrap(), value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<Sample>(&bytes, 300);
        }
    }

    #[test]
    fn bytes_left_over_are_refused() {
        let mut bytes = encode(&7u64).unwrap();
        bytes.push(0);
        assert!(matches!(
            decode::<u64>(&bytes, 100),
            Err(CodecError::LeftOver(1))
        ));
    }

    #[test]
    fn more_bytes_than_the_limit_are_refused_unread() {
        let bytes = encode(&vec![1u8; 100]).unwrap();
        assert!(matches!(
            decode::<Vec<u8>>(&bytes, 100),
            Err(CodecError::TooLong {
                length: 101,
                limit: 100
            })
        ));
    }

    #[test]
    fn a_length_that_claims_the_whole_memory_allocates_nothing() {
        // A varint of 2^62, and nothing behind it.
        let mut bytes = vec![253];
        bytes.extend((1u64 << 62).to_le_bytes());
        assert!(decode::<String>(&bytes, 100).is_err());
        assert!(decode::<Vec<u64>>(&bytes, 100).is_err());
    }
}
