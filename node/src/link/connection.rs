//! One connection of a client: TLS, which protocol it speaks, and hyper on it until it ends.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use crate::link::connection_state::ConnectionState;
use crate::link::core::Core;
use crate::link::head_guard::{HeadGuard, HeadLimits};
use crate::link::link_io::{IoLimits, LinkIo};
use crate::link::places::Place;
use crate::link::way;

/// What a client that speaks HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// hyper's buffer of one connection; far above any head, far below what streaming would need to be fast.
const BUFFER: usize = 128 * 1024;
/// Window of one HTTP/2 stream, and of one connection: what a client may send unasked.
const H2_STREAM_WINDOW: u32 = 256 * 1024;
const H2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams a client may reset before we took them up, or that we had to reset, on one connection (rapid
/// reset, CVE-2023-44487, and its sibling of 2025).
const H2_RESETS: usize = 50;
/// An HTTP/2 client that does not answer a ping for so long is gone.
const H2_PING: Duration = Duration::from_secs(20);

/// A connection that has not said anything when the drain begins, or that was still waiting to be accepted,
/// has so long to say something.
const OPENING_WHILE_DRAINING: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Http1,
    Http2,
}

/// Runs HTTP/2 streams on this core.
#[derive(Clone, Copy, Debug)]
struct ThisCore;

impl<F: Future + 'static> hyper::rt::Executor<F> for ThisCore {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async {
            task.await;
        });
    }
}

/// Serves one connection to its end.
pub async fn serve(
    core: Rc<Core>,
    stream: TcpStream,
    peer: IpAddr,
    place: Place,
    tls: Option<TlsAcceptor>,
) {
    let _ = stream.set_nodelay(true);
    let state = ConnectionState::new(peer, tls.is_some(), place);
    let served = match tls {
        None => serve_plain(core, stream, state).await,
        Some(tls) => serve_tls(core, stream, state, tls).await,
    };
    if let Err(error) = served {
        tracing::trace!(%peer, error, "a connection ended");
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn serve_plain(core: Rc<Core>, mut stream: TcpStream, state: Arc<ConnectionState>) -> Ended {
    let (protocol, prefix) = opening(&core, sniff(&mut stream)).await?;
    run(core, stream, prefix, protocol, state).await
}

async fn serve_tls(
    core: Rc<Core>,
    stream: TcpStream,
    state: Arc<ConnectionState>,
    tls: TlsAcceptor,
) -> Ended {
    let mut stream = opening(&core, tls.accept(stream)).await?;
    let (protocol, prefix) = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => (Protocol::Http2, Bytes::new()),
        Some(_) => (Protocol::Http1, Bytes::new()),
        None => opening(&core, sniff(&mut stream)).await?,
    };
    run(core, stream, prefix, protocol, state).await
}

/// What comes before the first call: has the time of a head, and next to none once the node drains.
async fn opening<T>(core: &Core, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let patience = Duration::from_millis(core.settings.limits.head_timeout_ms);
    let drained = async {
        core.drain.cancelled().await;
        sleep(OPENING_WHILE_DRAINING).await;
    };
    tokio::select! {
        done = timeout(patience, step) => done?,
        () = drained => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// Reads until it is known whether the client speaks HTTP/2 by itself; what was read is given back.
async fn sniff(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Protocol, Bytes)> {
    let mut read = BytesMut::with_capacity(PREFACE.len());
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok((Protocol::Http1, read.freeze()));
        }
        let seen = read.len().min(PREFACE.len());
        if read[..seen] != PREFACE[..seen] {
            return Ok((Protocol::Http1, read.freeze()));
        }
        if seen == PREFACE.len() {
            return Ok((Protocol::Http2, read.freeze()));
        }
    }
}

async fn run<T>(
    core: Rc<Core>,
    stream: T,
    prefix: Bytes,
    protocol: Protocol,
    state: Arc<ConnectionState>,
) -> Ended
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &core.settings.limits;
    let head_limits = HeadLimits {
        bytes: limits.head_bytes,
        headers: limits.headers,
    };
    let io_limits = IoLimits {
        head: Duration::from_millis(limits.head_timeout_ms),
        write_idle: Duration::from_millis(limits.body_idle_timeout_ms),
    };
    let guard = (protocol == Protocol::Http1).then(|| HeadGuard::new(head_limits));
    let io = TokioIo::new(LinkIo::new(
        stream,
        prefix,
        state.clone(),
        guard,
        core.ids,
        io_limits,
    ));
    let service = {
        let (core, state) = (core.clone(), state.clone());
        service_fn(move |request: Request<Incoming>| {
            way::serve(core.clone(), state.clone(), request)
        })
    };
    match protocol {
        Protocol::Http1 => {
            let mut builder = hyper::server::conn::http1::Builder::new();
            // Heads are timed, measured and judged by `LinkIo`.
            builder
                .header_read_timeout(None)
                .max_buf_size(BUFFER.max(2 * limits.head_bytes));
            if limits.headers > 100 {
                builder.max_headers(limits.headers);
            }
            let connection = pin!(builder.serve_connection(io, service).with_upgrades());
            drive(&core, &state, connection, |connection| {
                connection.graceful_shutdown()
            })
            .await
        }
        Protocol::Http2 => {
            let mut builder = hyper::server::conn::http2::Builder::new(ThisCore);
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits.h2_streams)
                .max_pending_accept_reset_streams(H2_RESETS)
                .max_local_error_reset_streams(H2_RESETS)
                .max_header_list_size((limits.head_bytes + 4 * 1024) as u32)
                .initial_stream_window_size(H2_STREAM_WINDOW)
                .initial_connection_window_size(H2_CONNECTION_WINDOW)
                .max_send_buf_size(H2_STREAM_WINDOW as usize)
                .keep_alive_interval(H2_PING)
                .keep_alive_timeout(H2_PING);
            let connection = pin!(builder.serve_connection(io, service));
            drive(&core, &state, connection, |connection| {
                connection.graceful_shutdown()
            })
            .await
        }
    }
}

/// Polls a connection to its end, and asks it to end when the node drains or it rests for too long.
async fn drive<C>(
    core: &Core,
    state: &ConnectionState,
    mut connection: Pin<&mut C>,
    shut_down: impl Fn(Pin<&mut C>),
) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let keep_alive = Duration::from_millis(core.settings.limits.keep_alive_timeout_ms);
    let mut rest = pin!(sleep_until(Instant::now() + keep_alive));
    let mut asked = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended.map_err(Into::into),
            () = core.drain.cancelled(), if !asked => {
                asked = true;
                shut_down(connection.as_mut());
            }
            () = rest.as_mut() => {
                let due = state.idle_since().unwrap_or_else(Instant::now) + keep_alive;
                if due > Instant::now() {
                    rest.as_mut().reset(due);
                } else if asked {
                    return Ok(());
                } else {
                    asked = true;
                    rest.as_mut().reset(Instant::now() + keep_alive);
                    shut_down(connection.as_mut());
                }
            }
        }
    }
}
