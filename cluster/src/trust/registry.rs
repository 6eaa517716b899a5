use std::collections::BTreeMap;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use weir_config::NodeId;

use super::authority::{AuthorityCertificate, AuthorityId};
use super::key::PublicKey;
use super::member::{self, Member, Named};
use super::refusal::NotTrusted;

/// Authorities trusted at once: the one in use, its successor, and one left over.
const MAX_AUTHORITIES: usize = 8;

/// Whom this node believes to be a node of its cluster: pure, and replaced whole when it changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    cluster: String,
    authorities: Vec<AuthorityCertificate>,
    nodes: BTreeMap<NodeId, Registered>,
}

/// What the configuration says of a node that was let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registered {
    pub enrolment: u32,
    pub key: PublicKey,
    pub revoked: bool,
}

// === impl Trust ===

impl Trust {
    /// Trust in what these authorities certify, and in nothing else. More than eight are too many: the rest is left
    /// out.
    pub fn new(
        cluster: impl Into<String>,
        authorities: impl IntoIterator<Item = AuthorityCertificate>,
        nodes: impl IntoIterator<Item = (NodeId, Registered)>,
    ) -> Self {
        let mut authorities: Vec<_> = authorities.into_iter().take(MAX_AUTHORITIES).collect();
        authorities.sort_by_key(AuthorityCertificate::id);
        authorities.dedup();
        Trust {
            cluster: cluster.into(),
            authorities,
            nodes: nodes.into_iter().collect(),
        }
    }

    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    pub fn authorities(&self) -> &[AuthorityCertificate] {
        &self.authorities
    }

    pub fn trusts(&self, authority: &AuthorityId) -> bool {
        self.authorities
            .iter()
            .any(|known| known.id() == *authority)
    }

    /// What is registered under a node's name.
    pub fn registered(&self, node: &NodeId) -> Option<&Registered> {
        self.nodes.get(node)
    }

    /// The node of this cluster that a certificate (DER) was issued to. That it holds the certificate's key shows TLS,
    /// or a signature that [`Member::verify`] believes.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify_member(&self, certificate: &[u8], now_ms: u64) -> Result<Member, NotTrusted> {
        let (cluster, member) = certified(&self.authorities, certificate, now_ms)?;
        if cluster != self.cluster {
            return Err(NotTrusted::OtherCluster(cluster));
        }
        self.still_trusts(&member, now_ms)?;
        Ok(member)
    }

    /// Whether a node that was believed is so still: its certificate has not expired, nobody revoked it, its authority
    /// is not distrusted.
    ///
    /// # Errors
    /// Why not.
    pub fn still_trusts(&self, member: &Member, now_ms: u64) -> Result<(), NotTrusted> {
        if !self.trusts(&member.authority) {
            return Err(NotTrusted::UnknownAuthority);
        }
        if member.not_after_ms <= now_ms {
            return Err(NotTrusted::Expired);
        }
        let Some(known) = self.nodes.get(&member.node) else {
            // Not heard of here yet: the authority's word is enough.
            return Ok(());
        };
        if member.enrolment > known.enrolment {
            return Ok(());
        }
        if known.revoked || member.enrolment < known.enrolment {
            return Err(NotTrusted::Revoked(member.node.clone()));
        }
        if member.key != known.key {
            return Err(NotTrusted::OtherKey(member.node.clone()));
        }
        Ok(())
    }
}

/// The cluster and the node that a certificate (DER) of these authorities names: for whoever has the authority's
/// fingerprint and is no node yet.
///
/// # Errors
/// Why it is not believed.
pub fn certified(
    authorities: &[AuthorityCertificate],
    certificate: &[u8],
    now_ms: u64,
) -> Result<(String, Member), NotTrusted> {
    let der = CertificateDer::from(certificate);
    let end_entity = EndEntityCert::try_from(&der).map_err(|_| NotTrusted::Unreadable)?;
    let authority = issuer(authorities, &end_entity, now_ms)?;
    let named = Named::read(&end_entity).ok_or(NotTrusted::NoMember)?;
    let (issued_at_ms, not_after_ms) = member::validity_ms(&der)?;
    let member = Member {
        node: named.node,
        enrolment: named.enrolment,
        issuer: named.issuer,
        key: member::public_key(&end_entity).ok_or(NotTrusted::NoMember)?,
        authority,
        issued_at_ms,
        not_after_ms,
    };
    Ok((named.cluster, member))
}

/// The authority that issued a certificate, valid at this time.
fn issuer(
    authorities: &[AuthorityCertificate],
    certificate: &EndEntityCert<'_>,
    now_ms: u64,
) -> Result<AuthorityId, NotTrusted> {
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
    let mut why = NotTrusted::UnknownAuthority;
    for authority in authorities {
        let Ok(anchor) = webpki::anchor_from_trusted_cert(authority.der()) else {
            continue;
        };
        let anchors = [anchor];
        let verified = certificate.verify_for_usage(
            &[webpki::aws_lc_rs::ED25519],
            &anchors,
            &[],
            now,
            KeyUsage::client_auth(),
            None,
            None,
        );
        match verified {
            Ok(_) => return Ok(authority.id()),
            Err(webpki::Error::UnknownIssuer) => {}
            Err(webpki::Error::CertExpired { .. }) => why = NotTrusted::Expired,
            Err(webpki::Error::CertNotValidYet { .. }) => why = NotTrusted::NotYetValid,
            Err(webpki::Error::CaUsedAsEndEntity) => why = NotTrusted::NoMember,
            Err(_) => why = NotTrusted::Invalid,
        }
    }
    Err(why)
}
