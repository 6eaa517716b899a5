//! Connections to origins: TCP or TLS, with a deadline, and watched for the two things the pool does not
//! tell: whether a byte of an answer has come back, and an answer that lies waiting behind a write error.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector, HttpInfo};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Stream = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Opens connections to one address, whatever URL is asked for.
#[derive(Clone, Debug)]
pub struct OriginConnector {
    target: Arc<Target>,
}

/// Where a connection goes and how it is secured.
pub struct Target {
    pub tcp: HttpConnector,
    /// `http://host:port`.
    pub address: Uri,
    /// Absent: plain TCP.
    pub tls: Option<(TlsConnector, ServerName<'static>)>,
    /// HTTP/2 is spoken without asking for it.
    pub prior_knowledge: bool,
    /// For name, TCP and TLS together.
    pub timeout: Duration,
}

/// What happened on one connection; rides along in [`Connected`].
#[derive(Debug, Default)]
struct History {
    /// A byte of some answer has come back: what is sent next reuses the connection.
    answered_before: AtomicBool,
    /// A byte has come back since the last write.
    answered_last: AtomicBool,
    /// Many calls at once, on HTTP/2: bytes tell nothing of one of them, and origins say themselves what they have
    /// not processed.
    shared: bool,
    /// How long it took to make, microseconds; 0 once a call has taken that for its own.
    connect_us: AtomicU32,
}

/// One connection.
#[derive(Debug)]
pub struct OriginStream {
    inner: Stream,
    history: Arc<History>,
    /// Writing failed; what the origin said before it closed is still to be read.
    write_broken: bool,
}

/// `node` could not open a connection within the time the settings allow.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", .0.as_millis())]
struct ConnectTimedOut(Duration);

/// Whether a reused connection ended before a byte of the answer came back: the origin closed it while
/// it was idle, and what we sent met that on the way (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
pub fn lost_while_reused(error: &legacy::Error) -> bool {
    let Some(connected) = error.connect_info() else {
        return false;
    };
    let mut extensions = http::Extensions::new();
    connected.get_extras(&mut extensions);
    extensions.get::<Arc<History>>().is_some_and(|history| {
        !history.shared
            && history.answered_before.load(Ordering::Relaxed)
            && !history.answered_last.load(Ordering::Relaxed)
    })
}

/// Where an answer came from, and how long its connection took to make; of the first call on it only.
pub fn came_from(extensions: &http::Extensions) -> (Option<SocketAddr>, Option<Duration>) {
    let peer = extensions.get::<HttpInfo>().map(HttpInfo::remote_addr);
    let history = extensions.get::<Arc<History>>();
    let connect_us = history.map_or(0, |it| it.connect_us.swap(0, Ordering::Relaxed));
    let connect = (connect_us > 0).then(|| Duration::from_micros(connect_us.into()));
    (peer, connect)
}

/// How long was waited for a connection that was not there in time.
pub fn timed_out(error: &legacy::Error) -> Option<Duration> {
    let timed_out = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<ConnectTimedOut>().map(|error| error.0)
    };
    causes(error).find_map(timed_out)
}

/// Whether TLS is what failed: the certificate, its name, or what both sides could agree on.
pub fn failed_by_tls(error: &legacy::Error) -> bool {
    causes(error).any(|cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(|e| e.get_ref());
        inner.is_some_and(|inner| inner.is::<rustls::Error>())
    })
}

/// Whether the origin said that it has not processed and will not process what was sent: on HTTP/2 a stream it
/// refused (RFC 9113 section 8.7), or one after the last of its GOAWAY (section 6.8), which is the only kind that
/// h2 reports as such.
pub fn refused_unprocessed(error: &legacy::Error) -> bool {
    causes(error).any(|cause| {
        cause.downcast_ref::<h2::Error>().is_some_and(|error| {
            error.is_remote()
                && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
        })
    })
}

fn causes(error: &legacy::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

// === impl OriginConnector ===

impl OriginConnector {
    pub fn new(target: Target) -> Self {
        OriginConnector {
            target: Arc::new(target),
        }
    }
}

/// TCP as all connections to origins have it.
pub fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp
}

impl tower_service::Service<Uri> for OriginConnector {
    type Response = TokioIo<OriginStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<OriginStream>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let target = self.target.clone();
        Box::pin(async move {
            let began = Instant::now();
            let inner = tokio::time::timeout(target.timeout, target.connect())
                .await
                .map_err(|_| ConnectTimedOut(target.timeout))??;
            let shared = target.prior_knowledge || inner.connected().is_negotiated_h2();
            let took_us = began.elapsed().as_micros().clamp(1, u32::MAX.into()) as u32;
            Ok(TokioIo::new(OriginStream {
                inner: TokioIo::new(inner),
                history: Arc::new(History {
                    shared,
                    connect_us: AtomicU32::new(took_us),
                    ..History::default()
                }),
                write_broken: false,
            }))
        })
    }
}

// === impl Target ===

impl Target {
    async fn connect(&self) -> Result<MaybeHttpsStream<TokioIo<TcpStream>>, BoxError> {
        let tcp = self.tcp.clone().call(self.address.clone()).await?;
        let Some((tls, name)) = &self.tls else {
            return Ok(MaybeHttpsStream::Http(tcp));
        };
        let tls = tls.connect(name.clone(), TokioIo::new(tcp)).await?;
        Ok(tls.into())
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Target");
        out.field("address", &self.address)
            .field("server_name", &self.tls.as_ref().map(|(_, name)| name))
            .field("timeout", &self.timeout);
        out.finish()
    }
}

// === impl OriginStream ===

impl OriginStream {
    /// A write error while the answer may already lie in the receive buffer (an early 413, say) must not
    /// cost the answer: writing rests, and reading tells how it ended.
    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Err(error)) if gone(&error) => {
                self.write_broken = true;
                Poll::Pending
            }
            other => other,
        }
    }
}

fn gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

impl Connection for OriginStream {
    fn connected(&self) -> Connected {
        self.inner.inner().connected().extra(self.history.clone())
    }
}

impl AsyncRead for OriginStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.history.answered_before.store(true, Ordering::Relaxed);
            self.history.answered_last.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for OriginStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_broken {
            return Poll::Pending;
        }
        self.history.answered_last.store(false, Ordering::Relaxed);
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.write_broken {
            return Poll::Pending;
        }
        self.history.answered_last.store(false, Ordering::Relaxed);
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_broken {
            return Poll::Pending;
        }
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Ready(Err(error)) if gone(&error) => {
                self.write_broken = true;
                Poll::Pending
            }
            other => other,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_broken {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
