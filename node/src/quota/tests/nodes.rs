//! Nodes with a package ledger, each on its own thread with its own store, mesh port and membership.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix::Arbiter;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use weir_cluster::ledger::Meter;
use weir_cluster::membership::{Membership, MembershipConfig, MembershipHandle};
use weir_cluster::mesh::{ConfigPort, MeshConfig, MeshHandle, server};
use weir_cluster::replication::{ConfigSnapshot, Replica, SharedSnapshot};
use weir_config::NodeId;
use weir_config::operation::{self, Change, Context};
use weir_config::{Catalog, Refusal};

use crate::config_actor::{SharedStore, now_ms};
use crate::quota::{PackageFigures, QuotaHandle, QuotaParts};
use crate::store::Store;

/// Long enough for a busy machine; every wait ends as soon as what it waits for is there.
pub const DEADLINE: Duration = Duration::from_secs(60);
pub const GATEWAY: &str = "shop";
/// Short, so that crashed nodes are planned out while a test waits.
pub const FENCE: Duration = Duration::from_secs(3);
const INTERVAL: Duration = Duration::from_millis(50);

/// The configuration of one node, changed as the ConfigActor would.
pub struct Configured {
    replica: Replica,
    pub snapshot: SharedSnapshot,
    pub changed: watch::Sender<u64>,
}

pub struct TestNode {
    pub id: NodeId,
    pub addr: SocketAddr,
    pub quota: QuotaHandle,
    pub store: SharedStore,
    pub mesh: MeshHandle,
    pub membership: MembershipHandle,
    pub config: Configured,
    pub disk: Disk,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A data directory that outlives its node.
pub struct Disk(TempDir);

// === impl Configured ===

impl Configured {
    pub fn new(package: serde_json::Value) -> Self {
        let replica = Replica::new("conf".parse().unwrap(), []);
        let mut configured = Configured {
            snapshot: replica.snapshot().shared(),
            replica,
            changed: watch::Sender::new(0),
        };
        let space = serde_json::from_value(json!({})).unwrap();
        configured.change(|c, _| operation::put_space(c, "demo", space));
        configured.set_package(package);
        configured
    }

    pub fn set_package(&mut self, package: serde_json::Value) {
        let gateway = json!({"space": "demo", "package": package});
        let gateway = serde_json::from_value(gateway).unwrap();
        self.change(|c, _| operation::put_gateway(c, GATEWAY, gateway));
    }

    /// A pack that is in force for so long, on top of the package.
    pub fn add_pack(&mut self, bandwidth_bps: u64, until_ms: u64) {
        let until =
            time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(until_ms) * 1_000_000);
        let until = until
            .unwrap()
            .format(&time::format_description::well_known::Rfc3339);
        let pack = json!({"bandwidth_bps": bandwidth_bps, "until": until.unwrap()});
        let pack = serde_json::from_value(pack).unwrap();
        self.change(|c, context| operation::put_elastic_pack(c, context, GATEWAY, "more", pack));
    }

    fn change(&mut self, operation: impl FnOnce(&Catalog, &Context) -> Result<Change, Refusal>) {
        let context = Context {
            now_ms: now_ms(),
            random: [7; 16],
            default_region: "shanghai".to_owned(),
        };
        let change = operation(&self.replica.state().catalog, &context).unwrap();
        self.replica.write(1, "root", None, change);
        self.snapshot.store(Arc::new(self.replica.snapshot()));
        self.changed.send_modify(|count| *count += 1);
    }
}

// === impl Disk ===

impl Disk {
    pub fn new() -> Self {
        Disk(tempfile::tempdir().unwrap())
    }

    pub fn store(&self) -> SharedStore {
        let file = self.0.path().join("store.db");
        SharedStore::new(Store::open_file(&file).unwrap().into())
    }
}

// === impl TestNode ===

impl TestNode {
    /// A node of one gateway with a package of a million bytes a second. Without seeds it begins a cluster.
    pub fn start(id: &str, disk: Disk, seeds: &[SocketAddr]) -> TestNode {
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        TestNode::start_on(listener, id, disk, seeds)
    }

    pub fn start_on(listener: TcpListener, id: &str, disk: Disk, seeds: &[SocketAddr]) -> TestNode {
        let node: NodeId = id.parse().unwrap();
        let addr = listener.local_addr().unwrap();
        let config = Configured::new(json!({"bandwidth_bps": 8_000_000}));
        let store = disk.store();
        let membership_of = watch::Sender::new(None);
        let mut parts = QuotaParts::new(
            node.clone(),
            format!("region-of-{id}"),
            store.clone(),
            config.snapshot.clone(),
            config.changed.subscribe(),
            membership_of.subscribe(),
        );
        parts.begins = seeds.is_empty();
        parts.known = seeds.iter().map(SocketAddr::to_string).collect();
        parts.terms.interval = INTERVAL;
        parts.plan_terms.fence = FENCE;
        let membership = MembershipConfig {
            cluster: "test".to_owned(),
            node: node.clone(),
            region: format!("region-of-{id}"),
            version: "0".to_owned(),
            mesh_addr: addr,
            seeds: seeds.iter().map(SocketAddr::to_string).collect(),
            gossip_interval: INTERVAL,
            admin: None,
            link_http: None,
            link_https: None,
        };
        let mesh = MeshConfig {
            cluster: "test".to_owned(),
            node: node.clone(),
            mesh_addr: addr,
            version: "0".to_owned(),
            dial_from: None,
            trust: crate::trusted::trust_of("test", &node),
        };
        let (started, starting) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let quota = QuotaHandle::start(&Arbiter::current(), parts).await;
                let mesh = MeshHandle::start(mesh).unwrap();
                let port = ConfigPort::read_only(ConfigSnapshot::default().shared());
                let server = server::server(mesh.clone(), port, listener).unwrap();
                let serving = server.handle();
                actix_rt::spawn(server);
                let membership = Membership::start(membership, mesh.clone()).unwrap();
                membership_of.send_replace(Some(membership.clone()));
                let parts = (quota.unwrap(), mesh.clone(), membership);
                started.send(parts).unwrap();
                let _ = ended.await;
                serving.stop(false).await;
                mesh.stop();
            });
        });
        let (quota, mesh, membership) = starting.recv_timeout(DEADLINE).unwrap();
        TestNode {
            id: node,
            addr,
            quota,
            store,
            mesh,
            membership,
            config,
            disk,
            end,
            thread,
        }
    }

    /// Ends the node without a word to anyone, as SIGKILL would.
    pub fn kill(self) -> (SocketAddr, Disk) {
        drop((self.quota, self.membership, self.store));
        drop(self.end);
        self.thread.join().unwrap();
        (self.addr, self.disk)
    }

    pub fn meter(&self) -> Arc<Meter> {
        self.quota.metered().borrow().meters[GATEWAY].clone()
    }

    pub fn figures(&self) -> PackageFigures {
        self.quota.figures(GATEWAY).unwrap()
    }

    /// Stops in good order, as far as packages go; no call is under way.
    pub fn stop(self) -> (SocketAddr, Disk) {
        let (quota, membership) = (self.quota.clone(), self.membership.clone());
        let leaving = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                quota.leave().await;
                membership.leave().await;
            });
        });
        leaving.join().unwrap();
        self.kill()
    }

    /// Whether it mints this part of every limit, and nothing is in the way.
    pub fn mints(&self, share: f64) -> bool {
        let figures = self.figures();
        (figures.share - share).abs() < 1e-6 && (figures.minting || share == 0.0)
    }
}

/// Waits until the condition holds; says how long it took.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    begun.elapsed()
}

/// Three nodes that each mint a third: `a`, which begins the cluster, `b` and `c`.
pub fn three_nodes() -> [TestNode; 3] {
    let a = TestNode::start("a", Disk::new(), &[]);
    let b = TestNode::start("b", Disk::new(), &[a.addr]);
    let c = TestNode::start("c", Disk::new(), &[a.addr]);
    let nodes = [a, b, c];
    let took = eventually("each mints a third", || {
        nodes.iter().all(|node| node.mints(1.0 / 3.0))
    });
    eprintln!("shares settled in {took:?}");
    nodes
}
