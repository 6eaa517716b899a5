use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use super::key::{NodeKey, PublicKey};
use super::member::Member;
use super::refusal::{NotTrusted, TrustError};
use super::registry::Trust;

/// What a node shows of itself: its key and the certificate of it. Cheap to clone; the key is never shown.
#[derive(Clone, Debug)]
pub struct Credentials {
    key: Arc<NodeKey>,
    certificate: CertificateDer<'static>,
    member: Member,
    tls: Arc<CertifiedKey>,
}

/// Why a key and a certificate are no credentials.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoCredentials {
    #[error("{0}")]
    NotTrusted(#[from] NotTrusted),
    #[error(transparent)]
    Unusable(#[from] TrustError),
}

// === impl Credentials ===

impl Credentials {
    /// Puts a key and its certificate (DER) together, where this very trust believes them.
    ///
    /// # Errors
    /// Where it does not, or the key is another's.
    pub fn new(
        key: Arc<NodeKey>,
        certificate: &[u8],
        trust: &Trust,
        now_ms: u64,
    ) -> Result<Self, NoCredentials> {
        let member = trust.verify_member(certificate, now_ms)?;
        if member.key != key.public() {
            return Err(TrustError::OtherKey.into());
        }
        let certificate = CertificateDer::from(certificate.to_vec());
        let signing = rustls::crypto::aws_lc_rs::sign::any_eddsa_type(&key.to_pkcs8());
        let signing = signing.map_err(|_| TrustError::Key)?;
        // With its authority, which whoever joins knows by the fingerprint alone.
        let mut chain = vec![certificate.clone()];
        let authorities = trust.authorities().iter();
        let issuer = authorities.filter(|authority| authority.id() == member.authority);
        chain.extend(issuer.map(|authority| authority.der().clone()));
        Ok(Credentials {
            tls: Arc::new(CertifiedKey::new(chain, signing)),
            key,
            certificate,
            member,
        })
    }

    /// This node, as others see it.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The certificate, DER: what [`Trust::verify_member`] takes on other nodes.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub fn key(&self) -> &Arc<NodeKey> {
        &self.key
    }

    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Signs a message for one purpose, named by `context`; see [`Member::verify`]. 64 bytes.
    pub fn sign(&self, context: &str, message: &[u8]) -> Vec<u8> {
        self.key.sign(context, message)
    }

    /// What TLS shows of it.
    pub fn tls(&self) -> &Arc<CertifiedKey> {
        &self.tls
    }
}
