//! The package ledger: a limit of L tokens a second over all nodes, which no one node counts.
//!
//! Every node mints its share of L, spends what it holds, and donates what it has over to nodes in need,
//! through counters that only grow. A token is minted once, by one node, and moved by its owner alone:
//! late, lost, repeated or reordered gossip can delay a token, never copy it. Source: `QUOTA.md`.
//!
//! - [`Meter`]: the hot path; two purses and counters, shared by all cores.
//! - [`Ledger`]: one resource (bytes or requests) of one gateway on one node. Pure: no I/O, no clock.
//! - [`GatewayRow`]: what a node publishes of a gateway.
//!
//! Which share of L a node may mint, and when, is the mint plan's to say.

mod call_size;
mod charge;
mod demand;
mod donation;
mod incarnation;
mod lows;
mod meter;
mod mint;
mod purse;
mod row;
mod state;
mod terms;

// Until every node mints by plan: the source that one node alone mints from.
mod bucket;

pub use bucket::Bucket;
pub use call_size::CallSize;
pub use charge::Charge;
pub use incarnation::Incarnation;
pub use meter::{EXPECTED_CALL_MAX_BYTES, Exceeded, Hints, Meter, Offered};
pub use purse::{Balance, Purse};
pub use row::{Entry, GatewayRow, LISTED_MAX, ROW_MAX_BYTES, RowError, gateway_key};
pub use state::{Caps, Figures, Ledger, Turn};
pub use terms::Terms;

/// Parts of a token, in which everything is counted: three requests a second over five nodes, or one byte a
/// second over fifty, leave every node something to mint.
pub const PARTS: u64 = 1_024;

/// The whole of the minting; a node's share is a part of it.
pub const WHOLE: u64 = 1 << 32;

/// Tokens in parts, as a purse counts them.
fn parts_of(tokens: u64) -> i64 {
    (tokens * PARTS) as i64
}
