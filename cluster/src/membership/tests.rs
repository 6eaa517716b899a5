use std::collections::HashSet;
#[path = "../../tests/nodes/trusted.rs"]
mod trusted;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chitchat::{
    Chitchat, ChitchatConfig, ChitchatId, DeletionStatus, FailureDetectorConfig, ProtocolVersion,
    VersionedValue,
};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::guard::Guard;
use super::handle::Counts;
use super::runner::Runner;
use super::transport::{Blame, Gate, MeshTransport};
use super::view::Viewer;
use super::*;
use crate::mesh::{ConfigPort, MeshConfig, MeshHandle, server};
use crate::replication::ConfigSnapshot;
use crate::trust::SharedTrust;

pub(super) fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A value that says this; who reads it has seen it verified.
pub(super) fn sealed(payload: &str) -> String {
    "A".repeat(signed::SEAL_CHARS) + payload
}

/// A chitchat that talks to nobody.
pub(super) fn chitchat(node: &str, generation: u64) -> Chitchat {
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(node, generation, loopback(1)),
        cluster_id: "test".to_owned(),
        gossip_interval: Duration::from_millis(100),
        listen_addr: loopback(1),
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig::default(),
        marked_for_deletion_grace_period: Duration::from_secs(60),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    };
    let (_, seeds) = watch::channel(HashSet::new());
    Chitchat::with_chitchat_id_and_seeds(config, seeds, Vec::new())
}

/// Makes an incarnation of a node known, dead, with this region.
fn meet(chitchat: &mut Chitchat, node: &str, generation: u64, region: &str) {
    let id = ChitchatId::new(node, generation, loopback(2));
    let value = VersionedValue {
        value: sealed(region),
        version: 1,
        status: DeletionStatus::Set,
    };
    chitchat.reset_node_state_if_update(&id, [("region".to_owned(), value)].into_iter(), 1, 0);
}

#[test]
fn of_two_incarnations_the_newest_speaks() {
    let mut chitchat = chitchat("me", 5);
    meet(&mut chitchat, "a", 20, "new");
    meet(&mut chitchat, "a", 10, "old");
    meet(&mut chitchat, "Not a name!", 1, "odd");
    let look = Viewer::new("me".parse().unwrap(), 5).look(&chitchat);
    let view = look.view.unwrap();
    let seen: Vec<_> = view
        .nodes
        .iter()
        .map(|n| (n.id.as_str(), n.generation, n.region.as_str()))
        .collect();
    assert_eq!(seen, [("a", 20, "new"), ("me", 5, "")]);
    assert!(view.node(&"me".parse().unwrap()).unwrap().live);
    assert_eq!(look.outranked, None);
}

#[test]
fn an_earlier_self_with_a_later_clock_is_noticed() {
    let mut chitchat = chitchat("me", 5);
    meet(&mut chitchat, "me", 9, "");
    let look = Viewer::new("me".parse().unwrap(), 5).look(&chitchat);
    assert_eq!(look.outranked, Some(9));
}

#[test]
fn what_changed_is_read_again() {
    let mut chitchat = chitchat("me", 5);
    let mut viewer = Viewer::new("me".parse().unwrap(), 5);
    for region in ["shanghai", "tianjin"] {
        chitchat.self_node_state().set("region", sealed(region));
        let view = viewer.look(&chitchat).view.unwrap();
        assert_eq!(view.nodes[0].region, region);
    }
}

/// A mesh with its port open.
pub(super) fn mesh(id: &str, listener: TcpListener) -> MeshHandle {
    let mesh = MeshHandle::start(MeshConfig {
        cluster: "test".to_owned(),
        node: id.parse().unwrap(),
        mesh_addr: listener.local_addr().unwrap(),
        version: String::new(),
        dial_from: None,
        trust: trust_of(id),
    });
    let mesh = mesh.unwrap();
    let config = ConfigPort::read_only(ConfigSnapshot::default().shared());
    actix_rt::spawn(server::server(mesh.clone(), config, listener).unwrap());
    mesh
}

/// What a node of this name holds, by the authority of all nodes of this process.
pub(super) fn trust_of(id: &str) -> SharedTrust {
    trusted::trust_of("test", &id.parse().unwrap())
}

/// A node on this thread.
pub(super) fn node(id: &str, seeds: &[SocketAddr]) -> (MembershipHandle, SocketAddr) {
    let listener = server::bind(loopback(0)).unwrap();
    let mesh_addr = listener.local_addr().unwrap();
    let config = membership_config(id, mesh_addr, seeds);
    (
        Membership::start(config, mesh(id, listener)).unwrap(),
        mesh_addr,
    )
}

fn membership_config(id: &str, mesh_addr: SocketAddr, seeds: &[SocketAddr]) -> MembershipConfig {
    MembershipConfig {
        cluster: "test".to_owned(),
        node: id.parse().unwrap(),
        region: id.to_owned(),
        version: String::new(),
        mesh_addr,
        seeds: seeds.iter().map(SocketAddr::to_string).collect(),
        gossip_interval: Duration::from_millis(50),
        admin: None,
        link_http: None,
        link_https: None,
    }
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        timeout(Duration::from_secs(20), wait).await.is_ok(),
        "not within {:?}: {what}",
        begun.elapsed()
    );
}

pub(super) fn sees_live(who: &MembershipHandle, id: &str) -> bool {
    let view = who.view().borrow().clone();
    view.node(&id.parse().unwrap())
        .is_some_and(|node| node.live)
}

/// chitchat ends where its transport does, as it does where a message makes it panic.
#[actix_web::test]
async fn gossip_that_dies_is_started_anew() {
    let listener = server::bind(loopback(0)).unwrap();
    let config = membership_config("a", listener.local_addr().unwrap(), &[]);
    let (ends, inbound) = tokio::sync::mpsc::channel(1);
    let me = ChitchatId::new("a", 0, config.mesh_addr);
    let gate = Gate::new(Guard::new(me, config.cluster.clone(), trust_of("a")));
    let transport = MeshTransport {
        mesh: Arc::new(mesh("a", listener)),
        inbound: Arc::new(tokio::sync::Mutex::new(inbound)),
        counts: Arc::default(),
        blame: Arc::default(),
        gate: Arc::new(gate),
    };
    let alone = ClusterView {
        me: config.node.clone(),
        nodes: Vec::new(),
    };
    let (view, mut seen) = watch::channel(Arc::new(alone));
    let counts = Arc::<Counts>::default();
    let (leave, leaving) = tokio::sync::mpsc::channel(1);
    let runner = Runner::new(
        config,
        transport,
        Arc::default(),
        counts.clone(),
        view,
        Arc::default(),
        leaving,
    );
    tokio::spawn(runner.run());
    let lives = seen.wait_for(|view| !view.nodes.is_empty());
    assert!(timeout(Duration::from_secs(20), lives).await.is_ok());
    assert_eq!(counts.respawns(), 0);
    drop(ends);
    until("it is started anew, again and again", || {
        counts.respawns() >= 2
    })
    .await;
    drop(leave);
}

#[test]
fn a_peer_whose_frame_killed_gossip_is_barred_for_a_while() {
    let blame = Blame::default();
    blame.working_on(loopback(7));
    blame.done();
    assert_eq!(blame.bar(), None, "chitchat had survived it");
    blame.working_on(loopback(8));
    assert_eq!(blame.bar(), Some(loopback(8)));
    assert!(blame.is_barred(loopback(8)) && !blame.is_barred(loopback(7)));
}
