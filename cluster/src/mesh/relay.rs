//! One node passes on the connection of a second to a third that the second cannot reach: `GET
//! /mesh/v1/relay/{address}`, a WebSocket whose binary messages are the bytes of a TCP connection. One hop, since it is
//! made to live nodes of the cluster only and every connection to one is made by whoever asks for it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::rt;
use actix_web::web::Bytes;
use actix_ws::Message;
use awc::ws::Frame;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, split};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connect::{self, Ways};
use super::http;
use super::links::Links;

/// Connections passed on at once.
const RELAYS: usize = 64;
/// Time to reach the third node.
const REACH_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Without a byte in either direction for so long, a connection is not passed on any more.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest that one is passed on: beyond what any request may take, short of what gossip would need.
const LIFE: Duration = Duration::from_secs(120);
/// Bytes of one message.
const CHUNK_BYTES: usize = 16 * 1024;
/// Time for the node between to agree.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What this node passes on for others.
#[derive(Debug, Default)]
pub(super) struct Relays {
    open: AtomicUsize,
    opened: AtomicU64,
    bytes: AtomicU64,
}

/// A place among the connections that are passed on.
struct Place(Arc<Relays>);

/// Why a connection is not passed on.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRelayed {
    #[error("this node passes on {RELAYS} connections already; ask again")]
    Busy,
    #[error("no live node of this cluster is at {0}")]
    Unknown(SocketAddr),
    #[error("this node cannot reach {0} either: {1}")]
    Unreachable(SocketAddr, String),
}

// === impl Relays ===

impl Relays {
    /// Connections passed on now, since the start, and their bytes.
    pub fn figures(&self) -> [u64; 3] {
        let open = self.open.load(Ordering::Relaxed) as u64;
        [
            open,
            self.opened.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        ]
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        let place = |open| (open < RELAYS).then_some(open + 1);
        let taken = self
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, place);
        taken.ok()?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Some(Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The third node, reached: what [`Passed::carry`] carries bytes to.
pub(super) struct Passed {
    there: TcpStream,
    place: Place,
}

/// Reaches the third node for another.
pub(super) async fn reach(links: &Links, to: SocketAddr) -> Result<Passed, NotRelayed> {
    if !links.directory.knows(to) || links.cut.is_cut(to) {
        return Err(NotRelayed::Unknown(to));
    }
    let place = links.relays.take().ok_or(NotRelayed::Busy)?;
    let unreachable = |why: String| NotRelayed::Unreachable(to, why);
    match timeout(REACH_TIMEOUT, connect::dial(links.dial_from, to)).await {
        Ok(Ok(there)) => Ok(Passed { there, place }),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable("no answer in time".to_owned())),
    }
}

// === impl Passed ===

impl Passed {
    /// Carries bytes both ways until either side ends, or a drill cuts one of them off.
    pub async fn carry<S, R>(self, links: &Links, ends: [SocketAddr; 2], sink: S, stream: R)
    where
        S: Sink<Message> + Unpin,
        R: Stream<Item = Option<Bytes>> + Unpin,
    {
        let (read, write) = self.there.into_split();
        let count = |bytes: usize| {
            self.place
                .0
                .bytes
                .fetch_add(bytes as u64, Ordering::Relaxed);
            !ends.iter().any(|end| links.cut.is_cut(*end))
        };
        let both = async {
            tokio::select! {
                () = outward(stream, write, count) => {}
                () = homeward(read, sink, count) => {}
            }
        };
        let _ = timeout(LIFE, both).await;
    }
}

/// Asks the node at `by` to pass a connection on to `addr`; the bytes of it.
pub(super) async fn open(
    links: &Arc<Links>,
    by: SocketAddr,
    addr: SocketAddr,
) -> Result<DuplexStream, String> {
    let (mine, theirs) = tokio::io::duplex(4 * CHUNK_BYTES);
    let (client, _) = http::client(links, ASK_TIMEOUT, Ways::Direct);
    let mut request = client
        .ws(format!("ws://{by}/mesh/v1/relay/{addr}"))
        .max_frame_size(4 * CHUNK_BYTES);
    for (name, value) in links.me.headers() {
        request = request.header(name, value);
    }
    let asked = timeout(ASK_TIMEOUT, request.connect()).await;
    let asked = asked.map_err(|_| "no answer in time".to_owned())?;
    let (_, framed) = asked.map_err(|error| error.to_string())?;
    let (sink, stream) = framed.split();
    let stream = stream.map(|frame| match frame {
        Ok(Frame::Binary(bytes)) => Some(bytes),
        Ok(Frame::Ping(_) | Frame::Pong(_)) => Some(Bytes::new()),
        _ => None,
    });
    let (read, write) = split(theirs);
    rt::spawn(async move {
        let both = async {
            tokio::select! {
                () = outward(stream, write, |_| true) => {}
                () = homeward(read, sink, |_| true) => {}
            }
        };
        let _ = timeout(LIFE, both).await;
    });
    Ok(mine)
}

/// From messages to bytes. `None` in the stream ends it, as does whoever counts.
async fn outward(
    mut stream: impl Stream<Item = Option<Bytes>> + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: impl Fn(usize) -> bool,
) {
    while let Ok(Some(Some(bytes))) = timeout(IDLE_TIMEOUT, stream.next()).await {
        let written = timeout(IDLE_TIMEOUT, to.write_all(&bytes)).await;
        if !count(bytes.len()) || !matches!(written, Ok(Ok(()))) {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// From bytes to messages.
async fn homeward(
    mut from: impl AsyncRead + Unpin,
    mut sink: impl Sink<Message> + Unpin,
    count: impl Fn(usize) -> bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut next = async || -> io::Result<Bytes> {
        let read = from.read(&mut chunk).await?;
        Ok(Bytes::copy_from_slice(&chunk[..read]))
    };
    while let Ok(Ok(bytes)) = timeout(IDLE_TIMEOUT, next()).await {
        if bytes.is_empty() || !count(bytes.len()) {
            break;
        }
        let sent = timeout(IDLE_TIMEOUT, sink.send(Message::Binary(bytes))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
    let _ = sink.send(Message::Close(None)).await;
}
