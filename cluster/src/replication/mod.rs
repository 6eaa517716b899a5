//! Replication of the configuration: how a node learns what its peers have.
//!
//! A pure state machine: events in, effects out; no I/O, no clock, no threads. Gossip carries only
//! digests of 256 buckets; on a difference the replica asks that peer for the stamps of the differing
//! buckets, pulls the records that are newer there and merges them, last stamp wins. Since merging is
//! commutative, associative and idempotent, all replicas that can reach each other end up equal, whatever
//! the order, loss or repetition of messages. Source: `DESIGN.md` "Config".

mod exchange;
mod replica;
mod snapshot;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_model;

pub use replica::{Effect, Event, MAX_AHEAD_MS, Replica};
pub use snapshot::{ConfigSnapshot, SharedSnapshot};

/// Buckets whose stamps are asked for in one request.
pub const MAX_BUCKETS_AN_ASK: usize = 16;

/// Records pulled in one request.
pub const MAX_KEYS_A_PULL: usize = 500;
