//! The TLS port: the development certificate, ALPN, both versions of HTTP.

use std::sync::Arc;

use http_body_util::BodyExt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use weir_tests::{Business, Cluster};

const APPID: &str = "wx00000000000000e1";

/// Takes any certificate, as a client has to that does not know the development certificate; signatures
/// are checked all the same.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

async fn connect(
    cluster: &Cluster,
    business: &Business,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(cluster.nodes[0].https)
        .await
        .expect("the TLS port listens");
    let name = ServerName::try_from(business.access_domain.clone())
        .expect("an access domain is a host name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .expect("the handshake succeeds")
}

#[tokio::test]
async fn the_tls_port_speaks_both_versions_with_the_development_certificate() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let mut certificates = Vec::new();
    for (alpn, h2) in [(&b"h2"[..], true), (&b"http/1.1"[..], false)] {
        let stream = connect(&cluster, &business, alpn).await;
        let (_, session) = stream.get_ref();
        assert_eq!(session.alpn_protocol(), Some(alpn));
        assert_eq!(
            session.protocol_version(),
            Some(rustls::ProtocolVersion::TLSv1_3)
        );
        certificates.push(session.peer_certificates().expect("a certificate")[0].to_vec());
        let call = cluster.call(0, &business, "/hello");
        let call = if h2 { call.h2() } else { call };
        let response = call.try_open_over(stream).await.expect("an answer");
        assert_eq!(response.status(), 200);
        let id = response.headers()["x-wx-call-id"].clone();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("the body")
            .to_bytes();
        let document: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            document["headers"]["x-wx-call-id"][0],
            id.to_str().expect("text")
        );
        assert_eq!(document["headers"]["x-forwarded-proto"][0], "https");
    }
    assert_eq!(
        certificates[0], certificates[1],
        "one certificate, made once"
    );
}

#[tokio::test]
async fn the_development_certificate_stays_over_a_restart() {
    let mut cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let certificate = async |cluster: &Cluster| {
        let stream = connect(cluster, &business, b"h2").await;
        stream
            .get_ref()
            .1
            .peer_certificates()
            .expect("a certificate")[0]
            .to_vec()
    };
    let before = certificate(&cluster).await;
    assert!(cluster.nodes[0].stop().await.success());
    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    assert_eq!(certificate(&cluster).await, before);
}
