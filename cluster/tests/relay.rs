//! Who is at which address, and how a node is reached that cannot be reached directly.

mod nodes;

use std::net::SocketAddr;

use actix_web::web::Bytes;
use futures_util::FutureExt;
use nodes::{CLUSTER, any_port, bare_mesh, caller, eventually_async, node_id, refused};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use weir_cluster::mesh::MeshError;

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
