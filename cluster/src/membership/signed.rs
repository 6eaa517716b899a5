//! Values of gossip as their nodes sign them.
//!
//! ```text
//! value = signature (86 characters) sum (8) payload        both in base64url
//! ```
//!
//! Signed are the cluster, the incarnation (node, generation, address), the key, the version, the sum and the
//! payload. The version is chitchat's own, which only grows: whoever hands a value on can neither change it,
//! nor move it to another key, node, address or incarnation, nor show it as newer than it is.
//!
//! The *sum* is that of the versions of all keys of the node when this one was set, modulo 2^48. A peer that
//! leaves values out on purpose ends up with a smaller one, since it has no value with a higher version.
//!
//! An empty payload says that the key says nothing any more; chitchat's own deletions carry no signature and
//! are not used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chitchat::ChitchatId;

use crate::trust::{Credentials, PublicKey, SIGNATURE_BYTES};

const SIGNATURE_CHARS: usize = (SIGNATURE_BYTES * 8).div_ceil(6);
const SUM_CHARS: usize = 8;
const SUM_BYTES: usize = 6;
/// What stands before the payload of every value.
pub const SEAL_CHARS: usize = SIGNATURE_CHARS + SUM_CHARS;

const CONTEXT: &str = "weir gossip value v1";

/// Versions added up, modulo 2^48.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum(u64);

/// What is said under a key, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    pub cluster: &'a str,
    pub id: &'a ChitchatId,
    pub key: &'a str,
    pub version: u64,
    pub sum: Sum,
    pub payload: &'a str,
}

/// What a value says: all behind its seal; `None` where that is nothing.
pub fn payload(value: &str) -> Option<&str> {
    value
        .get(SEAL_CHARS..)
        .filter(|payload| !payload.is_empty())
}

/// The sum that a value carries.
pub fn sum(value: &str) -> Option<Sum> {
    let mut bytes = [0; 8];
    let text = value.get(SIGNATURE_CHARS..SEAL_CHARS)?;
    let read = BASE64.decode_slice_unchecked(text, &mut bytes[8 - SUM_BYTES..]);
    (read == Ok(SUM_BYTES)).then(|| Sum(u64::from_be_bytes(bytes)))
}

// === impl Sum ===

impl Sum {
    /// With a key at `version` that was at `before`, or was not there (0).
    #[must_use]
    pub fn with(self, version: u64, before: u64) -> Self {
        let sum = self.0.wrapping_add(version).wrapping_sub(before);
        Sum(sum & ((1 << (8 * SUM_BYTES)) - 1))
    }

    fn text(self) -> String {
        BASE64.encode(&self.0.to_be_bytes()[8 - SUM_BYTES..])
    }
}

// === impl Said ===

impl Said<'_> {
    /// The value, signed.
    pub fn sign(&self, credentials: &Credentials) -> String {
        let signature = credentials.sign(CONTEXT, &self.message());
        let mut value = BASE64.encode(signature);
        value.push_str(&self.sum.text());
        value.push_str(self.payload);
        value
    }

    /// Whether a value whose sum and payload these are was signed with this key.
    pub fn is_signed(&self, value: &str, key: &PublicKey) -> bool {
        let mut signature = [0; SIGNATURE_BYTES];
        let text = value.get(..SIGNATURE_CHARS).unwrap_or_default();
        let read = BASE64.decode_slice_unchecked(text, &mut signature);
        read == Ok(SIGNATURE_BYTES) && key.verify(CONTEXT, &self.message(), &signature)
    }

    /// Every text with its length before it, so that no two things said have the same bytes.
    fn message(&self) -> Vec<u8> {
        let address = self.id.gossip_advertise_addr.to_string();
        let texts = [
            self.cluster,
            &self.id.node_id,
            &address,
            self.key,
            self.payload,
        ];
        let length: usize = texts.iter().map(|text| text.len() + 8).sum();
        let mut message = Vec::with_capacity(length + 24);
        for text in texts {
            message.extend((text.len() as u64).to_be_bytes());
            message.extend(text.as_bytes());
        }
        for number in [self.id.generation_id, self.version, self.sum.0] {
            message.extend(number.to_be_bytes());
        }
        message
    }
}
