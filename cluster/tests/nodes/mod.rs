//! Nodes for tests: each on its own thread with its own sockets, so that one can be killed.
#![allow(dead_code)] // Each test file uses its part.

pub mod caller;
pub mod trusted;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use weir_cluster::membership::{
    ClusterView, Membership, MembershipConfig, MembershipHandle, NodeView,
};
use weir_cluster::mesh::{ConfigPort, MeshConfig, MeshHandle, server};
use weir_cluster::replication::{ConfigSnapshot, SharedSnapshot};
use weir_config::NodeId;

/// Long enough for a busy machine; every wait ends as soon as what it waits for is there.
pub const DEADLINE: Duration = Duration::from_secs(20);
pub const CLUSTER: &str = "test";

pub struct TestNode {
    pub id: NodeId,
    pub addr: SocketAddr,
    pub mesh: MeshHandle,
    pub membership: MembershipHandle,
    pub snapshot: SharedSnapshot,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A mesh port of the system's choice.
pub fn any_port() -> TcpListener {
    server::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

pub fn node_id(id: &str) -> NodeId {
    id.parse().unwrap()
}

pub fn mesh_config(id: &str, cluster: &str, mesh_addr: SocketAddr) -> MeshConfig {
    MeshConfig {
        cluster: cluster.to_owned(),
        node: node_id(id),
        mesh_addr,
        version: "0.0.0".to_owned(),
        dial_from: None,
        trust: trusted::trust_of(cluster, &node_id(id)),
    }
}

/// Someone who calls with a certificate of the cluster, as this node.
pub fn caller(id: &str, cluster: &str) -> caller::Caller {
    caller::Caller::with(&trusted::trust_of(cluster, &node_id(id)).credentials())
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

// === impl TestNode ===

impl TestNode {
    pub fn start(id: &str, listener: TcpListener, seeds: &[SocketAddr]) -> TestNode {
        TestNode::start_slow(id, listener, seeds, Duration::from_millis(100))
    }

    /// With so long between two rounds of gossip.
    pub fn start_slow(
        id: &str,
        listener: TcpListener,
        seeds: &[SocketAddr],
        gossip_interval: Duration,
    ) -> TestNode {
        let addr = listener.local_addr().unwrap();
        let snapshot = ConfigSnapshot::default().shared();
        let config = MembershipConfig {
            cluster: CLUSTER.to_owned(),
            node: node_id(id),
            region: format!("region-of-{id}"),
            version: "0.0.0".to_owned(),
            mesh_addr: addr,
            seeds: seeds.iter().map(SocketAddr::to_string).collect(),
            gossip_interval,
            admin: Some("127.0.0.1:9001".parse().unwrap()),
            link_http: None,
            link_https: None,
        };
        let (started, starting) = std::sync::mpsc::channel();
        let (end, ended) = oneshot::channel();
        let mesh_config = mesh_config(id, CLUSTER, addr);
        let served = ConfigPort::read_only(snapshot.clone());
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let mesh = MeshHandle::start(mesh_config).unwrap();
                let server = server::server(mesh.clone(), served, listener).unwrap();
                let server_handle = server.handle();
                actix_rt::spawn(server);
                let membership = Membership::start(config, mesh.clone()).unwrap();
                started.send((mesh.clone(), membership)).unwrap();
                let _ = ended.await;
                server_handle.stop(false).await;
                mesh.stop();
            });
        });
        let (mesh, membership) = starting.recv_timeout(DEADLINE).unwrap();
        TestNode {
            id: node_id(id),
            addr,
            mesh,
            membership,
            snapshot,
            end,
            thread,
        }
    }

    /// Ends the node without a word to anyone, as SIGKILL would.
    pub fn kill(self) -> SocketAddr {
        drop(self.end);
        self.thread.join().unwrap();
        self.addr
    }

    pub fn view(&self) -> Arc<ClusterView> {
        self.membership.view().borrow().clone()
    }

    /// What this node knows of another; nothing until it has heard of it.
    pub fn sees(&self, id: &str) -> Option<NodeView> {
        self.view().node(&node_id(id)).cloned()
    }

    pub fn sees_live(&self, id: &str) -> bool {
        self.sees(id).is_some_and(|node| node.live)
    }
}

/// Three nodes that see each other live: `a`, which begins the cluster, `b` and `c`.
pub fn three_nodes() -> [TestNode; 3] {
    let seed = any_port();
    let seed_addr = seed.local_addr().unwrap();
    let nodes = [
        TestNode::start("a", seed, &[]),
        TestNode::start("b", any_port(), &[seed_addr]),
        TestNode::start("c", any_port(), &[seed_addr]),
    ];
    let took = eventually("all three see each other with their keys", || {
        nodes.iter().all(|node| {
            ["a", "b", "c"].iter().all(|id| {
                node.sees(id)
                    .is_some_and(|n| n.live && n.region == format!("region-of-{id}"))
            })
        })
    });
    eprintln!("three nodes converged in {took:?}");
    nodes
}

/// A mesh without membership.
pub fn bare_mesh(id: &str) -> (MeshHandle, SocketAddr) {
    let listener = any_port();
    let addr = listener.local_addr().unwrap();
    let mesh = MeshHandle::start(mesh_config(id, CLUSTER, addr)).unwrap();
    let config = ConfigPort::read_only(ConfigSnapshot::default().shared());
    actix_rt::spawn(server::server(mesh.clone(), config, listener).unwrap());
    (mesh, addr)
}

/// How many callers a mesh has not let in for this reason.
pub fn refused(mesh: &MeshHandle, reason: &str) -> u64 {
    let all = mesh.refused();
    let found = all.iter().find(|(name, _)| *name == reason);
    found
        .unwrap_or_else(|| panic!("no reason is called {reason}"))
        .1
}

/// As [`eventually`], on a thread that has other work.
pub async fn eventually_async(what: &str, holds: impl Fn() -> bool) {
    let coming = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, coming)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}
