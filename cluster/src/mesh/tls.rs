//! TLS 1.3 between nodes, both sides with a certificate of the cluster. Rules and credentials are read anew in every
//! handshake. No session is resumed: a resumed one would not show its certificate again.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme,
};

use super::refused::Refused;
use crate::trust::{AuthorityCertificate, AuthorityId, Member, NotTrusted, SharedTrust, certified};

/// Where a node is asked for, whatever its address: certificates name nodes, no hosts.
pub(super) const SERVER_NAME: &str = "node.weir.internal";

/// What a node shows of itself, on either side.
#[derive(Debug)]
struct Shown(SharedTrust);

/// Believes nodes of this cluster.
#[derive(Debug)]
struct Believes {
    trust: SharedTrust,
    /// Counts who is not believed; on the side that accepts.
    refused: Option<Arc<Refused>>,
}

/// Believes nodes of the cluster whose authority has this fingerprint: for whoever has nothing but a join token.
#[derive(Debug)]
struct BelievesFingerprint(AuthorityId);

/// Of the mesh port. A caller may come without a certificate: what he may ask then is enrolment alone.
pub(super) fn server(trust: SharedTrust, refused: Arc<Refused>) -> Result<ServerConfig, Error> {
    let verifier = Believes {
        trust: trust.clone(),
        refused: Some(refused),
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(Shown(trust)));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Of this node where it dials others.
pub(super) fn client(trust: SharedTrust) -> Result<ClientConfig, Error> {
    let verifier = Believes {
        trust: trust.clone(),
        refused: None,
    };
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(Shown(trust)));
    Ok(bare(config))
}

/// Of a node that is about to join.
pub(super) fn joiner(authority: AuthorityId) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelievesFingerprint(authority)))
        .with_no_client_auth();
    Ok(bare(config))
}

fn bare(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config
}

/// aws-lc-rs, whose key exchange begins with X25519MLKEM768: what is recorded today is safe from the machines of
/// tomorrow.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The one among these certificates that has the fingerprint.
pub(super) fn pinned(
    authority: AuthorityId,
    chain: &[CertificateDer<'_>],
) -> Option<AuthorityCertificate> {
    let mut read = chain
        .iter()
        .filter_map(|der| AuthorityCertificate::from_der(der).ok());
    read.find(|certificate| certificate.id() == authority)
}

fn at_ms(now: UnixTime) -> u64 {
    now.as_secs().saturating_mul(1_000)
}

/// So that the other side's alert says what is the matter, and this side's error all of it.
fn refusal(why: NotTrusted) -> Error {
    Error::InvalidCertificate(match why {
        NotTrusted::Expired => CertificateError::Expired,
        NotTrusted::NotYetValid => CertificateError::NotValidYet,
        NotTrusted::Revoked(_) => CertificateError::Revoked,
        NotTrusted::UnknownAuthority => CertificateError::UnknownIssuer,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

/// Of TLS 1.3 alone, Ed25519 alone.
fn verify(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    verify_tls13_signature(message, certificate, signed, &algorithms)
}

fn no_tls12() -> Error {
    Error::General("TLS 1.2 is not spoken here".to_owned())
}

// === impl Shown ===

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.credentials().tls().clone())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.credentials().tls().clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

// === impl Believes ===

impl Believes {
    fn member(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<Member, Error> {
        let member = self.trust.trust().verify_member(certificate, at_ms(now));
        member.map_err(|why| {
            if let Some(refused) = &self.refused {
                refused.count_certificate(&why);
            }
            refusal(why)
        })
    }
}

impl ServerCertVerifier for Believes {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.member(certificate, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Believes {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.member(certificate, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

// === impl BelievesFingerprint ===

impl ServerCertVerifier for BelievesFingerprint {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = pinned(self.0, intermediates);
        let authority = authority.ok_or_else(|| refusal(NotTrusted::UnknownAuthority))?;
        certified(&[authority], certificate, at_ms(now)).map_err(refusal)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
