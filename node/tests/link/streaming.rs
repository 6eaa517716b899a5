//! Bodies, trailers, interim responses and early answers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::*;

fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: {HOST}\r\n{lines}\r\n")
}

#[actix_rt::test]
async fn trailers_pass_both_ways() {
    let addr = origin(|mut peer| async move {
        let request = peer.message().await;
        assert_eq!(request.trailers, [("x-sum".to_owned(), "up".to_owned())]);
        assert_eq!(request.header("te"), Some("trailers"));
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
        peer.send(format!("{head}2\r\nhi\r\n0\r\nx-sum: down\r\n\r\n"))
            .await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let lines = "transfer-encoding: chunked\r\ntrailer: x-sum\r\nte: trailers\r\n";
    let answer = bench
        .call(&format!(
            "{}3\r\nabc\r\n0\r\nx-sum: up\r\n\r\n",
            post(lines)
        ))
        .await;
    assert_eq!(answer.body, b"hi");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "down".to_owned())]);
}

#[actix_rt::test]
async fn an_event_arrives_before_the_stream_ends() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
            .await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(
        addr,
        Plan {
            timeout_ms: 300,
            ..Plan::default()
        },
    );
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    assert_eq!(
        client.head().await.header("transfer-encoding"),
        Some("chunked")
    );
    assert_eq!(
        (client.line().await, client.bytes(9).await),
        ("9".to_owned(), b"data: 1\n\n".to_vec())
    );
}

#[actix_rt::test]
async fn early_hints_reach_a_client_of_http_1_1_before_the_answer_and_one_of_1_0_never() {
    let addr = origin(|mut peer| async move {
        while peer.try_message().await.is_some() {
            peer.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nx-wx-link: forged\r\n\r\n")
                .await;
            peer.send("HTTP/1.1 102 Processing\r\n\r\n").await;
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
                .await;
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    for _ in 0..3 {
        client.send(get("/", "")).await;
        let hint = client.head().await;
        assert_eq!(
            (hint.status(), hint.headers),
            (103, vec![("link".to_owned(), "</a.css>".to_owned())])
        );
        assert_eq!(client.head().await.status(), 102);
        assert_eq!(client.message().await.body, b"hi");
    }
    let old = bench
        .call(&format!("GET / HTTP/1.0\r\nhost: {HOST}\r\n\r\n"))
        .await;
    assert_eq!((old.status(), &*old.body), (200, &b"hi"[..]));
}

#[actix_rt::test]
async fn a_hint_reaches_the_client_while_the_origin_still_thinks() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
            .await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    assert_eq!(client.head().await.status(), 103);
}

#[actix_rt::test]
async fn a_client_that_expects_100_continue_is_refused_by_the_origin_without_uploading() {
    let addr = origin(|mut peer| async move {
        let head = peer.head().await;
        assert_eq!(head.header("expect"), Some("100-continue"));
        peer.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno")
            .await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let answer = bench
        .call(&post("content-length: 5\r\nexpect: 100-continue\r\n"))
        .await;
    assert_eq!((answer.status(), &*answer.body), (401, &b"no"[..]));
}

#[actix_rt::test]
async fn a_client_that_expects_100_continue_gets_it_when_the_origin_says_so() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(peer.bytes(5).await, b"hello");
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client
        .send(post("content-length: 5\r\nexpect: 100-continue\r\n"))
        .await;
    assert_eq!(client.head().await.status(), 100);
    client.send("hello").await;
    assert_eq!(client.head().await.status(), 200);
}

#[actix_rt::test]
async fn a_client_that_expects_100_continue_is_not_kept_waiting_by_an_origin_that_does_not_know_it()
{
    let addr = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client
        .send(post("content-length: 5\r\nexpect: 100-continue\r\n"))
        .await;
    assert_eq!(client.head().await.status(), 100);
    client.send("hello").await;
    assert_eq!(client.head().await.status(), 200);
}

#[actix_rt::test]
async fn an_early_413_reaches_a_client_that_is_still_uploading() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.bytes(1_000).await;
        peer.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large").await;
        // Closes with bytes unread: the connection is reset under the upload.
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    for _ in 0..20 {
        let mut client = bench.client().await;
        client.send(post("content-length: 3000000\r\n")).await;
        // Writes all it has before it reads, as simple clients do.
        let _ = client
            .stream
            .get_mut()
            .write_all(&vec![b'x'; 3_000_000])
            .await;
        let answer = client.message().await;
        assert_eq!((answer.status(), &*answer.body), (413, &b"too large"[..]));
    }
}

#[actix_rt::test]
async fn an_answer_that_begins_during_the_upload_flows_beside_it() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
            .await;
        for _ in 0..4 {
            let byte = peer.bytes(1).await;
            peer.send(&byte).await;
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(post("content-length: 4\r\n")).await;
    assert_eq!(client.head().await.status(), 200);
    for byte in [b"a", b"b", b"c", b"d"] {
        client.send(byte).await;
        assert_eq!(client.bytes(1).await, byte);
    }
}

#[actix_rt::test]
async fn a_cut_answer_is_not_passed_off_as_a_whole_one() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
            .await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    client.head().await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, client.stream.read_to_end(&mut rest))
        .await
        .unwrap();
    assert_eq!(rest, b"5\r\nhello\r\n", "the last chunk must be missing");
}

#[actix_rt::test]
async fn what_the_client_does_not_read_is_not_read_from_the_origin() {
    const BODY: usize = 256 << 20;
    let sent = Rc::new(Cell::new(0));
    let counted = sent.clone();
    let addr = origin(move |mut peer| {
        let counted = counted.clone();
        async move {
            peer.head().await;
            peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n"))
                .await;
            let block = vec![0; 64 << 10];
            while counted.get() < BODY {
                if peer.stream.get_mut().write_all(&block).await.is_err() {
                    return;
                }
                counted.set(counted.get() + block.len());
            }
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    client.head().await;
    // Nothing is read for as long as something still moves into the buffers on the way.
    let mut before = usize::MAX;
    while before != sent.get() {
        before = sent.get();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(
        before < 32 << 20,
        "{before} bytes lie between origin and client"
    );
    let mut left = BODY;
    let mut space = vec![0; 256 << 10];
    while left > 0 {
        let read = client.stream.read(&mut space).await.unwrap();
        assert!(read > 0 && read <= left, "the body is whole and not longer");
        left -= read;
    }
    until("the meter has every byte", || {
        bench.meter.charged_bytes() > BODY as u64
    })
    .await;
}

#[actix_rt::test]
async fn what_the_origin_does_not_read_is_not_read_from_the_client() {
    const BODY: usize = 256 << 20;
    let go = Rc::new(tokio::sync::Notify::new());
    let wait = go.clone();
    let addr = origin(move |mut peer| {
        let wait = wait.clone();
        async move {
            peer.head().await;
            wait.notified().await;
            let mut left = BODY;
            let mut space = vec![0; 256 << 10];
            while left > 0 {
                left -= peer.stream.read(&mut space).await.unwrap();
            }
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    })
    .await;
    let mut plan = Plan::default();
    plan.limits.body_bytes = BODY as u64;
    let bench = Bench::start(addr, plan);
    let mut client = bench.client().await;
    client
        .send(post(&format!("content-length: {BODY}\r\n")))
        .await;
    let block = vec![0; 64 << 10];
    let mut sent = 0;
    let stream = client.stream.get_mut();
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(500), stream.write(&block)).await
    {
        sent += written.unwrap();
    }
    assert!(
        sent < 32 << 20,
        "{sent} bytes lie between client and origin"
    );
    go.notify_one();
    while sent < BODY {
        sent += stream
            .write(&block[..block.len().min(BODY - sent)])
            .await
            .unwrap();
    }
    assert_eq!(client.message().await.status(), 200);
    assert!(bench.meter.charged_bytes() > BODY as u64);
}
