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

use super::transport::MeshTransport;
use super::view::Viewer;
use super::*;
use crate::mesh::{ConfigPort, MeshConfig, MeshHandle, server};
use crate::replication::ConfigSnapshot;

pub(super) fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
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
        value: region.to_owned(),
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
        chitchat.self_node_state().set("region", region);
        let view = viewer.look(&chitchat).view.unwrap();
        assert_eq!(view.nodes[0].region, region);
    }
}

/// A mesh with its port open.
fn mesh(id: &str, listener: TcpListener) -> MeshHandle {
    let mesh = MeshHandle::start(MeshConfig {
        cluster: "test".to_owned(),
        node: id.parse().unwrap(),
        mesh_addr: listener.local_addr().unwrap(),
        version: String::new(),
        dial_from: None,
        trust: trusted::trust_of("test", &id.parse().unwrap()),
    });
    let mesh = mesh.unwrap();
    let config = ConfigPort::read_only(ConfigSnapshot::default().shared());
    actix_rt::spawn(server::server(mesh.clone(), config, listener).unwrap());
    mesh
}

/// A node on this thread.
pub(super) fn node(id: &str, seeds: &[SocketAddr]) -> (MembershipHandle, SocketAddr) {
    let listener = server::bind(loopback(0)).unwrap();
    let mesh_addr = listener.local_addr().unwrap();
    let mesh = mesh(id, listener);
    let config = MembershipConfig {
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
    };
    (Membership::start(config, mesh).unwrap(), mesh_addr)
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

#[actix_web::test]
async fn a_message_that_kills_gossip_leads_to_a_new_incarnation_and_its_sender_is_barred() {
    let (a, a_addr) = node("a", &[]);
    let (b, _) = node("b", &[a_addr]);
    until("they meet", || sees_live(&a, "b") && sees_live(&b, "a")).await;
    let generation = |who: &MembershipHandle, id: &str| {
        who.view()
            .borrow()
            .node(&id.parse().unwrap())
            .map(|node| node.generation)
    };
    let before = generation(&b, "a");

    // A key whose first character is not ASCII panics whoever takes it in, its own node first.
    let evil = evil_node(a_addr).await;
    let bad_key = |c: &mut Chitchat| c.self_node_state().set("\u{e9}", "x");
    let chitchat = evil.chitchat();
    let set = tokio::spawn(async move { bad_key(&mut *chitchat.lock().await) });
    assert!(
        set.await.is_err(),
        "chitchat takes such keys now: the bar is not tested"
    );

    until("gossip died and was started anew", || {
        a.counters().respawns > 0
    })
    .await;
    until(
        "the good nodes see each other again, the evil one still there",
        || sees_live(&a, "b") && sees_live(&b, "a") && generation(&b, "a") > before,
    )
    .await;
    a.desired
        .set([("region".to_owned(), "elsewhere".to_owned())]);
    until("its keys arrive again", || {
        let view = b.view().borrow().clone();
        view.node(&"a".parse().unwrap())
            .is_some_and(|a| a.region == "elsewhere")
    })
    .await;
    assert_eq!(a.counters().respawns, 1);
}

/// chitchat without a runner of ours over it.
async fn evil_node(seed: SocketAddr) -> chitchat::ChitchatHandle {
    let listener = server::bind(loopback(0)).unwrap();
    let mesh_addr = listener.local_addr().unwrap();
    let mesh = mesh("evil", listener);
    let transport = MeshTransport {
        inbound: Arc::new(tokio::sync::Mutex::new(mesh.take_inbound().unwrap())),
        mesh,
        counts: Arc::default(),
        blame: Arc::default(),
    };
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new("evil", 1, mesh_addr),
        cluster_id: "test".to_owned(),
        gossip_interval: Duration::from_millis(50),
        listen_addr: mesh_addr,
        seed_nodes: vec![seed.to_string()],
        failure_detector_config: FailureDetectorConfig::default(),
        marked_for_deletion_grace_period: Duration::from_secs(60),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    };
    chitchat::spawn_chitchat(config, Vec::new(), &transport)
        .await
        .unwrap()
}
