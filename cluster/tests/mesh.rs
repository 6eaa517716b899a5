//! The mesh port over real sockets.

mod nodes;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::Bytes;
use awc::error::{WsClientError, WsProtocolError as ProtocolError};
use awc::ws::{Frame, Message};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use nodes::{
    CLUSTER, TestNode, any_port, bare_mesh, caller, eventually, mesh_config, node_id, refused,
    three_nodes,
};
use tokio::sync::mpsc;
use weir_cluster::mesh::{
    ConfigPort, MeshError, MeshHandle, Push, PushSink, VersionSource, server,
};
use weir_cluster::replication::{Effect, Event, Replica, VersionName};
use weir_config::object::Space;
use weir_config::operation::Change;
use weir_config::{NodeId, Object, Record, Stamp};

const NOW_MS: u64 = 1_700_000_000_000;
const NOBODY: &str = "127.0.0.1:9";

fn spaces(count: usize, name: &str) -> Change {
    let space = |n| {
        Object::Space(Space {
            id: format!("s{n}"),
            name: name.to_owned(),
            ..Space::default()
        })
    };
    Change {
        puts: (0..count).map(space).collect(),
        deletes: Vec::new(),
    }
}

/// A gossip connection to a node, with a certificate of any name of any cluster.
async fn dial(
    to: SocketAddr,
    node: &str,
    cluster: &str,
) -> Result<impl Sink<Message> + Stream<Item = Result<Frame, ProtocolError>> + Unpin, WsClientError>
{
    caller(node, cluster).gossip(to, NOBODY).await
}

/// Carries out what a replica asks for until it asks for nothing more.
async fn catch_up(
    replica: &mut Replica,
    peer: &NodeId,
    addr: SocketAddr,
    mesh: &MeshHandle,
    first: Event,
) {
    let client = mesh.client();
    let mut events = vec![first];
    while let Some(event) = events.pop() {
        for effect in replica.handle(event) {
            match effect {
                Effect::AskStamps { peer, buckets } => {
                    let stamps = client.ask_stamps(addr, &buckets).await.unwrap();
                    events.push(Event::PeerStamps {
                        peer,
                        buckets,
                        stamps,
                    });
                }
                Effect::Pull { peer, versions } => {
                    let records = client.pull(addr, &versions).await.unwrap();
                    events.push(Event::Records {
                        peer,
                        now_ms: NOW_MS,
                        records,
                    });
                }
                Effect::Flag { reason, .. } => panic!("{peer} was flagged: {reason}"),
                _ => {}
            }
        }
    }
}

#[actix_web::test]
async fn one_replica_pulls_all_from_another_and_large_answers_come_in_parts() {
    // Some 12 MB: three answers at least, of 4 MiB each.
    let mut theirs = Replica::new(node_id("a"), []);
    theirs.write(NOW_MS, "test", None, spaces(1_200, &"n".repeat(10_000)));
    let a = TestNode::start("a", any_port(), &[]);
    a.snapshot.store(Arc::new(theirs.snapshot()));

    let (mesh, _) = bare_mesh("b");
    let mut ours = Replica::new(node_id("b"), []);
    let digest = Event::PeerDigest {
        peer: node_id("a"),
        buckets: theirs.snapshot().buckets,
    };
    catch_up(&mut ours, &node_id("a"), a.addr, &mesh, digest).await;
    assert_eq!(ours.snapshot().buckets, theirs.snapshot().buckets);
    assert_eq!(ours.state().catalog.len(), 1_200);
}

#[actix_web::test]
async fn a_namesake_is_refused() {
    let a = TestNode::start("a", any_port(), &[]);
    match dial(a.addr, "a", CLUSTER).await.err() {
        Some(WsClientError::InvalidResponseStatus(status)) => assert_eq!(status, 409),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn junk_on_the_gossip_connection_is_counted_and_harms_nobody() {
    let nodes = three_nodes();
    let victim = &nodes[0];
    let mut gossip = dial(victim.addr, "x", CLUSTER).await.unwrap();
    let magic = 45_139u16.to_le_bytes();
    let junk: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"junk".to_vec(),
        vec![0xFF; 60_000],
        // Heads that look right, of every type, and what does not belong there.
        [&magic[..], &[1, 0], &[0xFF; 50]].concat(),
        [&magic[..], &[0, 1], &[7; 500]].concat(),
        [&magic[..], &[1, 2], &[0xEE; 3]].concat(),
        [&magic[..], &[1, 3]].concat(),
        [&magic[..], &[9, 0], &[0; 30]].concat(),
    ];
    let count = junk.len() as u64;
    for frame in junk {
        gossip
            .send(Message::Binary(Bytes::from(frame)))
            .await
            .ok()
            .unwrap();
    }
    eventually("all junk is accounted for", || {
        let counters = victim.membership.counters();
        counters.invalid_frames + counters.respawns >= count
    });
    eventually("the cluster is whole", || {
        nodes
            .iter()
            .all(|node| ["a", "b", "c"].iter().all(|id| node.sees_live(id)))
    });
}

#[actix_web::test]
async fn a_message_too_large_or_of_text_ends_the_connection() {
    let a = TestNode::start("a", any_port(), &[]);
    for message in [
        Message::Binary(Bytes::from(vec![0; 70_000])),
        Message::Text("hello".into()),
    ] {
        let mut gossip = dial(a.addr, "x", CLUSTER).await.unwrap();
        let _ = gossip.send(message).await;
        let end = async { while let Some(Ok(Frame::Ping(_))) = gossip.next().await {} };
        tokio::time::timeout(nodes::DEADLINE, end).await.unwrap();
    }
    assert_eq!(refused(&a.mesh, "bad_message"), 2);
}

#[actix_web::test]
async fn frames_go_both_ways_over_a_connection_that_either_side_dialled() {
    let ((a, a_addr), (b, b_addr)) = (bare_mesh("a"), bare_mesh("b"));
    let (mut at_a, mut at_b) = (a.take_inbound().unwrap(), b.take_inbound().unwrap());
    a.send(b_addr, Bytes::from_static(b"ping"));
    let came = tokio::time::timeout(nodes::DEADLINE, at_b.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((came.from, &came.frame[..]), (a_addr, &b"ping"[..]));
    b.send(a_addr, Bytes::from_static(b"pong"));
    let came = tokio::time::timeout(nodes::DEADLINE, at_a.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((came.from, &came.frame[..]), (b_addr, &b"pong"[..]));
    for mesh in [&a, &b] {
        let counters = mesh.counters();
        assert_eq!(counters.len(), 1);
        assert_eq!(
            (counters[0].1.connections, counters[0].1.frames_out),
            (1, 1)
        );
    }
}

#[actix_web::test]
async fn a_peer_that_takes_nothing_holds_up_no_other() {
    let (a, _) = bare_mesh("a");
    let (b, b_addr) = bare_mesh("b");
    let mut at_b = b.take_inbound().unwrap();
    // It accepts connections and never reads.
    let deaf = any_port();
    let deaf_addr = deaf.local_addr().unwrap();
    for n in 0..300u32 {
        a.send(deaf_addr, Bytes::from(vec![0; 60_000]));
        a.send(b_addr, Bytes::copy_from_slice(&n.to_be_bytes()));
        let came = tokio::time::timeout(nodes::DEADLINE, at_b.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(came.frame[..], n.to_be_bytes());
    }
    let dropped = |addr| {
        a.counters()
            .iter()
            .find(|(to, _)| *to == addr)
            .unwrap()
            .1
            .dropped
    };
    assert!(dropped(deaf_addr) > 0 && dropped(b_addr) == 0);
}

#[actix_web::test]
async fn what_is_cut_neither_gossips_nor_answers() {
    let a = TestNode::start("a", any_port(), &[]);
    let (b, b_addr) = bare_mesh("b");
    assert!(b.client().ask_stamps(a.addr, &[0]).await.is_ok());
    a.mesh.cut().cut(b_addr);
    match b.client().ask_stamps(a.addr, &[0]).await {
        Err(MeshError::Refused { status: 503, .. }) => {}
        other => panic!("{other:?}"),
    }
    a.mesh.cut().heal();
    b.cut().cut_all();
    assert!(matches!(
        b.client().ask_stamps(a.addr, &[0]).await,
        Err(MeshError::Cut(_))
    ));
}

#[actix_web::test]
async fn a_node_says_who_it_is_to_an_operator_with_a_nodes_certificate() {
    let a = TestNode::start("a", any_port(), &[]);
    let url = format!("http://{}/mesh/v1/node", a.addr);
    let operator = caller("b", CLUSTER).http();
    let answer: serde_json::Value = operator
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&answer["node"], &answer["cluster"]),
        (&"a".into(), &CLUSTER.into())
    );
}

#[actix_web::test]
async fn a_node_that_is_not_there_is_an_error_in_time() {
    let (mesh, _) = bare_mesh("a");
    let gone = any_port().local_addr().unwrap();
    let error = mesh.client().pull(gone, &[]).await.unwrap_err();
    assert!(matches!(error, MeshError::Unreachable { .. }), "{error}");
}

#[test]
fn a_taken_port_is_told_by_its_number() {
    let taken = any_port();
    let addr = taken.local_addr().unwrap();
    let error = server::bind(addr).unwrap_err().to_string();
    assert!(
        error.contains(&addr.to_string()) && error.contains("mesh.listen"),
        "{error}"
    );
}

/// A store that holds some versions, each since a second after it was made.
struct Stored(Vec<Record>);

impl VersionSource for Stored {
    fn versions(&self, wanted: &[VersionName]) -> Vec<Record> {
        let is_wanted = |record: &&Record| {
            let same = |(key, stamp): &VersionName| (key, stamp) == (&record.key, &record.stamp);
            wanted.iter().any(same)
        };
        self.0.iter().filter(is_wanted).cloned().collect()
    }

    fn seen_at_ms(&self, version: &Stamp) -> Option<u64> {
        let known = self.0.iter().any(|record| record.stamp == *version);
        known.then_some(version.wall_ms + 1_000)
    }
}

/// A node with two versions of one object, and the pushes that come to it.
fn node_with_history() -> (SocketAddr, Vec<Record>, mpsc::Receiver<Push>) {
    let mut replica = Replica::new(node_id("a"), []);
    let mut records = Vec::new();
    for name in ["old", "new"] {
        records.extend(replica.write(NOW_MS, "test", None, spaces(1, name)).records);
    }
    let (pushes, pushed) = PushSink::channel();
    let listener = any_port();
    let addr = listener.local_addr().unwrap();
    let mesh = MeshHandle::start(mesh_config("a", CLUSTER, addr)).unwrap();
    let config = ConfigPort {
        snapshot: replica.snapshot().shared(),
        versions: Arc::new(Stored(records.clone())),
        pushes,
    };
    actix_rt::spawn(server::server(mesh, config, listener).unwrap());
    (addr, records, pushed)
}

#[actix_web::test]
async fn older_versions_are_pulled_from_the_store_in_the_order_asked() {
    let (addr, records, _pushed) = node_with_history();
    let (mesh, _) = bare_mesh("b");
    let wanted: Vec<VersionName> = records
        .iter()
        .map(|record| (record.key.clone(), record.stamp.clone()))
        .collect();
    assert_eq!(mesh.client().pull(addr, &wanted).await.unwrap(), records);
}

#[actix_web::test]
async fn a_node_tells_since_when_it_has_a_version() {
    let (addr, records, _pushed) = node_with_history();
    let (mesh, _) = bare_mesh("b");
    let known = mesh
        .client()
        .has_version(addr, &records[0].stamp)
        .await
        .unwrap();
    assert_eq!((known.has, known.since_ms), (true, Some(NOW_MS + 1_000)));
    let unknown: Stamp = "00000000000f0000-z".parse().unwrap();
    let unknown = mesh.client().has_version(addr, &unknown).await.unwrap();
    assert_eq!((unknown.has, unknown.since_ms), (false, None));
    assert_eq!(unknown.node, node_id("a"));
}

#[actix_web::test]
async fn a_push_is_answered_when_it_is_stored_however_large() {
    let (addr, _, mut pushed) = node_with_history();
    let (mesh, _) = bare_mesh("b");
    let mut theirs = Replica::new(node_id("b"), []);
    // Some 6 MB: several requests.
    let written = theirs.write(NOW_MS, "test", None, spaces(600, &"n".repeat(10_000)));
    let store = actix_rt::spawn(async move {
        let (mut requests, mut stored) = (0, 0);
        while let Some(push) = pushed.recv().await {
            requests += 1;
            assert_eq!(push.peer, node_id("b"));
            let stamps = push.records.into_iter().map(|record| record.stamp);
            let stamps: Vec<Stamp> = stamps.collect();
            stored += stamps.len();
            push.answer.send(stamps).unwrap();
            if stored == 600 {
                assert!(requests > 1);
                // What is not stored is not confirmed.
                drop(pushed.recv().await);
                return;
            }
        }
    });
    let stored = mesh.client().push(addr, &written.records).await.unwrap();
    let stamps: Vec<Stamp> = written.records.iter().map(|r| r.stamp.clone()).collect();
    assert_eq!(stored, stamps);
    let refused = mesh.client().push(addr, &written.records[..1]).await;
    assert!(
        matches!(refused, Err(MeshError::Refused { status: 503, .. })),
        "{refused:?}"
    );
    store.await.unwrap();
}
