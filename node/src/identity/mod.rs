//! What makes this process a node of its cluster: its key and certificate, the authorities it believes, and, on some
//! nodes, the keys to let others in.
//!
//! ```text
//! first node ─▶ begin: authority, key, certificate ─┐
//! --join TOKEN@HOST:PORT ─▶ join: key, request ──────┼─▶ files (0600, sealed where a seal key is given) ─▶ SharedTrust
//! restart ─▶ what the files say ────────────────────┘                                                       ▲
//! configuration (nodes, authorities) ─▶ IdentityActor: whom to believe, renewal, keys of new authorities ────┘
//! a stranger, a node ─▶ Granter: join tokens, certificates
//! ```

mod actor;
mod error;
mod files;
mod granter;
mod keys;
mod open;
mod registry;
mod rotation;
#[cfg(test)]
mod tests;
mod token;

pub use actor::{IdentityActor, IdentityParts};
pub use error::IdentityError;
pub use files::{IdentityFiles, MESH_DIR};
pub use granter::Granter;
pub use keys::AuthorityKeys;
pub use open::{Opened, open};
pub use registry::{ensure_registered, trust_of};
pub use rotation::{Lagging, Rotated, RotationStep, rotate};
pub use token::{JoinTokens, NewToken, NotRedeemed};
