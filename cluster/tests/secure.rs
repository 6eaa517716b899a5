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
use nodes::{
    CLUSTER, DEADLINE, TestNode, any_port, bare_mesh, caller, eventually, eventually_async,
    node_id, refused,
};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_cluster::mesh::{JoinError, MeshError, MeshHandle, join};
use weir_cluster::trust::{Authority, JoinToken, NodeKey, Registered, Trust, now_ms};

const NOBODY: &str = "127.0.0.1:9";

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
async fn whoever_joins_sends_nothing_to_a_foreign_cluster_or_to_a_clock_that_is_wrong() {
    let (a, a_addr) = bare_mesh("a");
    let (key, x) = (NodeKey::generate().unwrap(), node_id("x"));
    let (at, ours) = (a_addr.to_string(), authority(CLUSTER));
    let foreign = JoinToken::generate(authority("elsewhere").id(), node_id("a"));
    let refused_with = async |token: &JoinToken| join(token, &at, &x, &key).await.unwrap_err();
    let error = refused_with(&foreign).await;
    assert!(matches!(error, JoinError::WrongCluster { .. }), "{error}");

    let token = JoinToken::generate(ours.id(), node_id("a"));
    let believed = a.trust().credentials();
    let tomorrow = now_ms() + 24 * 3_600 * 1_000;
    let shown = credentials(&ours, &grant(CLUSTER, &node_id("a")), tomorrow, LIFE_S);
    a.trust().set_credentials(shown);
    let error = refused_with(&token).await;
    assert!(matches!(error, JoinError::Clock { .. }), "{error}");
    a.trust().set_credentials((*believed).clone());
    // It was asked for the first time, and has nobody yet who grants.
    let error = refused_with(&token).await;
    assert!(
        matches!(&error, JoinError::Refused { why } if why.contains("starting")),
        "{error}"
    );
}
