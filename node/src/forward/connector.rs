//! Connections to origins: TCP or TLS, with a deadline, and watched for the two things the pool does not
//! tell: whether a byte of an answer has come back, and an answer that lies waiting behind a write error.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Stream = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Opens connections to origins.
#[derive(Clone, Debug)]
pub struct OriginConnector {
    inner: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

/// What happened on one connection; rides along in [`Connected`].
#[derive(Debug, Default)]
struct History {
    /// A byte of some answer has come back: what is sent next reuses the connection.
    answered_before: AtomicBool,
    /// A byte has come back since the last write.
    answered_last: AtomicBool,
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
        history.answered_before.load(Ordering::Relaxed)
            && !history.answered_last.load(Ordering::Relaxed)
    })
}

/// Whether the connection was not there in time.
pub fn timed_out(error: &legacy::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<ConnectTimedOut>() {
            return true;
        }
        source = cause.source();
    }
    false
}

// === impl OriginConnector ===

impl OriginConnector {
    /// `timeout`: for name, TCP and TLS together.
    pub fn new(tls: rustls::ClientConfig, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let inner = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        OriginConnector { inner, timeout }
    }
}

impl tower_service::Service<Uri> for OriginConnector {
    type Response = TokioIo<OriginStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<OriginStream>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            let inner = tokio::time::timeout(timeout, connecting)
                .await
                .map_err(|_| ConnectTimedOut(timeout))??;
            Ok(TokioIo::new(OriginStream {
                inner: TokioIo::new(inner),
                history: Arc::default(),
                write_broken: false,
            }))
        })
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
