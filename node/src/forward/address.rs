//! One core's way to one address of an origin.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::TokioTimer;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::forward::connector::{self, OriginConnector, Target};
use crate::forward::{CallBody, CallError};

/// How long an unused connection to an origin is kept. Below the keep-alive times servers commonly have (nginx
/// 75 s, Node.js 5 s is met by the retry).
const POOL_IDLE: Duration = Duration::from_secs(60);
/// HTTP/2: bytes of one answer that may wait in the node for a client that is slower than the origin.
const H2_STREAM_WINDOW: u32 = 128 * 1024;
/// Of all answers of a connection: slow clients must not stop the others before 128 of them are full.
const H2_CONNECTION_WINDOW: u32 = 128 * H2_STREAM_WINDOW;
const H2_HEAD_BYTES: u32 = 64 * 1024;
/// HTTP/2: a connection under way that says nothing for so long is asked whether it is still there.
const H2_PING_AFTER: Duration = Duration::from_secs(20);
const H2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Which connection a call goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reuse {
    /// One of the pool, where there is one.
    Pooled,
    /// A new one that serves nothing else.
    Fresh,
    /// A new one that speaks HTTP/1.1, for a call that asks to become another protocol.
    Upgrade,
}

/// What is common to the addresses of an origin.
#[derive(Clone, Debug)]
pub struct Reach {
    pub scheme: Scheme,
    /// Looked for in the certificate.
    pub server_name: String,
    pub tls: Arc<ClientConfig>,
    pub http2: bool,
    pub connect_timeout: Duration,
    /// Connections that may rest in the pool.
    pub keep: usize,
}

/// One address. Its pool is made with its first call.
#[derive(Debug)]
pub struct AddressSlot {
    address: Uri,
    pooled: OnceCell<Client<OriginConnector, CallBody>>,
}

/// Runs the pool's tasks on the core it belongs to.
#[derive(Clone, Copy, Debug)]
struct ThisCore;

impl<F> hyper::rt::Executor<F> for ThisCore
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

// === impl AddressSlot ===

impl AddressSlot {
    /// `host:port`.
    pub fn name(&self) -> String {
        let authority = self.address.authority();
        authority.map_or_else(String::new, |authority| authority.to_string())
    }

    /// `address`: `host:port`.
    pub fn new(address: &str) -> Result<Self, CallError> {
        Ok(AddressSlot {
            address: to_uri(address)?,
            pooled: OnceCell::new(),
        })
    }

    /// The client for one call.
    pub fn client(
        &self,
        reach: &Reach,
        reuse: Reuse,
    ) -> Result<Client<OriginConnector, CallBody>, CallError> {
        if reuse != Reuse::Pooled {
            let http2 = reach.http2 && reuse == Reuse::Fresh;
            return reach.client(self.address.clone(), http2, 0);
        }
        if let Some(pooled) = self.pooled.get() {
            return Ok(pooled.clone());
        }
        let pooled = reach.client(self.address.clone(), reach.http2, reach.keep)?;
        Ok(self.pooled.get_or_init(|| pooled).clone())
    }
}

/// The address as the connector takes it.
pub fn to_uri(address: &str) -> Result<Uri, CallError> {
    let unusable = || CallError::Settings(format!("`{address}` is not host:port"));
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(Authority::try_from(address).map_err(|_| unusable())?);
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).map_err(|_| unusable())
}

// === impl Reach ===

impl Reach {
    /// A client of this address. Where `http2`: by ALPN over TLS, which the origin may decline, and by prior
    /// knowledge without TLS (RFC 9113 section 3.3). `keep`: connections that may rest in its pool.
    pub fn client<B>(
        &self,
        address: Uri,
        http2: bool,
        keep: usize,
    ) -> Result<Client<OriginConnector, B>, CallError>
    where
        B: http_body::Body + Send,
        B::Data: Send,
    {
        let secure = self.scheme == Scheme::HTTPS;
        let connector = OriginConnector::new(Target {
            tcp: connector::tcp(),
            address,
            tls: secure.then(|| self.secured(http2)).transpose()?,
            prior_knowledge: http2 && !secure,
            timeout: self.connect_timeout,
        });
        let mut builder = Client::builder(ThisCore);
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(keep)
            // Where HTTP/2 is possible the client adds `Host` once it knows that it is not.
            .set_host(self.http2);
        if http2 {
            set_up_http2(builder.http2_only(!secure));
        }
        Ok(builder.build(connector))
    }

    fn secured(&self, http2: bool) -> Result<(TlsConnector, ServerName<'static>), CallError> {
        let name = self.server_name.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| {
            let name = &self.server_name;
            CallError::Settings(format!("`{name}` cannot be a name in a certificate"))
        })?;
        let mut tls = self.tls.clone();
        if http2 {
            let tls = Arc::make_mut(&mut tls);
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok((TlsConnector::from(tls), name))
    }
}

fn set_up_http2(builder: &mut Builder) {
    builder
        .http2_initial_stream_window_size(H2_STREAM_WINDOW)
        .http2_initial_connection_window_size(H2_CONNECTION_WINDOW)
        .http2_max_header_list_size(H2_HEAD_BYTES)
        .http2_keep_alive_interval(H2_PING_AFTER)
        .http2_keep_alive_timeout(H2_PING_TIMEOUT);
}
