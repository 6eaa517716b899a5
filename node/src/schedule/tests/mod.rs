//! The actor on real configurations, with a clock of the tests' own.

mod errors;
mod steps;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::Arbiter;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use weir_cluster::membership::{ClusterView, NodeView};
use weir_cluster::mesh::{self, MeshConfig, MeshHandle};
use weir_cluster::replication::ConfigSnapshot;
use weir_config::access::AccessTable;
use weir_config::object::{Business, Schedule};
use weir_config::operation::{self, Change, Context};
use weir_config::{Catalog, NodeId, Refusal, moment};

use super::actor::Look;
use super::{RecentCalls, ScheduleActor, ScheduleParts, answer_calls};
use crate::config_actor::{ConfigActor, ConfigHandle, ConfigParts, Published};
use crate::forward::Fault;
use crate::routing::{RoutingTable, SharedRouting};
use crate::store::{DataDir, Store};
use crate::supervise::{Supervised, supervise};

const APPID: &str = "wx0123456789abcdef";
/// When the tests begin.
const T0: u64 = 1_800_000_000_000;
const MINUTE_MS: u64 = 60_000;

/// A node's configuration and what sees to its schedules, without the node.
struct Node {
    id: NodeId,
    handle: ConfigHandle,
    routing: SharedRouting,
    clock: Arc<AtomicU64>,
    view: watch::Sender<Arc<ClusterView>>,
    mesh_addr: SocketAddr,
    actor: Supervised<ScheduleActor>,
    _config: Supervised<ConfigActor>,
    _lock: DataDir,
    _dir: TempDir,
}

// === impl Node ===

impl Node {
    /// A node alone, with one business on the link for every user of its online version.
    async fn with_a_business(name: &str) -> Self {
        let node = Node::begin(name);
        let input = |value: Value| serde_json::from_value(value).unwrap();
        let program = json!({"request_domains": ["api.shop.example"], "versions": {"trial": "1", "release": "1"}});
        let program = serde_json::from_value(program).unwrap();
        node.change(move |c, _| operation::put_mini_program(c, APPID, program))
            .await;
        node.change(move |c, _| operation::put_space(c, "acme", input(json!({}))))
            .await;
        let accepted =
            serde_json::from_value(json!({"version": "1", "accepted_by": "li"})).unwrap();
        node.change(move |c, context| operation::accept_agreement(c, context, "acme", accepted))
            .await;
        let gateway = serde_json::from_value(json!({"space": "acme"})).unwrap();
        node.change(move |c, _| operation::put_gateway(c, "shop", gateway))
            .await;
        let one_key = serde_json::from_value(json!({"appid": APPID})).unwrap();
        node.change(move |c, context| {
            operation::one_key_access(c, context, "shop", one_key).map(|outcome| outcome.change)
        })
        .await;
        node.patch(json!({"access": {"versions": ["release"]}}))
            .await;
        let table = AccessTable::compile(&node.handle.catalog().catalog, "weir.localhost");
        let table = RoutingTable::new(
            table,
            Vec::new(),
            crate::forward::ConfiguredOrigins::default(),
            &RoutingTable::default(),
        );
        node.routing.store(Arc::new(table));
        node
    }

    fn begin(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lock = DataDir::lock(dir.path()).unwrap();
        let store = Store::open(&lock).unwrap();
        let published = Published {
            snapshot: ConfigSnapshot::default().shared(),
            changed: Arc::new(watch::Sender::new(0)),
            announce: Arc::new(|_| {}),
        };
        let id: NodeId = name.parse().unwrap();
        let alone = ClusterView {
            me: id.clone(),
            nodes: Vec::new(),
        };
        let (view, cluster) = watch::channel(Arc::new(alone));
        let listener = mesh::server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mesh_addr = listener.local_addr().unwrap();
        let mesh = MeshHandle::start(MeshConfig {
            cluster: "test".to_owned(),
            node: id.clone(),
            mesh_addr,
            version: "0".to_owned(),
            dial_from: None,
            trust: crate::trusted::trust_of("test", &id),
        });
        let mesh = mesh.unwrap();
        let region = "shanghai".to_owned();
        let made = ConfigParts::new(
            id.clone(),
            region,
            store,
            published,
            mesh.clone(),
            cluster.clone(),
        );
        let (parts, port) = made.unwrap();
        actix::spawn(mesh::server::server(mesh.clone(), port, listener).unwrap());
        let made_from = parts.clone();
        let config = supervise(&Arbiter::current(), "config", move || {
            ConfigActor::new(&made_from)
        });
        let handle = ConfigHandle::new(&parts, config.clone());
        let (routing, clock) = (SharedRouting::default(), Arc::new(AtomicU64::new(T0)));
        let recent = Arc::new(Mutex::new(RecentCalls::default()));
        let time = clock.clone();
        let parts = ScheduleParts {
            config: handle.clone(),
            cluster,
            routing: routing.clone(),
            mesh,
            clock: Arc::new(move || time.load(Ordering::Relaxed)),
            recent,
        };
        answer_calls(&parts);
        let actor = supervise(&Arbiter::current(), "schedules", move || {
            ScheduleActor::new(&parts)
        });
        Node {
            id,
            handle,
            routing,
            clock,
            view,
            mesh_addr,
            actor,
            _config: config,
            _lock: lock,
            _dir: dir,
        }
    }

    /// What an operator does, at the tests' time.
    async fn change(
        &self,
        operation: impl FnOnce(&Catalog, &Context) -> Result<Change, Refusal> + Send + 'static,
    ) {
        let now_ms = self.now_ms();
        let operation = move |catalog: &Catalog, context: &Context| {
            let context = Context {
                now_ms,
                ..context.clone()
            };
            operation(catalog, &context).map(|change| (change, ()))
        };
        let made = self.handle.apply("li", operation).await;
        made.unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    async fn patch(&self, patch: Value) {
        self.change(move |catalog, _| operation::patch_business(catalog, APPID, &patch))
            .await;
    }

    async fn schedule(&self, id: &'static str, plan: Value) {
        let plan = serde_json::from_value(plan).unwrap();
        self.change(move |catalog, context| {
            operation::put_schedule(catalog, context, APPID, id, plan, "li")
        })
        .await;
    }

    fn now_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    fn pass(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    fn business(&self) -> Business {
        self.handle
            .catalog()
            .catalog
            .business(APPID)
            .unwrap()
            .clone()
    }

    fn scheduled(&self, id: &str) -> Schedule {
        let id = Schedule::object_id(APPID, id);
        self.handle.catalog().catalog.schedule(&id).unwrap().clone()
    }

    fn percent(&self) -> f64 {
        self.business().access.gray.percent
    }

    /// The state's name and why.
    fn state(&self, id: &str) -> (String, String) {
        let state = serde_json::to_value(self.scheduled(id).state).unwrap();
        let text = |name: &str| state[name].as_str().unwrap_or("").to_owned();
        (text("name"), text("why"))
    }

    /// Lets its actor look at the time, until there is nothing left that it does.
    async fn looks(&self) {
        while self.actor.ask(Look).await.unwrap() {
            tokio::task::yield_now().await;
        }
    }

    /// Calls of the business on the link of this node, so many of them failed by this fault.
    fn count(&self, calls: u64, errors: u64, fault: Fault) {
        let table = self.routing.load();
        let route = table.access.routes().next().unwrap();
        let counters = table.counters(route);
        counters.link().count(calls, 0);
        (0..errors).for_each(|_| counters.count_error(fault));
    }

    /// Shows it these other nodes, live or not, with the configuration it has itself.
    fn sees(&self, others: &[(&Node, bool)]) {
        let root = self.handle.catalog().newest_root.clone();
        let view = |(node, live): &(&Node, bool)| NodeView {
            region: "shanghai".to_owned(),
            live: *live,
            config_root: Some(root.clone()),
            version: "0".to_owned(),
            ..NodeView::new(node.id.clone(), node.mesh_addr)
        };
        let mut nodes: Vec<NodeView> = others.iter().chain([&(self, true)]).map(view).collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        let me = self.id.clone();
        self.view.send_replace(Arc::new(ClusterView { me, nodes }));
    }
}

async fn until(what: impl Fn() -> bool) {
    let coming = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), coming)
        .await
        .expect("it comes about");
}
