//! What a node holds without growing: bodies of a gibibyte, ten thousand connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use weir_tests::origin::read_head;
use weir_tests::process::raise_open_files;
use weir_tests::{Business, Call, Cluster};

const APPID: &str = "wx00000000000000f1";
const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
const BLOCK: &[u8] = &[0x5a; 64 * 1024];

/// The most memory of its own that node 0 had while the future ran, beyond what it had before.
async fn growth<T>(cluster: &Cluster, work: impl Future<Output = T>) -> (T, u64) {
    let before = cluster.nodes[0].process().own_memory();
    let mut peak = before;
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                peak = peak.max(cluster.nodes[0].process().own_memory());
            }
        }
    };
    peak = peak.max(cluster.nodes[0].process().own_memory());
    (done, peak - before)
}

async fn download(call: Call) -> u64 {
    let response = call.open().await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame
            .expect("the body goes on")
            .data_ref()
            .map_or(0, Bytes::len) as u64;
    }
    received
}

async fn upload(cluster: &Cluster, business: &Business, bytes: u64, path: &str) -> u64 {
    let blocks = bytes / BLOCK.len() as u64;
    let frames =
        futures_util::stream::iter(0..blocks).map(|_| Ok(Frame::data(Bytes::from_static(BLOCK))));
    let call = Call::new(
        Method::POST,
        cluster.nodes[0].http,
        &business.access_domain,
        path,
    )
    .header("x-wx-env-version", "trial")
    .body(StreamBody::new(frames).boxed_unsync());
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["body_bytes"].as_u64().expect("a count")
}

#[tokio::test]
async fn a_gibibyte_passes_both_ways_and_the_node_does_not_grow() {
    let cluster = Cluster::start_with(
        1,
        "[limits]\nbody_bytes = 2147483648\ndrain_timeout_ms = 10000\n",
    )
    .await;
    let business = cluster.attach(0, APPID).await;
    // Buffers that every node has once it has carried something.
    assert_eq!(
        upload(&cluster, &business, 4 * MIB, "/upload").await,
        4 * MIB
    );

    let path = format!("/bytes/{GIB}");
    let (received, down) = growth(&cluster, download(cluster.call(0, &business, &path))).await;
    assert_eq!(received, GIB);
    let (sent, up) = growth(&cluster, upload(&cluster, &business, GIB, "/upload")).await;
    assert_eq!(sent, GIB);
    println!(
        "1 GiB: the node grew by {} KiB downloading, {} KiB uploading",
        down / 1024,
        up / 1024
    );
    assert!(down < 16 * MIB, "grew by {} KiB on a download", down / 1024);
    assert!(up < 16 * MIB, "grew by {} KiB on an upload", up / 1024);
}

#[tokio::test]
async fn a_client_that_does_not_read_makes_the_origin_wait_and_not_the_node_grow() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    assert_eq!(
        cluster.call(0, &business, "/hello").send().await.status,
        200
    );
    let (responses, grown) = growth(&cluster, async {
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(
                cluster
                    .call(0, &business, &format!("/bytes/{GIB}"))
                    .open()
                    .await,
            );
        }
        // Until nothing moves any more: every buffer on the way is full.
        let mut sent = 0;
        weir_tests::wait_until("the origin waits", async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = cluster.origin.stat("bytes_out").await;
            let waits = now == sent;
            sent = now;
            waits.then_some(())
        })
        .await;
        held
    })
    .await;
    assert_eq!(responses.len(), 8);
    println!("8 stalled downloads: the node grew by {} KiB", grown / 1024);
    assert!(grown < 16 * MIB, "grew by {} KiB", grown / 1024);
}

#[tokio::test]
async fn ten_thousand_idle_connections_are_held() {
    const CONNECTIONS: usize = 10_000;
    let limit = raise_open_files();
    if limit < 10_500 {
        println!(
            "SKIPPED: this system allows {limit} open files a process, 10,500 are needed (ulimit -Hn)"
        );
        return;
    }
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let addr = cluster.nodes[0].http;
    assert_eq!(
        cluster.call(0, &business, "/hello").send().await.status,
        200
    );
    let before = cluster.nodes[0].process().own_memory();
    let head: Arc<str> = format!(
        "GET /status/204 HTTP/1.1\r\nhost: {}\r\nx-wx-env-version: trial\r\n\r\n",
        business.access_domain
    )
    .into();
    let held: Vec<TcpStream> = futures_util::stream::iter(0..CONNECTIONS)
        .map(|i| {
            let head = head.clone();
            async move {
                let mut stream = TcpStream::connect(addr).await.expect("the node accepts");
                stream.write_all(head.as_bytes()).await.expect("sent");
                let answer = read_head(&mut stream).await;
                let answered = answer
                    .as_deref()
                    .is_some_and(|head| head.starts_with("HTTP/1.1 204"));
                assert!(answered, "connection {i}: {answer:?}");
                stream
            }
        })
        .buffer_unordered(64)
        .collect()
        .await;
    let after = cluster.nodes[0].process().own_memory();
    let each = after.saturating_sub(before) / CONNECTIONS as u64;
    println!("{CONNECTIONS} idle connections: {each} bytes of the node's memory each");

    assert_eq!(
        cluster.call(0, &business, "/hello").send().await.status,
        200,
        "others are served meanwhile"
    );
    let closed = held
        .iter()
        .filter(|stream| stream.try_read(&mut [0; 1]).is_ok())
        .count();
    assert_eq!(closed, 0, "connections were closed");
    assert!(each < 32 * 1024, "{each} bytes for one idle connection");
}
