use serde::{Deserialize, Serialize};

/// A bearer token of the admin API. Only its digest is kept and replicated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Token {
    /// The token's name, which changes made with it are signed by.
    pub id: String,
    /// SHA-256 of the token, 64 hexadecimal digits. A token has 256 random bits, so it needs no salt.
    pub sha256: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
}
