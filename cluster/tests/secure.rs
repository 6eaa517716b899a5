//! The mesh port against whoever is no node of the cluster, over real sockets: refused, counted, without effect, and
//! the node lives on.

mod nodes;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::web::Bytes;
use awc::ws::{Frame, Message};
use futures_util::{FutureExt, SinkExt, StreamExt};
use nodes::caller::Caller;
use nodes::trusted::{LIFE_S, authority, credentials, grant};
use nodes::{CLUSTER, DEADLINE, TestNode, any_port, caller, eventually, mesh_config, node_id};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_cluster::mesh::{ConfigPort, MeshError, MeshHandle, server};
use weir_cluster::replication::ConfigSnapshot;
use weir_cluster::trust::{Authority, NodeKey, Registered, Trust, now_ms};

const NOBODY: &str = "127.0.0.1:9";

fn refused(mesh: &MeshHandle, reason: &str) -> u64 {
    let all = mesh.refused();
    let found = all.iter().find(|(name, _)| *name == reason);
    found
        .unwrap_or_else(|| panic!("no reason is called {reason}"))
        .1
}

/// A mesh without membership.
fn bare_mesh(id: &str) -> (MeshHandle, SocketAddr) {
    let listener = any_port();
    let addr = listener.local_addr().unwrap();
    let mesh = MeshHandle::start(mesh_config(id, CLUSTER, addr)).unwrap();
    let config = ConfigPort::read_only(ConfigSnapshot::default().shared());
    actix_rt::spawn(server::server(mesh.clone(), config, listener).unwrap());
    (mesh, addr)
}

/// Tries to gossip; whether anything but an error came of it.
async fn is_heard(caller: &Caller, to: SocketAddr) -> bool {
    let Ok(mut gossip) = caller.gossip(to, NOBODY).await else {
        return false;
    };
    let sent = gossip.send(Message::Binary(Bytes::from_static(b"planted")));
    sent.await.is_ok() && matches!(gossip.next().await, Some(Ok(_)))
}

/// Another node of the cluster is still served.
async fn lives(a: &MeshHandle, a_addr: SocketAddr) {
    a.answer("alive", |_: &str| {
        async { Some(b"true".to_vec()) }.boxed_local()
    });
    let (b, _) = bare_mesh("b");
    let answer: Option<Value> = b.client().ask_node(a_addr, "alive", "").await.unwrap();
    assert_eq!(answer, Some(json!(true)));
}

#[actix_web::test]
async fn certificates_that_are_not_of_this_cluster_or_not_of_this_time_are_refused_and_counted() {
    let (a, a_addr) = bare_mesh("a");
    let mut inbound = a.take_inbound().unwrap();
    let x = node_id("x");
    let ours = authority(CLUSTER);
    let day_ms = 24 * 3_600 * 1_000;
    let cases = [
        (
            "unknown_authority",
            credentials(
                &authority("elsewhere"),
                &grant("elsewhere", &x),
                now_ms(),
                LIFE_S,
            ),
        ),
        (
            "other_cluster",
            credentials(&ours, &grant("elsewhere", &x), now_ms(), LIFE_S),
        ),
        (
            "expired",
            credentials(&ours, &grant(CLUSTER, &x), now_ms() - day_ms, LIFE_S),
        ),
        (
            "not_yet_valid",
            credentials(&ours, &grant(CLUSTER, &x), now_ms() + day_ms, LIFE_S),
        ),
    ];
    for (reason, credentials) in cases {
        assert!(
            !is_heard(&Caller::with(&credentials), a_addr).await,
            "{reason}"
        );
        assert_eq!(refused(&a, reason), 1, "{reason}");
    }
    // Signed by itself, with the names of a node.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let mut params = rcgen::CertificateParams::default();
    let name = format!("weir://{CLUSTER}/node/x/1").try_into().unwrap();
    params.subject_alt_names = vec![rcgen::SanType::URI(name)];
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let selfmade = Caller::showing(vec![certificate.der().clone()], key);
    assert!(!is_heard(&selfmade, a_addr).await);
    assert_eq!(refused(&a, "unknown_authority"), 2);

    assert!(inbound.try_recv().is_err(), "nothing of it arrived");
    assert!(a.counters().is_empty());
    lives(&a, a_addr).await;
}

#[actix_web::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let (a, a_addr) = bare_mesh("a");
    let stolen = credentials(
        &authority(CLUSTER),
        &grant(CLUSTER, &node_id("x")),
        now_ms(),
        LIFE_S,
    );
    let other = NodeKey::generate().unwrap().to_pem();
    let key = rustls::pki_types::pem::PemObject::from_pem_slice(other.as_bytes()).unwrap();
    let chain = vec![stolen.certificate().to_vec().into()];
    // rustls itself sees that they do not belong together; who does not care needs his own TLS.
    let config = std::panic::catch_unwind(|| Caller::showing(chain, key));
    if let Ok(thief) = config {
        assert!(!is_heard(&thief, a_addr).await);
    }
    lives(&a, a_addr).await;
}

#[actix_web::test]
async fn without_a_certificate_nothing_is_answered_but_enrolment() {
    let (a, a_addr) = bare_mesh("a");
    let stranger = Caller::stranger().http();
    let mut asked = 0;
    for path in [
        "node",
        "gossip",
        "ask/plan",
        "relay/127.0.0.1:9",
        "config/version/x",
        "nonsense",
        "",
    ] {
        let url = format!("http://{a_addr}/mesh/v1/{path}");
        let mut answer = stranger.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        let body = answer.body().await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("weir token join"));
        asked += 1;
    }
    for path in ["config/stamps", "config/pull", "config/push", "renew"] {
        let url = format!("http://{a_addr}/mesh/v1/{path}");
        let answer = stranger
            .post(url)
            .send_json(&json!({"records": []}))
            .await
            .unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        asked += 1;
    }
    assert_eq!(refused(&a, "no_certificate"), asked);
    // This one is heard, and waits for somebody who grants.
    let ask = json!({"token": "weirjoin_x", "node": "x", "request": ""});
    let enrol = stranger
        .post(format!("http://{a_addr}/mesh/v1/enrol"))
        .send_json(&ask);
    assert_eq!(enrol.await.unwrap().status(), 503);
    lives(&a, a_addr).await;
}

#[actix_web::test]
async fn what_is_no_tls_1_3_is_refused_and_counted() {
    let (a, a_addr) = bare_mesh("a");
    assert!(Caller::of_tls12().connect(a_addr).await.is_err());
    let dice: Vec<u8> = (0..4_096u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let plain = format!("GET /mesh/v1/node HTTP/1.1\r\nhost: {a_addr}\r\n\r\n");
    // A head of TLS, and then what is longer than any record.
    let mut huge = vec![0x16, 3, 1, 0xFF, 0xFF];
    huge.resize(100_000, 0);
    let truncated = vec![0x16, 3, 1, 2, 0, 1, 0];
    for bytes in [plain.as_bytes(), &dice, &huge, &truncated] {
        let mut tcp = TcpStream::connect(a_addr).await.unwrap();
        let _ = tcp.write_all(bytes).await;
        let _ = tcp.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(DEADLINE, tcp.read_to_end(&mut answer))
            .await
            .unwrap();
        assert!(
            !String::from_utf8_lossy(&answer).contains("HTTP"),
            "nothing is said in clear"
        );
    }
    eventually_async("all are counted", || {
        let all = a.refused();
        let counted: u64 = all.iter().map(|(_, count)| count).sum();
        counted == 5 && refused(&a, "tls_version") == 1 && refused(&a, "no_tls") >= 2
    })
    .await;
    lives(&a, a_addr).await;
}

async fn eventually_async(what: &str, holds: impl Fn() -> bool) {
    let coming = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, coming)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

#[actix_web::test]
async fn an_address_that_fails_again_and_again_is_not_listened_to_for_a_while() {
    let (a, a_addr) = bare_mesh("a");
    for _ in 0..200 {
        let mut tcp = TcpStream::connect(a_addr).await.unwrap();
        let _ = tcp.write_all(b"junk that is no TLS").await;
        let mut answer = Vec::new();
        let _ = timeout(DEADLINE, tcp.read_to_end(&mut answer))
            .await
            .unwrap();
    }
    assert!(refused(&a, "too_many_failures") > 0);
    // Soon it is.
    tokio::time::sleep(Duration::from_millis(500)).await;
    lives(&a, a_addr).await;
}

#[actix_web::test]
async fn a_frame_recorded_on_one_connection_means_nothing_on_another() {
    let (a, a_addr) = bare_mesh("a");
    let mut inbound = a.take_inbound().unwrap();
    // All that a client sends until its first frame is through, as a wire sees it.
    let recorder = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = recorder.local_addr().unwrap();
    let recording = actix_rt::spawn(async move {
        let (mut from, _) = recorder.accept().await.unwrap();
        let mut to = TcpStream::connect(a_addr).await.unwrap();
        let (mut from_read, mut from_write) = from.split();
        let (mut to_read, mut to_write) = to.split();
        let mut seen = Vec::new();
        let there = async {
            let mut chunk = [0; 16_384];
            while let Ok(read @ 1..) = from_read.read(&mut chunk).await {
                seen.extend_from_slice(&chunk[..read]);
                to_write.write_all(&chunk[..read]).await.unwrap();
            }
        };
        tokio::select! {
            () = there => {}
            _ = tokio::io::copy(&mut to_read, &mut from_write) => {}
        }
        seen
    });
    let mut gossip = caller("x", CLUSTER).gossip(at, NOBODY).await.unwrap();
    gossip
        .send(Message::Binary(Bytes::from_static(b"planted frame")))
        .await
        .ok()
        .unwrap();
    let came = timeout(DEADLINE, inbound.recv()).await.unwrap().unwrap();
    assert_eq!(
        (&came.frame[..], came.node),
        (&b"planted frame"[..], node_id("x"))
    );
    drop(gossip);
    let seen = timeout(DEADLINE, recording).await.unwrap().unwrap();
    let clear = |text: &[u8]| seen.windows(text.len()).any(|part| part == text);
    assert!(seen.len() > 1_000 && !clear(b"planted frame") && !clear(b"x-weir-mesh-addr"));

    let mut tcp = TcpStream::connect(a_addr).await.unwrap();
    let _ = tcp.write_all(&seen).await;
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, tcp.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(inbound.try_recv().is_err(), "it arrived a second time");
    eventually_async("it is counted", || refused(&a, "tls_broken") > 0).await;
    lives(&a, a_addr).await;
}

#[actix_web::test]
async fn a_revoked_node_is_cut_off_at_once_and_refused_from_then_on() {
    let a = TestNode::start("a", any_port(), &[]);
    let b = TestNode::start("b", any_port(), &[a.addr]);
    eventually("they meet", || a.sees_live("b") && b.sees_live("a"));
    let key = b.mesh.trust().credentials().public();
    let certificates = [authority(CLUSTER).certificate().clone()];
    let revoked = Registered {
        enrolment: 1,
        key,
        revoked: true,
    };
    a.mesh
        .trust()
        .set_trust(Trust::new(CLUSTER, certificates, [(b.id.clone(), revoked)]));
    eventually("its connections are closed", || {
        refused(&a.mesh, "revoked") > 0 && !a.sees_live("b")
    });
    // Neither does this one ask that one anything.
    let asked = a.mesh.client().ask_stamps(b.addr, &[0]).await;
    let error = asked.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("revoked"), "{error}");
    let asked = b.mesh.client().ask_stamps(a.addr, &[0]).await;
    assert!(
        matches!(asked, Err(MeshError::Unreachable { .. })),
        "{asked:?}"
    );
}

#[actix_web::test]
async fn a_connection_ends_with_the_certificate_it_was_made_with() {
    let (a, a_addr) = bare_mesh("a");
    let soon = credentials(
        &authority(CLUSTER),
        &grant(CLUSTER, &node_id("x")),
        now_ms(),
        2,
    );
    let mut gossip = Caller::with(&soon).gossip(a_addr, NOBODY).await.unwrap();
    let end = async { while let Some(Ok(Frame::Ping(_))) = gossip.next().await {} };
    timeout(DEADLINE, end).await.unwrap();
    assert!(now_ms() >= soon.member().not_after_ms);
    assert!(!is_heard(&Caller::with(&soon), a_addr).await);
    assert_eq!(refused(&a, "expired"), 1);
}

#[actix_web::test]
async fn credentials_are_replaced_without_a_restart_and_so_is_the_authority() {
    let ((a, a_addr), (b, _)) = (bare_mesh("a"), bare_mesh("b"));
    a.answer("alive", |_: &str| {
        async { Some(b"true".to_vec()) }.boxed_local()
    });
    let client = b.client();
    let asked = async || client.ask_node::<Value>(a_addr, "alive", "").await;
    asked().await.unwrap();
    let next = Authority::generate(CLUSTER, now_ms()).unwrap();
    let old = authority(CLUSTER);
    let both = [old.certificate().clone(), next.certificate().clone()];
    for mesh in [&a, &b] {
        mesh.trust()
            .set_trust(Trust::new(CLUSTER, both.clone(), []));
        asked().await.unwrap();
    }
    for (mesh, id) in [(&a, "a"), (&b, "b")] {
        let renewed = credentials(&next, &grant(CLUSTER, &node_id(id)), now_ms(), LIFE_S);
        mesh.trust().set_credentials(renewed);
        asked().await.unwrap();
    }
    for mesh in [&a, &b] {
        mesh.trust()
            .set_trust(Trust::new(CLUSTER, [next.certificate().clone()], []));
        asked().await.unwrap();
    }
    // Whoever slept through it is out.
    assert!(!is_heard(&caller("c", CLUSTER), a_addr).await);
    assert_eq!(refused(&a, "unknown_authority"), 1);
}

#[actix_web::test]
async fn a_node_cannot_be_at_the_address_of_another() {
    let ((a, a_addr), (_b, b_addr)) = (bare_mesh("a"), bare_mesh("b"));
    a.expect([(node_id("b"), b_addr)]);
    let gossip = caller("x", CLUSTER)
        .gossip(a_addr, &b_addr.to_string())
        .await;
    assert!(gossip.is_err());
    assert_eq!(refused(&a, "address_of_another"), 1);
    // Nor is it believed where another is expected.
    a.expect([(node_id("c"), b_addr)]);
    let error = a
        .client()
        .ask_stamps(b_addr, &[0])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("node b answers where c"), "{error}");
}

#[actix_web::test]
async fn what_cannot_be_reached_directly_is_reached_by_way_of_another_who_cannot_read_it() {
    let ((a, a_addr), (b, b_addr), (c, c_addr)) = (bare_mesh("a"), bare_mesh("b"), bare_mesh("c"));
    c.answer("who", |query: &str| {
        let query = query.to_owned();
        async move { Some(json!({ "asked": query }).to_string().into_bytes()) }.boxed_local()
    });
    // Where others say c is, a finds nobody; b finds it, since there c is dialled by another name.
    let dead = any_port();
    let unreachable = dead.local_addr().unwrap();
    drop(dead);
    let places = |c_at| {
        [
            (node_id("a"), a_addr),
            (node_id("b"), b_addr),
            (node_id("c"), c_at),
        ]
    };
    a.expect(places(unreachable));
    let alone = a.client().ask_node::<Value>(unreachable, "who", "").await;
    assert!(
        matches!(alone, Err(MeshError::Unreachable { .. })),
        "{alone:?}"
    );

    // With a connection to b, b is asked, and says what it knows.
    a.send(b_addr, Bytes::from_static(b"hello"));
    let connected = || {
        a.counters()
            .iter()
            .any(|(addr, n)| *addr == b_addr && n.connections > 0)
    };
    eventually_async("a and b are connected", connected).await;
    b.expect(places(c_addr));
    let neither = a.client().ask_node::<Value>(unreachable, "who", "").await;
    let text = neither.unwrap_err().to_string();
    assert!(
        text.contains("directly") && text.contains(&format!("by way of b ({b_addr})")),
        "{text}"
    );
    assert_eq!(b.relayed()[1], 0);

    // An address that breaks for whoever comes first, which is a.
    let at = picky_wire(c_addr).await;
    a.expect(places(at));
    b.expect(places(at));
    let query = "planted-question-9f1c";
    let answer: Option<Value> = a.client().ask_node(at, "who", query).await.unwrap();
    assert_eq!(answer, Some(json!({ "asked": query })));
    let [_, opened, bytes] = b.relayed();
    assert!(opened >= 1 && bytes > 1_000, "{opened} {bytes}");
}

/// A port that closes the first connection and carries the later ones.
async fn picky_wire(to: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    actix_rt::spawn(async move {
        let mut first = true;
        while let Ok((mut from, _)) = listener.accept().await {
            if std::mem::take(&mut first) {
                continue;
            }
            actix_rt::spawn(async move {
                let mut there = TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut there).await;
            });
        }
    });
    at
}
