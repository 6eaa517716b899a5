//! WebSocket and other upgrades.

use tokio::io::AsyncWriteExt;

use crate::harness::*;

const ASK: &str =
    "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n";

/// Switches, then sends back what comes, and says goodbye when nothing more comes.
async fn echo() -> std::net::SocketAddr {
    origin(|mut peer| async move {
        let request = peer.head().await;
        assert_eq!(
            (request.header("upgrade"), request.header("connection")),
            (Some("websocket"), Some("upgrade"))
        );
        assert_eq!(request.header("sec-websocket-key"), Some("k"));
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n";
        peer.send(format!("{head}sec-websocket-accept: a\r\n\r\nfirst"))
            .await;
        let (mut read, mut write) = peer.stream.into_inner().into_split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.write_all(b"bye").await.unwrap();
    })
    .await
}

#[actix_rt::test]
async fn a_websocket_carries_bytes_both_ways_is_charged_and_may_be_closed_by_halves() {
    let bench = Bench::start(echo().await, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/ws", ASK)).await;
    let switched = client.head().await;
    assert_eq!(
        (switched.status(), switched.header("upgrade")),
        (101, Some("websocket"))
    );
    assert_eq!(switched.header("sec-websocket-accept"), Some("a"));
    assert_eq!(switched.header("x-wx-link"), Some("private"));
    assert_eq!(client.bytes(5).await, b"first");
    let before = bench.meter.charged_bytes();
    // Bytes that no HTTP/1.1 head begins with.
    client.send(b"\x00\xff\r\n\r\n").await;
    assert_eq!(client.bytes(6).await, b"\x00\xff\r\n\r\n");
    until("both directions are charged", || {
        bench.meter.charged_bytes() == before + 12
    })
    .await;
    client.stream.get_mut().shutdown().await.unwrap();
    assert_eq!(client.bytes(3).await, b"bye");
    client.closed().await;
}

#[actix_rt::test]
async fn an_upgrade_the_origin_declines_is_an_ordinary_answer() {
    let addr = answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno").await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    for _ in 0..2 {
        client.send(get("/ws", ASK)).await;
        let answer = client.message().await;
        assert_eq!((answer.status(), &*answer.body), (400, &b"no"[..]));
    }
}

#[actix_rt::test]
async fn an_upgraded_connection_that_rests_too_long_is_ended() {
    let mut plan = Plan::default();
    plan.limits.body_idle_timeout_ms = 150;
    let bench = Bench::start(echo().await, plan);
    let mut client = bench.client().await;
    client.send(get("/ws", ASK)).await;
    client.head().await;
    client.closed().await;
}

#[actix_rt::test]
async fn an_upgraded_connection_keeps_its_place_and_a_drain_ends_it() {
    let mut plan = Plan::default();
    plan.limits.connections_per_ip = 1;
    let bench = Bench::start(echo().await, plan);
    let mut client = bench.client().await;
    client.send(get("/ws", ASK)).await;
    client.head().await;
    assert_eq!(client.bytes(5).await, b"first");
    bench.client().await.closed().await;
    let drain = bench.link.drain(std::time::Duration::from_millis(50));
    tokio::time::timeout(PATIENCE, drain).await.unwrap();
    client.closed().await;
}

#[actix_rt::test]
async fn a_hint_before_the_switch_is_passed_on() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhi").await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/ws", ASK)).await;
    assert_eq!(client.head().await.status(), 103);
    assert_eq!(client.head().await.status(), 101);
    assert_eq!(client.bytes(2).await, b"hi");
}
