//! The package ledger. Today a meter for one node; the ledger over all regions (`QUOTA.md`) mints into it.

mod bucket;
mod meter;

pub use bucket::Bucket;
pub use meter::{Charge, Exceeded, Meter};
