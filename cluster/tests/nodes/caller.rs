//! Callers at a mesh port, with any certificate or none, as a foreign program would be one.
#![allow(dead_code)] // Each test file uses its part.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::dev::fn_service;
use awc::error::{WsClientError, WsProtocolError};
use awc::http::Uri;
use awc::ws::{Frame, Message};
use futures_util::{Sink, Stream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use weir_cluster::trust::Credentials;

/// The largest message a caller of tests sends, bytes.
const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// Believes whoever answers: the tests know whom they dial.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// awc wants to be told when its streams are ready, and never asks.
#[derive(Debug)]
struct Io(TlsStream<TcpStream>);

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl ActixStream for Io {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

/// Whoever calls.
#[derive(Clone)]
pub struct Caller(Arc<ClientConfig>);

impl Caller {
    /// Shows these credentials.
    pub fn with(credentials: &Credentials) -> Caller {
        let key = rustls_key(credentials);
        let chain = vec![CertificateDer::from(credentials.certificate().to_vec())];
        Caller::showing(chain, key)
    }

    pub fn showing(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Caller {
        let config = builder(&TLS13).with_client_auth_cert(chain, key).unwrap();
        Caller(Arc::new(config))
    }

    pub fn stranger() -> Caller {
        Caller(Arc::new(builder(&TLS13).with_no_client_auth()))
    }

    pub fn of_tls12() -> Caller {
        Caller(Arc::new(builder(&TLS12).with_no_client_auth()))
    }

    /// A connection that both sides call secure; that the other side likes us only the first answer shows.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(to).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("node.weir.internal").unwrap();
        TlsConnector::from(self.0.clone()).connect(name, tcp).await
    }

    pub fn http(&self) -> awc::Client {
        let caller = self.clone();
        let connect = fn_service(move |to: ConnectInfo<Uri>| {
            let caller = caller.clone();
            async move {
                let addr = to.request().authority().unwrap().as_str().parse().unwrap();
                let stream = caller.connect(addr).await.map_err(ConnectError::Io)?;
                Ok(Connection::new(to.request().clone(), Io(stream)))
            }
        });
        let connector = awc::Connector::new().connector(connect);
        awc::Client::builder().connector(connector).finish()
    }

    /// A gossip connection, dialled at `mesh_addr` as it says.
    pub async fn gossip(
        &self,
        to: SocketAddr,
        mesh_addr: &str,
    ) -> Result<
        impl Sink<Message> + Stream<Item = Result<Frame, WsProtocolError>> + Unpin + use<>,
        WsClientError,
    > {
        let request = self
            .http()
            .ws(format!("ws://{to}/mesh/v1/gossip"))
            .max_frame_size(MESSAGE_MAX_BYTES)
            .header("x-weir-mesh-addr", mesh_addr);
        request.connect().await.map(|(_, framed)| framed)
    }
}

fn builder(
    version: &'static SupportedProtocolVersion,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
}

fn rustls_key(credentials: &Credentials) -> PrivateKeyDer<'static> {
    use rustls::pki_types::pem::PemObject;
    PrivateKeyDer::from_pem_slice(credentials.key().to_pem().as_bytes()).unwrap()
}
