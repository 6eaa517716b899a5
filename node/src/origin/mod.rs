//! The echo origin: a server to try Weir against. It answers with what it received, as JSON.
//!
//! | path | answer |
//! |---|---|
//! | `/bytes/N` | N bytes of a fixed pattern with a `content-length`; `?chunked` leaves the length out |
//! | `/cut/N` | promises 2 N bytes, sends N, breaks the connection; `?chunked` likewise |
//! | `/delay/MS` | the echo, after MS milliseconds |
//! | `/status/N` | the echo with status N |
//! | `/stream/N/MS` | N server-sent events, one every MS milliseconds |
//! | `/ws` | WebSocket: every message comes back |
//! | `/upload` | counts and hashes the body as it arrives, keeps nothing |
//! | `/early` | answers 200 at once, without reading the body |
//! | `/trailers` | the echo, chunked, with trailers after it |
//! | `/cookies` | the echo with two `set-cookie` headers |
//! | `/__origin/stats` | what this origin has seen so far, see [`stats::Stats`] |
//! | any other | the echo |
//!
//! HTTP/1.1, and HTTP/2 by prior knowledge, on one port without TLS. It is a tool for trying things: it
//! trusts whoever can reach it, so keep it on loopback.

mod answer;
mod body;
mod echo;
mod stats;
mod web_socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

pub use stats::Stats;

/// The beginning of every HTTP/2 connection, and of no HTTP/1.1 request (RFC 9113, 3.4).
const H2_PREFACE_BEGIN: &[u8] = b"PRI ";
/// Time for the first bytes of a connection, and for each request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// HTTP/2 streams of one connection.
const H2_STREAMS: u32 = 1_000;
/// Rest before accepting again when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until SIGTERM or Ctrl-C, on a runtime of its own. Prints the address it listens on, which
/// matters where the port asked for is 0.
///
/// # Errors
/// The address cannot be bound; the error says which and what to do.
pub fn run(listen: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|e| cannot_bind(listen, &e))?;
        println!("origin listens on http://{}", listener.local_addr()?);
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            served = serve(listener) => served,
            _ = terminate.recv() => Ok(()),
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

/// Serves every connection of the listener, until the future is dropped. Runs inside a Tokio runtime.
///
/// # Errors
/// Never by a connection's fault; only where the listener itself has no address.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let local = listener.local_addr()?;
    let stats = Arc::new(Stats::default());
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let stats = stats.clone();
                tokio::spawn(async move {
                    let _open = stats.open_connection();
                    // A broken connection is the client's business; the counters tell of it.
                    let _ = serve_connection(stream, remote, local, &stats).await;
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    remote: SocketAddr,
    local: SocketAddr,
    stats: &Arc<Stats>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let h2 = tokio::time::timeout(HEAD_TIMEOUT, begins_as_h2(&stream)).await??;
    let service = service_fn(move |request| {
        let stats = stats.clone();
        async move { answer::answer(request, answer::Peer { remote, local }, stats).await }
    });
    let io = TokioIo::new(stream);
    if h2 {
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS)
            .serve_connection(io, service)
            .await?;
    } else {
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(io, service)
            .with_upgrades()
            .await?;
    }
    Ok(())
}

/// Looks at the first bytes without taking them.
async fn begins_as_h2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0_u8; H2_PREFACE_BEGIN.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 || first[..seen] != H2_PREFACE_BEGIN[..seen] {
            return Ok(false);
        }
        if seen == H2_PREFACE_BEGIN.len() {
            return Ok(true);
        }
        // What has come so far is peeked again at once, so waiting for more needs the clock.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn cannot_bind(listen: SocketAddr, error: &io::Error) -> io::Error {
    let why = if error.kind() == io::ErrorKind::AddrInUse {
        format!(
            "the origin cannot listen on {listen}: the port is taken by another program. \
             Stop that program (`ss -ltnp` names it), or give another address with --listen"
        )
    } else {
        format!("the origin cannot listen on {listen}: {error}. Give another address with --listen")
    };
    io::Error::new(error.kind(), why)
}
