//! Origins that speak TLS, under authorities of the test's own, HTTP/1.1 or HTTP/2.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// What an origin was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub version: Version,
    /// `:authority` on HTTP/2.
    pub authority: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An origin with a certificate.
pub struct Secure {
    config: rustls::ServerConfig,
    pub asked: Rc<RefCell<Vec<Asked>>>,
    pub server_names: Rc<RefCell<Vec<String>>>,
}

impl Secure {
    pub fn new(authority: &Authority, name: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Secure {
            config,
            asked: Rc::default(),
            server_names: Rc::default(),
        }
    }

    /// The protocols it takes, best first.
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        self.config.alpn_protocols = protocols.collect();
        self
    }

    pub async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(self.config.clone()));
        let (asked, names) = (self.asked.clone(), self.server_names.clone());
        tokio::task::spawn_local(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, asked, names) = (acceptor.clone(), asked.clone(), names.clone());
                tokio::task::spawn_local(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let session = tls.get_ref().1;
                    let name = session.server_name().unwrap_or("").to_owned();
                    names.borrow_mut().push(name);
                    let http2 = session.alpn_protocol() == Some(b"h2");
                    serve(tls, http2, asked).await;
                });
            }
        });
        addr
    }
}

/// A plain origin that speaks HTTP/2 by prior knowledge.
pub async fn plain_http2() -> (SocketAddr, Rc<RefCell<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let asked = Rc::<RefCell<Vec<Asked>>>::default();
    let kept = asked.clone();
    tokio::task::spawn_local(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(serve(tcp, true, kept.clone()));
        }
    });
    (addr, asked)
}

#[derive(Clone, Copy)]
struct Here;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

/// Keeps what is asked and answers with the body, until the other side goes.
async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + 'static,
    http2: bool,
    asked: Rc<RefCell<Vec<Asked>>>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let asked = asked.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_or(Bytes::new(), |b| b.to_bytes());
            asked.borrow_mut().push(Asked {
                version: parts.version,
                authority: parts.uri.authority().map(|a| a.to_string()),
                headers: parts.headers,
                body: body.clone(),
            });
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    });
    let io = TokioIo::new(io);
    if http2 {
        let server = hyper::server::conn::http2::Builder::new(Here);
        let _ = server.serve_connection(io, answer).await;
    } else {
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(io, answer).await;
    }
}
