//! Who is a node of this cluster: the cluster's authorities, the credentials they issue to nodes, and the rules by
//! which a certificate or a signature is believed. No sockets, no files; whoever
//! calls brings the time.
//!
//! ```text
//! Authority ── issues ──▶ certificate ─┐
//! NodeKey ─────────────────────────────┴─▶ Credentials ── TLS, Credentials::sign ──▶ other nodes
//! other nodes: Trust::verify_member(certificate, now) ─▶ Member ── Member::verify(context, message, signature)
//! ```
//!
//! Keys are Ed25519. A certificate names its node in a URI, `weir://<cluster>/node/<node>/<enrolment>`, and has
//! `weir://<cluster>/issuer` beside it where the node may issue certificates itself. The *enrolment* counts how often a
//! node of this name was let in: revoking it makes every certificate of that enrolment, and of those before, worthless
//! without any clock or list of serial numbers.

use std::time::{SystemTime, UNIX_EPOCH};

mod authority;
mod credentials;
mod key;
mod member;
mod refusal;
mod registry;
mod shared;
#[cfg(test)]
mod tests;
mod token;

pub use authority::{Authority, AuthorityCertificate, AuthorityId, Grant, requested_key};
pub use credentials::{Credentials, NoCredentials};
pub use key::{NodeKey, PublicKey, SIGNATURE_BYTES};
pub use member::Member;
pub use refusal::{NotTrusted, TrustError};
pub use registry::{Registered, Trust, certified};
pub use shared::SharedTrust;
pub use token::{BadToken, JoinToken, TOKEN_PREFIX};

/// Milliseconds since 1970-01-01 UTC: for shells round what is pure here.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Certificates are valid from so long before they were made: clocks of nodes may differ by as much.
pub const CLOCK_SLACK_S: u64 = 300;
