//! One WebSocket connection, dialled or accepted: frames out of the peer's queue, frames in to membership.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_ws::Message;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::links::Links;
use super::peer::Peer;

/// How often a silent connection is tried.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A connection on which nothing was heard for so long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// A frame the peer does not take within this time closes the connection.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Pongs that wait to be sent; more pings than that are not answered one by one.
const PONGS: usize = 4;

/// What a peer sends.
pub(super) enum Incoming {
    Frame(Bytes),
    Ping(Bytes),
    Pong,
    /// The connection is to be closed: the peer closes, or sent what has no place here.
    End,
}

/// Carries frames both ways until the connection ends.
pub(super) async fn run<S, R>(links: &Links, addr: SocketAddr, peer: Arc<Peer>, sink: S, stream: R)
where
    S: Sink<Message> + Unpin,
    R: Stream<Item = Incoming> + Unpin,
{
    let number = peer.opened();
    let open = Open(&peer);
    let heard = Cell::new(Instant::now());
    let (pongs, pongs_to_send) = mpsc::channel(PONGS);
    tokio::select! {
        () = receive(links, addr, &peer, stream, &heard, pongs) => {}
        () = send(links, addr, &peer, number, sink, pongs_to_send) => {}
        () = silence(&heard) => {}
        () = outlived(&peer, number) => {}
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
    addr: SocketAddr,
    peer: &Peer,
    mut stream: R,
    heard: &Cell<Instant>,
    pongs: mpsc::Sender<Bytes>,
) {
    while let Some(incoming) = stream.next().await {
        heard.set(Instant::now());
        match incoming {
            Incoming::Frame(frame) => links.deliver(addr, peer, frame),
            Incoming::Ping(payload) => drop(pongs.try_send(payload)),
            Incoming::Pong => {}
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
