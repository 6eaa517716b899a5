//! Replication of the configuration: how a node learns what its peers have.
//!
//! Every change is an immutable version, named by its stamp; nodes replicate the set of retained versions,
//! and what is in force is of each object the greatest. A pure state machine: events in, effects out; no
//! I/O, no clock, no threads.
//!
//! A write is pushed to all live peers at once, and counts as stored there when they say so. Whatever
//! pushes miss is pulled: gossip carries digests of 256 buckets; on a difference the replica asks that peer
//! for the stamps of the differing buckets and pulls the versions it lacks. Since the union of sets is
//! commutative, associative and idempotent, all replicas that can reach each other end up equal, whatever
//! the order, loss or repetition of messages. Source: `DESIGN.md` "Config".

mod event;
mod exchange;
mod index;
mod intake;
#[cfg(test)]
mod model_check;
mod replica;
mod requests;
mod snapshot;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_model;
mod writes;

pub use event::{Effect, Event, ReplicaOptions, Written};
pub use index::VersionIndex;
pub use replica::{MAX_AHEAD_MS, Replica};
pub use requests::{PastRequest, StoredVersion};
pub use snapshot::{ConfigSnapshot, SharedSnapshot};
pub use writes::MAX_WAITING_WRITES;

use weir_config::{ObjectKey, Stamp};

/// A version by its object and its stamp.
pub type VersionName = (ObjectKey, Stamp);

/// Buckets whose stamps are asked for in one request.
pub const MAX_BUCKETS_AN_ASK: usize = 16;

/// Records pulled in one request.
pub const MAX_VERSIONS_A_PULL: usize = 500;
