//! How Weir nodes agree: membership by gossip, the mesh that carries it, replication of the
//! configuration, and the package ledger.
//!
//! Pure cores (`replication`, `ledger`, `plan`, `trust`) take events and return effects; `mesh` and `membership` are the
//! sockets round them.
#![forbid(unsafe_code)]

// What unit tests and integration tests share names the crate as others do.
#[cfg(test)]
extern crate self as weir_cluster;

pub mod codec;
#[cfg(test)]
mod explored;
pub mod ledger;
pub mod membership;
pub mod mesh;
pub mod plan;
pub mod replication;
pub mod trust;
