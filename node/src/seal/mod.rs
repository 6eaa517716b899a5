//! Secrets at rest: texts that are never shown, and sealed values that are nothing to whoever has no key.
//!
//! A sealed value may lie in the store, travel between nodes and stand in a backup. It says by which key it was
//! sealed, so that a node with another key can tell its operator so.

mod error;
mod key;
mod key_file;
mod secret;

pub use error::SealError;
pub use key::SealKey;
pub use secret::Secret;
