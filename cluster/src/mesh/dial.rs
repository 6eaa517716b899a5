//! Dialling: a connection is made when there is a frame for a peer and none is open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use awc::ws::Frame;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::FRAME_MAX_BYTES;
use super::connect::Ways;
use super::connection::{self, Incoming};
use super::http;
use super::links::Links;
use super::peer::Peer;

const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How often it is looked whether a cut is healed: soon after it is, the peers are dialled.
const WHILE_CUT: Duration = Duration::from_millis(100);
/// How often it is said that a peer does not want this node.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// A peer nothing is sent to for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(120);

/// Looks after every peer that is to be dialled; ends with the mesh.
pub(super) async fn run(links: Arc<Links>, mut undialled: mpsc::Receiver<(SocketAddr, Arc<Peer>)>) {
    while let Some((addr, peer)) = undialled.recv().await {
        rt::spawn(look_after(links.clone(), addr, peer));
    }
}

async fn look_after(links: Arc<Links>, addr: SocketAddr, peer: Arc<Peer>) {
    let mut backoff = BACKOFF_MIN;
    let mut told: Option<Instant> = None;
    let mut connections = peer.connections();
    loop {
        connections.borrow_and_update();
        if peer.is_connected() {
            // Dialled by the other side.
            let _ = connections.changed().await;
            continue;
        }
        if timeout(FORGET_AFTER, peer.wanted()).await.is_err() {
            links.forget_idle(addr);
            return;
        }
        if peer.is_connected() {
            continue;
        }
        if links.cut.is_cut(addr) {
            peer.discard();
            sleep(WHILE_CUT).await;
            continue;
        }
        match dial(&links, addr, &peer).await {
            Ok(()) => backoff = BACKOFF_MIN,
            Err(reason) => {
                peer.count_failed_dial();
                match told.is_none_or(|told| told.elapsed() > TELL_EVERY) && is_unwanted(&reason) {
                    true => {
                        told = Some(Instant::now());
                        tracing::warn!(
                            %addr,
                            reason,
                            "a node does not believe this node's certificate: was it revoked, or has it expired?"
                        );
                    }
                    false => tracing::debug!(%addr, reason, "no mesh connection"),
                }
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
        if !peer.is_connected() {
            sleep(backoff.mul_f64(rand::random_range(0.5..1.0))).await;
            if !peer.is_connected() {
                peer.discard();
            }
        }
    }
}

/// Whether the other side ended the handshake by an alert; rustls says so in these words, and awc passes on no more than
/// words.
fn is_unwanted(reason: &str) -> bool {
    reason.contains("received fatal alert")
}

/// Makes a connection and carries frames over it until it ends.
async fn dial(links: &Arc<Links>, addr: SocketAddr, peer: &Arc<Peer>) -> Result<(), String> {
    let (client, answered) = http::client(links, DIAL_TIMEOUT, Ways::Direct);
    let mut request = client
        .ws(format!("ws://{addr}/mesh/v1/gossip"))
        .max_frame_size(FRAME_MAX_BYTES);
    for (name, value) in links.me.headers() {
        request = request.header(name, value);
    }
    let (_, framed) = timeout(DIAL_TIMEOUT, request.connect())
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let member = answered.take().ok_or("nobody has shown who he is")?;
    let (sink, stream) = framed.split();
    let stream = stream.map(|frame| match frame {
        Ok(Frame::Binary(bytes)) => Incoming::Frame(bytes),
        Ok(Frame::Ping(payload)) => Incoming::Ping(payload),
        Ok(Frame::Pong(_)) => Incoming::Pong,
        Ok(Frame::Text(_) | Frame::Continuation(_)) => Incoming::Bad,
        Ok(Frame::Close(_)) => Incoming::End,
        Err(error) => error.into(),
    });
    connection::run(links, addr, &member, peer.clone(), sink, stream).await;
    Ok(())
}
