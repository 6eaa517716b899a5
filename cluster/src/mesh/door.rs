//! The way in at the mesh port: from a TCP connection to one over which a node of this cluster speaks, or a stranger
//! who may ask for enrolment alone. Everything before that is limited: nobody is let do work for nothing.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::Extensions;
use parking_lot::Mutex;
use rustls::{Error, InvalidMessage, PeerIncompatible};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::refused::{Reason, Refused};
use crate::trust::{Member, SharedTrust, now_ms};

/// Time for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// Handshakes under way at once; whoever comes beyond is closed.
const HANDSHAKES: usize = 256;
/// Connections without a certificate at once.
const STRANGERS: usize = 32;
/// Attempts of one address that may go wrong at once, and how many more each second.
const FAILURES_BURST: f64 = 60.0;
const FAILURES_A_SECOND: f64 = 20.0;
/// Addresses whose failures are remembered; beyond, all are forgotten.
const ADDRESSES: usize = 4_096;

/// Lets in. One for the mesh port.
pub(super) struct Door {
    tls: TlsAcceptor,
    trust: SharedTrust,
    refused: Arc<Refused>,
    handshakes: Semaphore,
    failures: Mutex<HashMap<IpAddr, Failures>>,
    strangers: Arc<AtomicUsize>,
}

/// Who speaks over a connection, by its certificate; kept with the connection.
pub(super) struct Caller {
    /// `None`: he showed no certificate.
    pub member: Option<Member>,
    /// Counts a stranger for as long as the connection lasts.
    _stranger: Option<Stranger>,
}

struct Stranger(Arc<AtomicUsize>);

/// A bucket of failures that drains.
struct Failures {
    level: f64,
    at: Instant,
}

// === impl Door ===

impl Door {
    pub fn new(trust: SharedTrust, refused: Arc<Refused>) -> Result<Self, Error> {
        let config = super::tls::server(trust.clone(), refused.clone())?;
        Ok(Door {
            tls: TlsAcceptor::from(Arc::new(config)),
            trust,
            refused,
            handshakes: Semaphore::new(HANDSHAKES),
            failures: Mutex::default(),
            strangers: Arc::default(),
        })
    }

    /// The handshake of a connection that was accepted.
    ///
    /// # Errors
    /// Where nothing is to be said over it; why is counted.
    pub async fn let_in(
        &self,
        tcp: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<SocketAddr>)> {
        let from = tcp.peer_addr()?;
        if self.failed_too_often(from.ip()) {
            return Err(self.refuse(Reason::TooManyFailures));
        }
        let Ok(_place) = self.handshakes.try_acquire() else {
            return Err(self.refuse(Reason::TooManyHandshakes));
        };
        // A socket that refuses the option is slower, no worse.
        let _ = tcp.set_nodelay(true);
        let error = match timeout(HANDSHAKE_TIMEOUT, self.tls.accept(tcp)).await {
            Ok(Ok(stream)) if self.is_strange(&stream) => self.refuse(Reason::TooManyStrangers),
            Ok(Ok(stream)) => return Ok((stream, Some(from))),
            Ok(Err(error)) => {
                if let Some(reason) = reason(&error) {
                    self.refused.count(reason);
                }
                error
            }
            Err(_) => self.refuse(Reason::HandshakeTimeout),
        };
        self.count_failure(from.ip());
        tracing::debug!(%from, %error, "not let in at the mesh port");
        Err(error)
    }

    /// Keeps who speaks with the connection.
    pub fn introduce(&self, stream: &TlsStream<TcpStream>, data: &mut Extensions) {
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let member = certificates.first().and_then(|certificate| {
            // It was believed a moment ago; where it is not any more, he is a stranger.
            let trust = self.trust.trust();
            trust.verify_member(certificate, now_ms()).ok()
        });
        let stranger = member.is_none().then(|| {
            self.strangers.fetch_add(1, Ordering::AcqRel);
            Stranger(self.strangers.clone())
        });
        data.insert(Caller {
            member,
            _stranger: stranger,
        });
    }

    /// One more without a certificate than there may be.
    fn is_strange(&self, stream: &TlsStream<TcpStream>) -> bool {
        let unknown = stream.get_ref().1.peer_certificates().is_none();
        unknown && self.strangers.load(Ordering::Acquire) >= STRANGERS
    }

    fn refuse(&self, reason: Reason) -> io::Error {
        self.refused.count(reason);
        io::Error::new(io::ErrorKind::PermissionDenied, format!("{reason:?}"))
    }

    fn failed_too_often(&self, from: IpAddr) -> bool {
        let failures = self.failures.lock();
        let level = failures.get(&from).map(Failures::level);
        level.is_some_and(|level| level >= FAILURES_BURST)
    }

    fn count_failure(&self, from: IpAddr) {
        let mut failures = self.failures.lock();
        if failures.len() >= ADDRESSES && !failures.contains_key(&from) {
            failures.clear();
        }
        let level = failures.get(&from).map_or(0.0, Failures::level);
        let at = Instant::now();
        let level = level + 1.0;
        failures.insert(from, Failures { level, at });
    }
}

/// What was wrong with a handshake; `None` where a certificate was, which is counted already.
fn reason(error: &io::Error) -> Option<Reason> {
    let tls = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(_)) => None,
        Some(Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )) => Some(Reason::TlsVersion),
        Some(Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        )) => Some(Reason::NoTls),
        _ => Some(Reason::TlsBroken),
    }
}

// === impl Failures ===

impl Failures {
    fn level(&self) -> f64 {
        let drained = self.at.elapsed().as_secs_f64() * FAILURES_A_SECOND;
        (self.level - drained).max(0.0)
    }
}

// === impl Stranger ===

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
