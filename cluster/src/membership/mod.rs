//! Who is in the cluster: chitchat's gossip behind a transport of ours.
//!
//! chitchat has no authentication, so it never listens on a network: its frames travel over the mesh. Its
//! task can die on a bad message; it is then started anew under a higher generation. Each node publishes
//! a few small keys (region, addresses, the digests of its configuration); whatever is read from others is
//! validated and bounded. Source: `DESIGN.md` "Mesh".

#[cfg(test)]
mod attacks;
mod codec;
pub mod frame;
pub mod guard;
mod handle;
mod keys;
mod publisher;
mod rows;
#[cfg(test)]
mod rows_tests;
mod runner;
#[cfg(test)]
mod scale;
mod signed;
#[cfg(test)]
mod tests;
mod transport;
mod view;

pub use handle::{
    GossipCounts, Membership, MembershipConfig, MembershipCounters, MembershipHandle,
};
pub use rows::{MAX_ROWS, PLAN_MAX_BYTES, ROW_MAX_BYTES, RowChange};
pub use view::{ClusterView, NodeView, TrustShown};
