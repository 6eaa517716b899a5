use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, PKCS_ED25519, PublicKeyData,
    SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use weir_config::NodeId;

use super::CLOCK_SLACK_S;
use super::key::{NodeKey, PublicKey};
use super::member;
use super::refusal::TrustError;

/// How long an authority may issue: it is replaced by rotation, not by its end.
const AUTHORITY_LIFE_DAYS: i64 = 20 * 365;
/// The largest certificate and the largest request that are read, bytes.
const DER_MAX_BYTES: usize = 8 * 1024;

/// The fingerprint of an authority: SHA-256 of its certificate, 64 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityId([u8; 32]);

/// An authority as everyone knows it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityCertificate {
    id: AuthorityId,
    der: Arc<CertificateDer<'static>>,
}

/// An authority with its key: whoever has it can let nodes into the cluster. Never shown.
pub struct Authority {
    certificate: AuthorityCertificate,
    key: NodeKey,
}

/// What a certificate says of its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub cluster: String,
    pub node: NodeId,
    pub enrolment: u32,
    /// The node may issue certificates.
    pub issuer: bool,
}

// === impl AuthorityId ===

impl AuthorityId {
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(AuthorityId)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 16 digits: enough to tell the authorities of one cluster apart.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..8])
    }
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityId({})", self.short())
    }
}

impl FromStr for AuthorityId {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let bytes = hex::decode(text).map_err(|_| TrustError::Certificate)?;
        AuthorityId::from_bytes(&bytes).ok_or(TrustError::Certificate)
    }
}

// === impl AuthorityCertificate ===

impl AuthorityCertificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`TrustError::Certificate`] for what is no certificate of an authority.
    pub fn from_der(der: &[u8]) -> Result<Self, TrustError> {
        if der.len() > DER_MAX_BYTES {
            return Err(TrustError::Certificate);
        }
        let (rest, read) =
            x509_parser::parse_x509_certificate(der).map_err(|_| TrustError::Certificate)?;
        if !rest.is_empty() || !read.is_ca() {
            return Err(TrustError::Certificate);
        }
        let der = CertificateDer::from(der.to_vec());
        webpki::anchor_from_trusted_cert(&der).map_err(|_| TrustError::Certificate)?;
        Ok(AuthorityCertificate {
            id: AuthorityId(Sha256::digest(&der).into()),
            der: Arc::new(der),
        })
    }

    pub fn id(&self) -> AuthorityId {
        self.id
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }
}

impl fmt::Debug for AuthorityCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityCertificate({})", self.id.short())
    }
}

// === impl Authority ===

impl Authority {
    /// A new authority of a cluster, valid from a little before now.
    ///
    /// # Errors
    /// Where the system has no randomness, or the time is none that a certificate can hold.
    pub fn generate(cluster: &str, now_ms: u64) -> Result<Self, TrustError> {
        let key = NodeKey::generate()?;
        let mut params = CertificateParams::default();
        let begin = moment(now_ms)?;
        params.not_before = begin - Duration::seconds(CLOCK_SLACK_S as i64);
        params.not_after = begin + Duration::days(AUTHORITY_LIFE_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.serial_number = Some(serial());
        // Authorities that stand beside each other while one takes the other's place need names of their own.
        let name = format!(
            "weir {cluster} authority {}",
            &key.public().to_string()[..16]
        );
        params.distinguished_name = named(&name);
        let certificate = params.self_signed(key.pair());
        let certificate = certificate.map_err(|_| TrustError::NotIssued)?;
        Ok(Authority {
            certificate: AuthorityCertificate::from_der(certificate.der())?,
            key,
        })
    }

    /// An authority from its certificate (DER) and its key (PEM).
    ///
    /// # Errors
    /// Where either cannot be read, or the key is not the certificate's.
    pub fn from_parts(certificate: &[u8], key_pem: &str) -> Result<Self, TrustError> {
        let certificate = AuthorityCertificate::from_der(certificate)?;
        let key = NodeKey::from_pem(key_pem)?;
        let end_entity = webpki::EndEntityCert::try_from(certificate.der())
            .map_err(|_| TrustError::Certificate)?;
        if member::public_key(&end_entity) != Some(key.public()) {
            return Err(TrustError::OtherKey);
        }
        Ok(Authority { certificate, key })
    }

    pub fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    pub fn id(&self) -> AuthorityId {
        self.certificate.id
    }

    /// When it was made, milliseconds since 1970-01-01 UTC, to the second.
    pub fn made_at_ms(&self) -> u64 {
        let issued = member::validity_ms(self.certificate.der());
        issued.map_or(0, |(issued_at_ms, _)| issued_at_ms)
    }

    /// The key itself, for the file that keeps it and for nodes that may issue.
    pub fn key_pem(&self) -> String {
        self.key.to_pem()
    }

    /// Certifies the key of a request (PKCS#10, DER) for so long from now; the certificate in DER.
    ///
    /// # Errors
    /// [`TrustError::Request`] where the request is none, is of another kind of key or not signed with it.
    pub fn certify(
        &self,
        request: &[u8],
        grant: &Grant,
        now_ms: u64,
        life_s: u64,
    ) -> Result<Vec<u8>, TrustError> {
        self.issue(requested_key(request)?, grant, now_ms, life_s)
    }

    /// Certifies a key for so long from now; the certificate in DER.
    ///
    /// # Errors
    /// Where the time is none that a certificate can hold.
    pub fn issue(
        &self,
        key: PublicKey,
        grant: &Grant,
        now_ms: u64,
        life_s: u64,
    ) -> Result<Vec<u8>, TrustError> {
        let mut params = CertificateParams::default();
        let begin = moment(now_ms)?;
        params.not_before = begin - Duration::seconds(CLOCK_SLACK_S as i64);
        let life = i64::try_from(life_s).map_err(|_| TrustError::NotIssued)?;
        let end = begin.checked_add(Duration::seconds(life));
        params.not_after = end.ok_or(TrustError::NotIssued)?;
        params.serial_number = Some(serial());
        params.distinguished_name = named(&format!("weir node {}", grant.node));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        for name in grant.names() {
            let name = Ia5String::try_from(name).map_err(|_| TrustError::NotIssued)?;
            params.subject_alt_names.push(SanType::URI(name));
        }
        let issuer = Issuer::from_ca_cert_der(self.certificate.der(), self.key.pair());
        let issuer = issuer.map_err(|_| TrustError::NotIssued)?;
        let certificate = params.signed_by(&key, &issuer);
        Ok(certificate
            .map_err(|_| TrustError::NotIssued)?
            .der()
            .to_vec())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.certificate.id.short())
    }
}

// === impl Grant ===

impl Grant {
    /// The names in the certificate.
    fn names(&self) -> Vec<String> {
        let mut names = vec![member::node_name(&self.cluster, &self.node, self.enrolment)];
        if self.issuer {
            names.push(member::issuer_name(&self.cluster));
        }
        names
    }
}

/// The key that a request (PKCS#10, DER) wants certified, whose holder signed it.
///
/// # Errors
/// [`TrustError::Request`].
pub fn requested_key(request: &[u8]) -> Result<PublicKey, TrustError> {
    if request.len() > DER_MAX_BYTES {
        return Err(TrustError::Request);
    }
    let request = CertificateSigningRequestDer::from(request);
    let request = CertificateSigningRequestParams::from_der(&request);
    let request = request.map_err(|_| TrustError::Request)?;
    if request.public_key.algorithm() != &PKCS_ED25519 {
        return Err(TrustError::Request);
    }
    PublicKey::from_bytes(request.public_key.der_bytes()).ok_or(TrustError::Request)
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn moment(now_ms: u64) -> Result<OffsetDateTime, TrustError> {
    let seconds = i64::try_from(now_ms / 1_000).map_err(|_| TrustError::NotIssued)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| TrustError::NotIssued)
}

/// 127 random bits: a serial number is positive.
fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    bytes[0] &= 0x7F;
    SerialNumber::from_slice(&bytes)
}
