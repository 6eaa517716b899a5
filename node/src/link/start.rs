//! Starting the link, and stopping it without losing a call.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix_rt::Arbiter;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_config::NodeId;

use crate::call_id::CallIds;
use crate::forward::{ForwardActor, OriginActor};
use crate::link::clients;
use crate::link::core::{self, Core};
use crate::link::listen::listeners;
use crate::link::places::{ByIp, Connections, Places};
use crate::monitor::{self, MonitorHandle};
use crate::routing::SharedRouting;
use crate::settings::Settings;
use crate::supervise::{Supervised, supervise};
use crate::tls::{self, TlsError};
use crate::trace::Tracing;

/// What the link needs.
#[derive(Clone, Debug)]
pub struct Config {
    pub settings: Arc<Settings>,
    pub node: NodeId,
    pub routing: SharedRouting,
    /// Where calls leave their spans; absent where none are made.
    pub tracing: Option<Tracing>,
    /// Absent: calls are neither counted nor recorded.
    pub monitor: Option<MonitorHandle>,
}

/// Why the link did not start: one sentence that names the setting and says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{setting}: {addr} is already in use; stop what listens there or set another address")]
    AddressInUse {
        setting: &'static str,
        addr: SocketAddr,
    },
    #[error(
        "{setting}: cannot listen on {addr} ({error}); set an address of this machine that the node may use"
    )]
    Listen {
        setting: &'static str,
        addr: SocketAddr,
        error: io::Error,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("link.workers: the threads of the link could not be started ({0})")]
    Threads(io::Error),
}

/// The running link.
#[derive(Debug)]
pub struct LinkHandle {
    /// Where it listens, with the ports the system chose.
    pub http: SocketAddr,
    pub https: SocketAddr,
    drain: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
    arbiters: Vec<Arbiter>,
    /// By core.
    pub connections: Vec<Connections>,
    _forward: Vec<Supervised<ForwardActor>>,
    /// Checks the health of origins, once for all cores.
    pub origin_actor: Supervised<OriginActor>,
}

/// Starts one arbiter a core, each with its listeners, its pools and its connections.
pub fn start(config: Config) -> Result<LinkHandle, StartError> {
    let settings = &config.settings;
    let cores = match settings.link.workers {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        cores => cores,
    };
    let tls = TlsAcceptor::from(tls::link_tls(settings)?);
    let origin_tls = tls::origin_tls(&settings.tls)?;
    let plain = listeners("link.http", settings.link.http, cores)?;
    let secure = listeners("link.https", settings.link.https, cores)?;
    let local = |listeners: &[std::net::TcpListener]| {
        listeners[0].local_addr().map_err(StartError::Threads)
    };
    let checks = Arbiter::try_new().map_err(StartError::Threads)?;
    let (checks_routing, checks_tls) = (config.routing.clone(), origin_tls.clone());
    let make = move || OriginActor::new(checks_routing.clone(), checks_tls.clone());
    let origin_actor = supervise(&checks.handle(), "OriginActor", make);
    let mut handle = LinkHandle {
        http: local(&plain)?,
        https: local(&secure)?,
        drain: CancellationToken::new(),
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
        arbiters: vec![checks],
        connections: Vec::with_capacity(cores),
        _forward: Vec::with_capacity(cores),
        origin_actor,
    };
    let by_ip = ByIp::default();
    for (plain, secure) in plain.into_iter().zip(secure) {
        let arbiter = Arbiter::try_new().map_err(StartError::Threads)?;
        let (actor_tls, limits) = (origin_tls.clone(), settings.limits.clone());
        let make = move || ForwardActor::new(actor_tls.clone(), &limits);
        handle
            ._forward
            .push(supervise(&arbiter.handle(), "ForwardActor", make));
        let (config, tls, by_ip) = (config.clone(), tls.clone(), by_ip.clone());
        let (drain, stop, tasks) = (
            handle.drain.clone(),
            handle.stop.clone(),
            handle.tasks.clone(),
        );
        let limits = &settings.limits;
        let places = Places::new(
            limits.connections_per_core,
            by_ip,
            limits.connections_per_ip,
        );
        handle.connections.push(places.connections());
        let station = config.monitor.as_ref().and_then(|it| it.station(cores));
        let (started, has_started) = mpsc::channel();
        arbiter.spawn(async move {
            // The pools first: a call must find them.
            while crate::forward::current().is_none() {
                tokio::task::yield_now().await;
            }
            let core = Rc::new(Core {
                places,
                settings: config.settings.clone(),
                routing: config.routing,
                ids: CallIds::new(&config.node),
                tracing: config.tracing,
                drain,
                stop,
                tasks,
            });
            if let Some(station) = station {
                monitor::install(station);
                tokio::task::spawn_local(monitor::hand_over());
            }
            let listening = core
                .listen(plain, None)
                .and_then(|()| core.listen(secure, Some(tls)));
            tokio::task::spawn_local(clients::hand_over(core.routing.clone()));
            core::keep(core);
            let _ = started.send(listening);
        });
        handle.arbiters.push(arbiter);
        let listening = has_started
            .recv()
            .map_err(io::Error::other)
            .and_then(|listening| listening);
        listening.map_err(StartError::Threads)?;
    }
    tracing::info!(http = %handle.http, https = %handle.https, cores, "the link is open");
    Ok(handle)
}

// === impl LinkHandle ===

impl LinkHandle {
    /// Stops accepting, lets calls under way finish for up to `timeout`, then closes what is left.
    pub async fn drain(mut self, timeout: Duration) {
        self.drain.cancel();
        self.tasks.close();
        if tokio::time::timeout(timeout, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tasks.len(),
                "calls were still under way when the time to drain ended"
            );
        }
        self.stop.cancel();
        self.tasks.wait().await;
        for arbiter in std::mem::take(&mut self.arbiters) {
            arbiter.stop();
            // The thread ends by itself; waiting for it here could block the caller's own.
        }
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.stop.cancel();
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

// === impl StartError ===

impl StartError {
    pub(super) fn from_bind(setting: &'static str, addr: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => StartError::AddressInUse { setting, addr },
            _ => StartError::Listen {
                setting,
                addr,
                error,
            },
        }
    }
}
