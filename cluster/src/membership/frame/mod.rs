//! Frames of gossip as bytes: chitchat's wire format, protocol versions 0 and 1, read strictly.
//!
//! chitchat believes what it is sent: a key that does not begin in ASCII, a heartbeat of 2^64 - 1, a block
//! that unpacks to gigabytes or a digest of thousands of invented nodes each kill or blind it. So it never
//! sees a peer's bytes: a frame is read here whole, into types of ours with a bound on everything, and
//! what is left of it after the [guard](super::guard) is written anew. Two readers that understand the same
//! bytes differently cannot be played against each other, since chitchat only reads what was written here.
//!
//! Source of the format: chitchat 0.13, `message_serialize.rs`, `digest.rs`, `delta.rs`, `serialize.rs`.
//!
//! ```text
//! frame   = magic (45139, u16) version (u8: 0, 1) type (u8) body         integers are little endian
//! body    = 0: digest cluster | 1: digest delta | 2: delta | 3: nothing ("bad cluster")
//! digest  = version 0: count (u16) entry*    version 1: stream of entry*
//! entry   = id heartbeat (u64) collected (u64) version (u64)
//! id      = node (text) generation (u64) ip (4: 4 bytes, 6: 16 bytes) port (u16)
//! delta   = stream of op*
//! op      = 0: id collected (u64) from (u64) | 1: key (text) value (text) version (u64) status (u8)
//!         | 2: version (u64)
//! stream  = (1: length (u16) zstd | 2: length (u16) bytes)* 0
//! text    = length (u16) UTF-8
//! ```

mod blocks;
mod bytes;
mod read;
mod refusal;
#[cfg(test)]
pub(super) mod tests;
mod write;

use chitchat::ChitchatId;

pub use refusal::{REFUSALS, Refusal};

/// The longest frame, in bytes: chitchat's own limit.
pub const FRAME_MAX_BYTES: usize = crate::mesh::FRAME_MAX_BYTES;
/// Entries of a digest, and nodes of a delta: the cluster planned for, each node twice (a restarted one has
/// two incarnations until the old is forgotten). Above about 1,600 chitchat's own digest no longer fits a
/// frame, and it dies of that.
pub const MAX_NODES: usize = 1_500;
/// Bytes of a digest when unpacked: so many entries of the longest names.
pub const DIGEST_MAX_BYTES: usize = 256 * 1_024;
/// Bytes of a delta when unpacked: what fits a frame carries signatures, which do not pack.
pub const DELTA_MAX_BYTES: usize = 1_024 * 1_024;
/// Values of a delta.
pub const MAX_VALUES: usize = 8_192;
/// Heartbeats, versions and generations beyond this are refused. A heartbeat counts messages and a
/// generation milliseconds: neither comes here in 285,000 years.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Name of a cluster, as its setting allows.
pub const CLUSTER_MAX_BYTES: usize = 256;

/// A frame that is well-formed and within all bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Protocol version 0 or 1: how a digest is written, and how the answer is to be.
    pub version: u8,
    pub message: Message,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// What the sender has; the beginning of an exchange.
    Syn {
        cluster: String,
        digest: Vec<DigestEntry>,
    },
    /// What the sender has, and what the receiver lacks.
    SynAck {
        digest: Vec<DigestEntry>,
        delta: Vec<NodeDelta>,
    },
    /// What the receiver lacks.
    Ack { delta: Vec<NodeDelta> },
}

/// How much the sender of a digest has of one incarnation of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DigestEntry {
    pub id: ChitchatId,
    pub heartbeat: u64,
    /// The newest deletion that is forgotten.
    pub collected: u64,
    /// The newest value.
    pub version: u64,
}

/// Values of one incarnation of a node, all that changed after `from`, ascending by version; possibly cut
/// short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeDelta {
    pub id: ChitchatId,
    pub collected: u64,
    pub from: u64,
    pub values: Vec<KeyValue>,
    /// Said in place of values that are no more.
    pub version: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyValue {
    pub key: String,
    pub value: String,
    pub version: u64,
    pub status: Status,
}

/// What is to become of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Set,
    Deleted,
    /// Visible until it is deleted.
    Expiring,
}

// === impl Frame ===

impl Frame {
    /// Reads a frame that exactly these bytes are.
    ///
    /// # Errors
    /// Says why the bytes are no frame that a node of ours would send.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        read::frame(bytes)
    }

    /// A frame that says what its sender has, as bytes that chitchat reads.
    pub(super) fn write_syn(version: u8, cluster: &str, digest: &[DigestEntry]) -> Vec<u8> {
        write::syn(version, cluster, digest)
    }

    /// The frame as bytes that chitchat reads.
    pub fn write(&self) -> Vec<u8> {
        write::frame(self)
    }
}

/// A delta as bytes that chitchat reads.
pub(super) fn write_delta(delta: &[NodeDelta]) -> Vec<u8> {
    let mut out = Vec::new();
    write::delta(&mut out, delta);
    out
}

// === impl Status ===

impl Status {
    /// How it is written.
    pub fn code(self) -> u8 {
        match self {
            Status::Set => 0,
            Status::Deleted => 1,
            Status::Expiring => 2,
        }
    }
}
