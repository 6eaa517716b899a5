//! One WebSocket connection, dialled or accepted: frames out of the peer's queue, frames in to membership.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_http::ws::ProtocolError;
use actix_web::web::Bytes;
use actix_ws::Message;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::links::Links;
use super::peer::Peer;
use super::refused::Reason;
use crate::trust::{Member, SharedTrust, now_ms};

/// How often a silent connection is tried.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A connection on which nothing was heard for so long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// A frame the peer does not take within this time closes the connection.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Pongs that wait to be sent; more pings than that are not answered one by one.
const PONGS: usize = 4;

/// What a peer may send, beyond which it waits: a hundred times what gossip of a hundred nodes comes to.
const FRAMES_A_SECOND: u64 = 5_000;
const BYTES_A_SECOND: usize = 32 * 1024 * 1024;
/// The longest until the end of a certificate is looked at by the clock again: clocks are set.
const LOOK_AT_CLOCK_EVERY: Duration = Duration::from_secs(30);

/// What a peer sends.
pub(super) enum Incoming {
    Frame(Bytes),
    Ping(Bytes),
    Pong,
    /// What has no place here: too large, text, against the protocol. The connection is closed, and it is counted.
    Bad,
    /// The peer closes, or is gone.
    End,
}

impl From<ProtocolError> for Incoming {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Io(_) => Incoming::End,
            _ => Incoming::Bad,
        }
    }
}

/// Carries frames both ways until the connection ends.
///
/// It ends by itself when the peer is not believed any more: revoked, or by its certificate's end.
pub(super) async fn run<S, R>(
    links: &Links,
    addr: SocketAddr,
    member: &Member,
    peer: Arc<Peer>,
    sink: S,
    stream: R,
) where
    S: Sink<Message> + Unpin,
    R: Stream<Item = Incoming> + Unpin,
{
    let number = peer.opened();
    let open = Open(&peer);
    let heard = Cell::new(Instant::now());
    let (pongs, pongs_to_send) = mpsc::channel(PONGS);
    tokio::select! {
        () = receive(links, (addr, member), &peer, stream, &heard, pongs) => {}
        () = send(links, addr, &peer, number, sink, pongs_to_send) => {}
        () = silence(&heard) => {}
        () = outlived(&peer, number) => {}
        () = distrusted(&links.trust, member) => {}
    }
    drop(open);
    links.forget_undialled(addr);
}

/// Counts the connection as open until dropped, whatever ends it.
struct Open<'a>(&'a Peer);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.closed();
    }
}

async fn receive<R: Stream<Item = Incoming> + Unpin>(
    links: &Links,
    (addr, member): (SocketAddr, &Member),
    peer: &Peer,
    mut stream: R,
    heard: &Cell<Instant>,
    pongs: mpsc::Sender<Bytes>,
) {
    let mut second = Second::begin();
    while let Some(incoming) = stream.next().await {
        heard.set(Instant::now());
        if let Incoming::Frame(frame) = &incoming
            && second.is_over(frame.len())
        {
            peer.count_throttled();
            sleep_until(second.end()).await;
            heard.set(Instant::now());
        }
        match incoming {
            Incoming::Frame(frame) => links.deliver(addr, member, peer, frame),
            Incoming::Ping(payload) => drop(pongs.try_send(payload)),
            Incoming::Pong => {}
            Incoming::Bad => {
                links.refused.count(Reason::BadMessage);
                return;
            }
            Incoming::End => return,
        }
    }
}

async fn send<S: Sink<Message> + Unpin>(
    links: &Links,
    addr: SocketAddr,
    peer: &Peer,
    number: u64,
    mut sink: S,
    mut pongs: mpsc::Receiver<Bytes>,
) {
    let mut connections = peer.connections();
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Only the newest connection sends: the others may lead to a peer that is gone.
        let newest = *connections.borrow_and_update() == number;
        let message = tokio::select! {
            frame = peer.pop(), if newest => {
                // It waited here while the cut was made.
                if links.cut.is_cut(addr) {
                    peer.count_dropped(1);
                    continue;
                }
                peer.count_out(frame.len());
                Message::Binary(frame)
            }
            Some(payload) = pongs.recv() => Message::Pong(payload),
            _ = ping.tick() => Message::Ping(Bytes::new()),
            _ = connections.changed() => continue,
        };
        match timeout(SEND_TIMEOUT, sink.send(message)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

/// What a peer has sent within one second.
struct Second {
    begun: Instant,
    frames: u64,
    bytes: usize,
}

impl Second {
    fn begin() -> Self {
        Second {
            begun: Instant::now(),
            frames: 0,
            bytes: 0,
        }
    }

    fn end(&self) -> Instant {
        self.begun + Duration::from_secs(1)
    }

    /// Counts a frame; whether it is beyond what a peer may send.
    fn is_over(&mut self, bytes: usize) -> bool {
        if self.end() <= Instant::now() {
            *self = Second::begin();
        }
        self.frames += 1;
        self.bytes += bytes;
        self.frames > FRAMES_A_SECOND || self.bytes > BYTES_A_SECOND
    }
}

/// Ends when the peer is not believed any more.
async fn distrusted(trust: &SharedTrust, member: &Member) {
    let mut changes = trust.changes();
    loop {
        changes.borrow_and_update();
        let now = now_ms();
        if let Err(why) = trust.trust().still_trusts(member, now) {
            tracing::info!(node = member.node.as_str(), %why, "a mesh connection is closed");
            return;
        }
        let left = Duration::from_millis(member.not_after_ms.saturating_sub(now));
        let left = left.min(LOOK_AT_CLOCK_EVERY);
        // Whoever changes it lives as long as the mesh.
        let _ = timeout(left, changes.changed()).await;
    }
}

async fn silence(heard: &Cell<Instant>) {
    loop {
        let end = heard.get() + IDLE_TIMEOUT;
        if end <= Instant::now() {
            return;
        }
        sleep_until(end).await;
    }
}

/// Ends when two newer connections to the same peer were made. One newer may be the same pair dialling
/// each other at once, where each side prefers another of the two.
async fn outlived(peer: &Peer, number: u64) {
    let mut connections = peer.connections();
    let _ = connections.wait_for(|&made| made >= number + 2).await;
}
