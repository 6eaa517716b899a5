use serde::{Deserialize, Serialize};

/// A node that was let into the cluster. Only the node's public key is here; its private one never leaves its disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// The node's name.
    pub id: String,
    /// The public key of its certificates: Ed25519, 64 hexadecimal digits.
    pub key: String,
    /// How often a node of this name was let in, the last time included. Certificates of earlier times are worthless.
    pub enrolment: u32,
    /// It holds the keys of the cluster's authorities and may let others in.
    #[serde(default)]
    pub issuer: bool,
    /// Its certificates are worthless, until a node of this name is let in once more.
    #[serde(default)]
    pub revoked: bool,
    /// Milliseconds since 1970-01-01 UTC.
    pub joined_at_ms: u64,
}

/// An authority whose certificates the nodes believe. Its key is on the disks of the issuers alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Authority {
    /// SHA-256 of its certificate, 64 hexadecimal digits.
    pub id: String,
    /// DER, base64.
    pub certificate: String,
    /// New certificates are of this one.
    #[serde(default)]
    pub issuing: bool,
    /// Milliseconds since 1970-01-01 UTC.
    pub made_at_ms: u64,
}
