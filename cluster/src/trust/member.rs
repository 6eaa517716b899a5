use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;
use weir_config::NodeId;

use super::CLOCK_SLACK_S;
use super::authority::AuthorityId;
use super::key::PublicKey;
use super::refusal::NotTrusted;

/// How the names of a cluster begin.
const SCHEME: &str = "weir://";
/// An Ed25519 key as X.509 wraps it: what stands before its 32 bytes (RFC 8410).
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A node of this cluster, by a certificate that was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub node: NodeId,
    /// How often a node of this name had been let in, this time included.
    pub enrolment: u32,
    /// It may issue certificates.
    pub issuer: bool,
    pub key: PublicKey,
    /// Who issued the certificate.
    pub authority: AuthorityId,
    /// When the certificate was issued, milliseconds since 1970-01-01 UTC, to the second.
    pub issued_at_ms: u64,
    /// The certificate's end, milliseconds since 1970-01-01 UTC.
    pub not_after_ms: u64,
}

/// What the names in a certificate say.
#[derive(Debug)]
pub(super) struct Named {
    pub cluster: String,
    pub node: NodeId,
    pub enrolment: u32,
    pub issuer: bool,
}

pub(super) fn node_name(cluster: &str, node: &NodeId, enrolment: u32) -> String {
    format!("{SCHEME}{cluster}/node/{node}/{enrolment}")
}

pub(super) fn issuer_name(cluster: &str) -> String {
    format!("{SCHEME}{cluster}/issuer")
}

/// The Ed25519 key of a certificate; `None` for another kind.
pub(super) fn public_key(certificate: &EndEntityCert<'_>) -> Option<PublicKey> {
    let spki = certificate.subject_public_key_info();
    PublicKey::from_bytes(spki.as_ref().strip_prefix(&ED25519_SPKI[..])?)
}

/// When a certificate was issued and when it ends, milliseconds since 1970-01-01 UTC.
pub(super) fn validity_ms(certificate: &CertificateDer<'_>) -> Result<(u64, u64), NotTrusted> {
    let (_, read) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| NotTrusted::Unreadable)?;
    let ms = |seconds: i64| {
        let seconds = u64::try_from(seconds).map_err(|_| NotTrusted::Unreadable)?;
        Ok(seconds.saturating_mul(1_000))
    };
    let validity = read.validity();
    let begin_ms = ms(validity.not_before.timestamp())?;
    let end_ms = ms(validity.not_after.timestamp())?;
    Ok((begin_ms.saturating_add(CLOCK_SLACK_S * 1_000), end_ms))
}

// === impl Member ===

impl Member {
    /// Whether this node signed the message for this purpose; see [`NodeKey::sign`](super::NodeKey::sign).
    pub fn verify(&self, context: &str, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify(context, message, signature)
    }
}

// === impl Named ===

impl Named {
    /// Reads the names; `None` unless they name one node of one cluster and nothing we do not know.
    pub fn read(certificate: &EndEntityCert<'_>) -> Option<Self> {
        if certificate.valid_dns_names().next().is_some() {
            return None;
        }
        let mut nodes = Vec::new();
        let mut issues_for = Vec::new();
        for name in certificate.valid_uri_names() {
            let (cluster, path) = name.strip_prefix(SCHEME)?.split_once('/')?;
            if path == "issuer" {
                issues_for.push(cluster);
                continue;
            }
            let (node, enrolment) = path.strip_prefix("node/")?.split_once('/')?;
            let read: u32 = enrolment.parse().ok()?;
            // One way to write a number: `+1` and `01` are none.
            if read.to_string() != enrolment {
                return None;
            }
            nodes.push((cluster, node.parse().ok()?, read));
        }
        let [(cluster, node, enrolment)] = <[_; 1]>::try_from(nodes).ok()?;
        if issues_for.len() > 1 || issues_for.iter().any(|issues| *issues != cluster) {
            return None;
        }
        Some(Named {
            cluster: cluster.to_owned(),
            node,
            enrolment,
            issuer: !issues_for.is_empty(),
        })
    }
}
