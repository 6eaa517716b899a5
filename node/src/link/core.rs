//! One core of the link: its listeners and what its calls share.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call_id::CallIds;
use crate::link::connection;
use crate::link::places::Places;
use crate::routing::SharedRouting;
use crate::settings::Settings;
use crate::trace::Tracing;

/// What the calls of one core share.
#[derive(Debug)]
pub struct Core {
    pub settings: Arc<Settings>,
    pub routing: SharedRouting,
    pub ids: CallIds,
    /// Where calls leave their spans; absent where none are made.
    pub tracing: Option<Tracing>,
    pub places: Places,
    /// No new connections and calls; those under way are finished.
    pub drain: CancellationToken,
    /// Everything ends now.
    pub stop: CancellationToken,
    /// Connections, upgraded ones too.
    pub tasks: TaskTracker,
}

/// How long accepting rests when the process has no more file descriptors.
const REST: Duration = Duration::from_millis(50);

// === impl Core ===

impl Core {
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Accepts connections until the drain; `tls`: on the TLS port.
    pub fn listen(
        self: &Rc<Self>,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
    ) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let core = self.clone();
        self.tasks.spawn_local(async move {
            tokio::select! {
                () = core.drain.cancelled() => {}
                () = core.accept(&listener, tls.as_ref()) => {}
            }
            // Who was already connected is served still: closing would reset him.
            while let Ok(Ok((stream, peer))) =
                tokio::time::timeout(Duration::ZERO, listener.accept()).await
            {
                core.open(stream, peer.ip(), tls.as_ref());
            }
        });
        Ok(())
    }

    async fn accept(
        self: &Rc<Self>,
        listener: &tokio::net::TcpListener,
        tls: Option<&TlsAcceptor>,
    ) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.open(stream, peer.ip(), tls),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted now; trying again");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn open(
        self: &Rc<Self>,
        stream: tokio::net::TcpStream,
        peer: std::net::IpAddr,
        tls: Option<&TlsAcceptor>,
    ) {
        let Some(place) = self.places.take(peer) else {
            tracing::debug!(%peer, "a connection beyond the limits was closed");
            return;
        };
        let (core, tls) = (self.clone(), tls.cloned());
        self.tasks.spawn_local(async move {
            let stop = core.stop.clone();
            tokio::select! {
                () = connection::serve(core, stream, peer, place, tls) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Errors of `accept` that concern the connection that was to be accepted only (accept(2)).
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | ConnectionRefused | Interrupted
    )
}

thread_local! {
    static CORE: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// Keeps the core for as long as its thread lives.
pub fn keep(core: Rc<Core>) {
    CORE.set(Some(core));
}
