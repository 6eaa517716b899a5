//! `weir node`: everything started in order, run until told to stop, and stopped in order.
//!
//! ```text
//! start: ports ─▶ identity ─▶ store ─▶ meters, table ─▶ link ─▶ mesh, membership ─▶ config ─▶ admin API
//! stop:  link (calls finish) ─▶ monitoring (written) ─▶ packages (given away) ─▶ membership (leaves) ─▶ admin API, mesh ─▶ store
//! ```

mod actors;
mod error;
mod own;
mod ports;
mod stale;
mod stop;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Arbiter;
use actix_web::dev::{Server, ServerHandle};
use tokio::sync::watch;
use weir_cluster::membership::{Membership, MembershipConfig, MembershipHandle};
use weir_cluster::mesh::{self, MeshConfig, MeshHandle};
use weir_cluster::replication::ConfigSnapshot;

use crate::admin::{self, AdminState, Readiness};
use crate::alarm::{AlarmParts, FactSources};
use crate::config_actor::{
    ConfigHandle, ConfigOptions, ConfigParts, Published, SharedStore, ensure_admin_token,
    open_replica, remembered_members,
};
use crate::identity::{self, Granter, IdentityFiles, IdentityParts, JoinTokens};
use crate::monitor::{ClusterMonitor, MonitorHandle};
use crate::platform::{PlatformHandle, PlatformParts};
use crate::quota::{QuotaHandle, QuotaParts};
use crate::settings::Settings;
use crate::store::DataDir;
use crate::telemetry::LogControl;
use crate::trace::Tracing;
use crate::{link, telemetry, trace};
use actors::Routing;
use own::{given_seal_key, node_id, note_owner, of_cluster, seal_key, warn_unreachable};
use ports::Ports;

pub use error::StartError;

/// Weir's version, for other nodes and for people.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The fact in the store that names its node.
pub(crate) const OWNER: &str = "node";
/// Time for the link's connections to close once they are told to.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for the last spans to reach the collector.
const SPANS_STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for the admin API and the mesh to end after a stop; what is left then is cut.
const SERVERS_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a node until SIGTERM or SIGINT. What keeps it from starting is one sentence on standard error,
/// with exit status 1.
pub fn run(settings: Settings) -> ExitCode {
    let log = telemetry::init(&settings.log, &settings.node.id);
    // Fails only where one is installed already, which is then the one to use.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = actix::System::new().block_on(async {
        let stop = stop::signalled()?;
        let node = Node::start(Arc::new(settings), log).await?;
        // The sender lives as long as the process.
        let signal = stop.await.unwrap_or("the end of its signals");
        node.stop(signal).await;
        Ok::<(), StartError>(())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A running node.
struct Node {
    settings: Arc<Settings>,
    readiness: Arc<Readiness>,
    link: link::LinkHandle,
    mesh: MeshHandle,
    membership: MembershipHandle,
    quota: QuotaHandle,
    monitor: MonitorHandle,
    monitor_thread: Arbiter,
    /// Admin API and mesh port.
    servers: Vec<ServerHandle>,
    tracing: Option<Tracing>,
    trace_thread: Arbiter,
    alarm_thread: Arbiter,
    platform_thread: Arbiter,
    config_thread: Arbiter,
    store: SharedStore,
    /// Held until the store is closed.
    _data_dir: DataDir,
}

// === impl Node ===

impl Node {
    async fn start(settings: Arc<Settings>, log: LogControl) -> Result<Self, StartError> {
        let began = Instant::now();
        let id = node_id(&settings)?;
        let data_dir = DataDir::lock(&settings.node.data_dir)?;
        let seal_key = seal_key(&settings, data_dir.path())?;
        let retention = settings.history.retention();
        let ports = Ports::open(&settings)?;
        let files = IdentityFiles::new(data_dir.path(), given_seal_key(&settings)?);
        let identity = identity::open(&settings, &id, files).await?;
        let settings = Arc::new(of_cluster(&settings, &identity));
        let listen = settings.mesh.listen.ip();
        warn_unreachable(ports.mesh_address, &settings.mesh.seeds);
        let mesh = MeshHandle::start(MeshConfig {
            cluster: identity.cluster.clone(),
            node: id.clone(),
            mesh_addr: ports.mesh_address,
            dial_from: Some(listen).filter(|ip| !ip.is_unspecified()),
            version: VERSION.to_owned(),
            trust: identity.trust.clone(),
        })?;
        let mut store = stale::open(&data_dir, &settings, &mesh).await?;
        note_owner(&mut store, &id)?;
        if !identity.joined {
            identity::ensure_registered(&mut store, &id, &identity.trust, &identity.keys)?;
        }

        let snapshot = open_replica(&id, retention, &store)?.snapshot();
        let trust = identity::trust_of(
            &identity.cluster,
            &snapshot.catalog,
            &identity.trust.trust(),
            &identity.trust.credentials().member().authority,
        );
        identity.trust.set_trust(trust);
        let (published, announcer) = published(snapshot);
        let follows = !settings.mesh.seeds.is_empty();
        if let Some(file) = ensure_admin_token(&mut store, data_dir.path(), &id, follows)? {
            let file = file.display();
            tracing::info!(%file, "this node begins a cluster: its admin token is in the file");
        }
        let mut seeds = settings.mesh.seeds.clone();
        seeds.extend(remembered_members(&store)?);
        let joins = !seeds.is_empty();
        let store = SharedStore::new(store.into());
        let mut quota = QuotaParts::new(
            id.clone(),
            settings.node.region.clone(),
            store.clone(),
            published.snapshot.clone(),
            published.changed.subscribe(),
            announcer.subscribe(),
        );
        quota.begins = !joins;
        quota.known.clone_from(&seeds);
        quota.terms.interval = Duration::from_millis(settings.mesh.gossip_interval_ms);
        quota.terms.burst = Duration::from_millis(settings.package.burst_ms);
        quota.plan_terms.fence = Duration::from_millis(settings.package.fence_ms);
        let routing = Routing::start(quota, &settings.link.base_domain).await?;
        let trace_thread = actors::arbiter()?;
        let traces = trace::start(&trace_thread.handle(), &settings);
        let tracing = traces.as_ref().map(|(tracing, _)| tracing.clone());
        let monitor_thread = actors::arbiter()?;
        let monitor =
            MonitorHandle::start(&monitor_thread.handle(), &settings, routing.table.clone());
        let link = link::start(link::Config {
            settings: settings.clone(),
            node: id.clone(),
            routing: routing.table.clone(),
            tracing: tracing.clone(),
            monitor: Some(monitor.clone()),
        })?;

        let membership = Membership::start(
            MembershipConfig {
                cluster: settings.node.cluster.clone(),
                node: id.clone(),
                region: settings.node.region.clone(),
                version: VERSION.to_owned(),
                mesh_addr: ports.mesh_address,
                seeds,
                gossip_interval: Duration::from_millis(settings.mesh.gossip_interval_ms),
                admin: Some(ports.admin_address),
                link_http: Some(link.http),
                link_https: Some(link.https),
            },
            mesh.clone(),
        )?;
        announcer.send_replace(Some(membership.clone()));
        let beside = routing.table.load().beside.clone();
        link::follow_live_regions(beside, membership.view());

        let config_thread = actors::arbiter()?;
        let (region, view) = (settings.node.region.clone(), membership.view());
        let (mut parts, port) =
            ConfigParts::sharing(id.clone(), region, store, published, mesh.clone(), view)?;
        parts.options = ConfigOptions {
            ack_timeout: Duration::from_millis(settings.mesh.ack_timeout_ms),
            joins,
            retention,
        };
        let store = parts.store.clone();
        let changed = parts.published.changed.subscribe();
        // Requests that came to the open port meanwhile wait in its queue.
        let server = mesh::server::server(mesh.clone(), port, ports.mesh)?;
        let mut servers = vec![serve("mesh", server)];
        let config = actors::start_config(&config_thread, parts.clone());
        let handle = ConfigHandle::new(&parts, config.clone());
        let (routing_table, view) = (routing.table.clone(), membership.view());
        let schedules =
            actors::start_schedules(&config_thread, &handle, view, routing_table, &mesh);

        let granter = Granter {
            node: id.clone(),
            cluster: identity.cluster,
            config: handle.clone(),
            mesh: mesh.clone(),
            view: membership.view(),
            keys: identity.keys,
            tokens: JoinTokens::new(store.clone()),
            life_s: settings.mesh.certificate_life_s,
        };
        mesh.enrol_by(granter.clone());
        let identity = IdentityParts {
            granter,
            files: identity.files,
            membership: membership.clone(),
            changed,
        };
        let keeper = actors::start_identity(&config_thread, identity.clone());

        let alarm_thread = actors::arbiter()?;
        let certificates =
            crate::tls::certificate_ends(&settings).map_err(link::StartError::from)?;
        let sources = FactSources::new(&routing.quota, &routing.table, &monitor, certificates);
        let (name, view) = (settings.node.cluster.clone(), membership.view());
        let alarm_parts = AlarmParts::new(
            (id.clone(), name),
            &handle,
            view,
            &mesh,
            sources,
            &store,
            &settings.tls,
        );
        let platform_thread = actors::arbiter()?;
        let platform = PlatformParts {
            settings: settings.clone(),
            config: handle.clone(),
            cluster: membership.view(),
            key: seal_key,
        };
        let front = platform.front();
        let platform = actors::start_platform(&platform_thread, platform);

        let cluster = membership.view();
        let mut state = AdminState::new(
            handle,
            cluster,
            routing.quota.clone(),
            mesh.clone(),
            settings.clone(),
            routing.table,
            id.clone(),
        );
        state.started = began;
        state.log = log;
        state.connections.clone_from(&link.connections);
        let cluster = membership.view();
        let watching = ClusterMonitor::new(monitor.clone(), mesh.clone(), cluster);
        watching.answer_others();
        state.monitor = Some(watching);
        state.identity = Some(identity);
        state.gossip = Some(membership.counts());
        state.platform = Some(PlatformHandle::new(platform.clone(), front));
        state.restarts = vec![
            ("ConfigActor", actors::restarts(&config)),
            ("IdentityActor", actors::restarts(&keeper)),
            ("QuotaActor", {
                let quota = routing.quota.clone();
                Arc::new(move || quota.restarts())
            }),
            ("MonitorActor", {
                let monitor = monitor.clone();
                Arc::new(move || monitor.restarts())
            }),
            ("PlatformActor", actors::restarts(&platform)),
            ("RouterActor", actors::restarts(&routing.router)),
            ("ScheduleActor", actors::restarts(&schedules)),
            ("OriginActor", actors::restarts(&link.origin_actor)),
        ];
        if let Some((_, actor)) = &traces {
            state.restarts.push(("TraceActor", actors::restarts(actor)));
        }
        state.tracing.clone_from(&tracing);
        let alarms = actors::start_alarms(&alarm_thread, alarm_parts);
        state.restarts.push(("AlarmActor", {
            let alarms = alarms.clone();
            Arc::new(move || alarms.restarts())
        }));
        state.alarms = Some(alarms);
        admin::answer_others(&state);
        let readiness = state.readiness.clone();
        let server = admin::server(state, ports.admin).map_err(StartError::Admin)?;
        servers.push(serve("admin API", server));
        readiness.link_is_up();
        tracing::info!(
            region = settings.node.region,
            link_http = %link.http,
            link_https = %link.https,
            admin = %ports.admin_address,
            mesh = %ports.mesh_address,
            version = VERSION,
            took_ms = began.elapsed().as_millis() as u64,
            "ready"
        );
        Ok(Node {
            settings,
            readiness,
            link,
            mesh,
            membership,
            quota: routing.quota,
            monitor,
            monitor_thread,
            servers,
            tracing,
            trace_thread,
            alarm_thread,
            platform_thread,
            config_thread,
            store,
            _data_dir: data_dir,
        })
    }

    /// Stops in good order; takes at most the drain timeout and some seconds.
    async fn stop(self, signal: &str) {
        let began = Instant::now();
        let drain = Duration::from_millis(self.settings.limits.drain_timeout_ms);
        tracing::info!(
            signal,
            drain_timeout_ms = drain.as_millis() as u64,
            "stopping"
        );
        self.readiness.drain();
        let closing = tokio::time::timeout(drain + CLOSE_TIMEOUT, self.link.drain(drain));
        if closing.await.is_err() {
            tracing::warn!("connections of the link did not close in time and are cut");
        }
        if let Some(tracing) = &self.tracing {
            tracing.finish(SPANS_STOP_TIMEOUT).await;
        }
        self.monitor.finish().await;
        // No call is under way: what is left goes to the others, with the word that this node leaves.
        self.quota.leave().await;
        self.membership.leave().await;
        let stopping = self.servers.iter().map(|server| server.stop(true));
        let stopped = futures_util::future::join_all(stopping);
        if tokio::time::timeout(SERVERS_STOP_TIMEOUT, stopped)
            .await
            .is_err()
        {
            tracing::warn!("the admin API or the mesh did not end in time and is cut");
        }
        self.mesh.stop();
        self.trace_thread.stop();
        self.alarm_thread.stop();
        self.monitor_thread.stop();
        self.platform_thread.stop();
        self.config_thread.stop();
        if self.config_thread.join().is_err() {
            tracing::error!("the config thread ended by a panic");
        }
        drop(self.store);
        tracing::info!(took_ms = began.elapsed().as_millis() as u64, "stopped");
    }
}

/// Where the configuration is shown; the cluster is told of it as soon as membership is there.
fn published(
    snapshot: ConfigSnapshot,
) -> (Published, Arc<watch::Sender<Option<MembershipHandle>>>) {
    let membership = Arc::new(watch::Sender::new(None::<MembershipHandle>));
    let announcer = membership.clone();
    let published = Published {
        snapshot: snapshot.shared(),
        changed: Arc::new(watch::Sender::new(0)),
        announce: Arc::new(move |snapshot| {
            if let Some(membership) = membership.borrow().as_ref() {
                let newest = snapshot.newest.as_ref();
                membership.publish_config(&snapshot.buckets, &snapshot.newest_root, newest);
            }
        }),
    };
    (published, announcer)
}

/// Runs a server on this thread until it is stopped by its handle.
fn serve(name: &'static str, server: Server) -> ServerHandle {
    let handle = server.handle();
    actix::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(name, %error, "a server ended by itself");
        }
    });
    handle
}
