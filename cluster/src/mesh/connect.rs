//! The way out: a TLS connection to the node at a mesh address, directly or by way of another node, and who it is that
//! answered. By way of another, TLS is spoken with the far node all the same: the one between carries what it cannot
//! read.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::net::{ActixStream, Ready};
use rand::seq::IteratorRandom;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::links::Links;
use super::relay;
use super::tls::SERVER_NAME;
use crate::trust::{Member, now_ms};

/// Time for a connection to be there, TLS included.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The same where others could pass it on: they are asked soon.
const TRY_TIMEOUT: Duration = Duration::from_millis(600);
/// Nodes that are asked to pass a connection on, one after the other.
const RELAYS_TRIED: usize = 3;

/// Which ways may be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ways {
    Direct,
    /// By way of another node, where there is no direct one.
    Any,
}

/// Bytes to another node, below TLS.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Relayed(DuplexStream),
}

/// A connection on which a node of this cluster has shown its certificate.
#[derive(Debug)]
pub(super) struct Secured(TlsStream<Wire>);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    /// Nothing, or nothing whole, comes from there.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody is there with whom nothing is spoken.
    #[error("{0}")]
    Refused(String),
}

/// Connects, and says who answered. Remembers of an address that it is not reached directly.
pub(super) async fn connect(
    links: &Arc<Links>,
    addr: SocketAddr,
    ways: Ways,
) -> Result<(Secured, Member), NoConnection> {
    let relays = match ways {
        Ways::Direct => Vec::new(),
        Ways::Any => links
            .connected_but(addr)
            .into_iter()
            .sample(&mut rand::rng(), RELAYS_TRIED),
    };
    let direct = if relays.is_empty() || !links.unreached.lock().is_recent(addr) {
        let time = if relays.is_empty() {
            DIRECT_TIMEOUT
        } else {
            TRY_TIMEOUT
        };
        match timeout(time, directly(links, addr)).await {
            Ok(Ok(connected)) => {
                links.unreached.lock().remove(addr);
                return Ok(connected);
            }
            Ok(Err(refused @ NoConnection::Refused(_))) => return Err(refused),
            Ok(Err(NoConnection::Unreachable(why))) => why,
            Err(_) => "no answer in time".to_owned(),
        }
    } else {
        "it could not be reached just before".to_owned()
    };
    if relays.is_empty() {
        return Err(NoConnection::Unreachable(direct));
    }
    links.unreached.lock().insert(addr);
    let mut tried = Vec::new();
    for by in relays {
        let why = match timeout(DIRECT_TIMEOUT, by_way_of(links, by, addr)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(refused @ NoConnection::Refused(_))) => return Err(refused),
            Ok(Err(NoConnection::Unreachable(why))) => why,
            Err(_) => "no answer in time".to_owned(),
        };
        tried.push(format!("by way of {}: {why}", links.directory.name(by)));
    }
    let tried = tried.join("; ");
    Err(NoConnection::Unreachable(format!(
        "directly: {direct}; {tried}"
    )))
}

async fn directly(links: &Links, addr: SocketAddr) -> Result<(Secured, Member), NoConnection> {
    let tcp = dial(links.dial_from, addr).await;
    let tcp = tcp.map_err(|error| NoConnection::Unreachable(error.to_string()))?;
    secure(links, addr, Wire::Tcp(tcp)).await
}

async fn by_way_of(
    links: &Arc<Links>,
    by: SocketAddr,
    addr: SocketAddr,
) -> Result<(Secured, Member), NoConnection> {
    let wire = relay::open(links, by, addr)
        .await
        .map_err(NoConnection::Unreachable)?;
    secure(links, addr, Wire::Relayed(wire)).await
}

/// A TCP connection that sends at once: with Nagle's algorithm every second frame of a gossip exchange waits for a
/// delayed acknowledgement, 40 ms. It comes from `from`, where that can reach there.
pub(super) async fn dial(from: Option<IpAddr>, addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    let reaches = |from: &IpAddr| {
        from.is_ipv4() == addr.is_ipv4() && from.is_loopback() == addr.ip().is_loopback()
    };
    if let Some(from) = from.filter(reaches) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let tcp = socket.connect(addr).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// TLS with the node that is expected there.
async fn secure(
    links: &Links,
    addr: SocketAddr,
    wire: Wire,
) -> Result<(Secured, Member), NoConnection> {
    let name = ServerName::try_from(SERVER_NAME);
    let name = name.map_err(|error| NoConnection::Refused(error.to_string()))?;
    let stream = TlsConnector::from(links.tls.clone())
        .connect(name, wire)
        .await;
    let stream = stream.map_err(|error| match tls_error(&error) {
        Some(text) => NoConnection::Refused(text),
        None => NoConnection::Unreachable(error.to_string()),
    })?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificate = certificates
        .first()
        .map_or(&[][..], |certificate| certificate);
    let member = links.trust.trust().verify_member(certificate, now_ms());
    let member = member.map_err(|why| NoConnection::Refused(why.to_string()))?;
    if member.node == links.me.node {
        return Err(NoConnection::Refused(
            "this node itself answers there".to_owned(),
        ));
    }
    if !links.directory.may_be(addr, &member.node) {
        let expected = links.directory.name(addr);
        let found = &member.node;
        let text = format!("node {found} answers where {expected} is expected");
        return Err(NoConnection::Refused(text));
    }
    Ok((Secured(stream), member))
}

/// What TLS says; `None` where the connection broke before it could.
fn tls_error(error: &io::Error) -> Option<String> {
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(tls.to_string())
}

// === impl Wire ===

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Wire::Relayed(duplex) => Pin::new(duplex).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Wire::Relayed(duplex) => Pin::new(duplex).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Wire::Relayed(duplex) => Pin::new(duplex).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Wire::Relayed(duplex) => Pin::new(duplex).poll_shutdown(cx),
        }
    }
}

// === impl Secured ===

impl Secured {
    /// `stream`: with whoever answers, whose certificate was looked at.
    pub fn new(stream: TlsStream<Wire>) -> Self {
        Secured(stream)
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// awc asks for it and never calls it.
impl ActixStream for Secured {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}
