//! What the gateway answers itself: `CONTRACT.md` 1.4.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::harness::*;

/// An address nothing listens on.
async fn nowhere() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn refused(bench: &Bench, request: &str, status: u16, code: &str) -> Message {
    let answer = bench.call(request).await;
    assert_eq!(
        (answer.status(), answer.header("x-wx-error-code")),
        (status, Some(code)),
        "{answer:?}"
    );
    answer
}

#[actix_rt::test]
async fn an_error_has_the_form_of_the_contract() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let answer = refused(
        &bench,
        "GET / HTTP/1.1\r\nhost: nobody.example\r\n\r\n",
        404,
        "102016",
    )
    .await;
    let call_id = answer.header("x-wx-call-id").unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json = answer.json();
    assert_eq!(json["errCode"], 102016);
    assert_eq!(json["callID"], call_id);
    assert_eq!(json["reason"], "unknown_access_domain");
    let said = format!("gateway.call:fail unknown access domain, code: 102016, callid: {call_id}");
    assert_eq!(json["errMsg"], said);
}

#[actix_rt::test]
async fn heads_that_are_not_to_be_trusted_are_refused_and_the_connection_closed() {
    let bench = Bench::start(
        answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await,
        Plan::default(),
    );
    for lines in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "content-length: 3\r\ncontent-length: 3\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "x_wx_appid: 1\r\n",
        "host: other\r\n",
        "bad name: 1\r\n",
    ] {
        let mut client = bench.client().await;
        // A request before it on the same connection is answered first.
        client
            .send(format!(
                "{}POST / HTTP/1.1\r\nhost: {HOST}\r\n{lines}\r\nabc",
                get("/", "")
            ))
            .await;
        assert_eq!(client.message().await.status(), 200);
        let answer = client.message().await;
        assert_eq!(
            (answer.status(), answer.json()["reason"].as_str()),
            (400, Some("malformed")),
            "{lines:?}"
        );
        assert_eq!(answer.json()["errCode"], 102006);
        client.closed().await;
    }
    refused(&bench, "GET / HTTP/1.1\r\n\r\n", 400, "102006").await;
}

#[actix_rt::test]
async fn heads_beyond_the_limits_get_431_as_json() {
    let bench = Bench::start(nowhere().await, Plan::default());
    refused(
        &bench,
        &get("/", &format!("x: {}\r\n", "a".repeat(33_000))),
        431,
        "102006",
    )
    .await;
    refused(&bench, &get("/", &"x: a\r\n".repeat(101)), 431, "102006").await;
    refused(&bench, &get("/", &"x: a\r\n".repeat(5_000)), 431, "102006").await;
}

#[actix_rt::test]
async fn a_body_beyond_the_limit_gets_413_whether_its_length_is_known_or_not() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.closed().await;
    })
    .await;
    let mut plan = Plan::default();
    plan.limits.body_bytes = 10;
    let bench = Bench::start(addr, plan);
    let post = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\n");
    refused(
        &bench,
        &format!("{post}content-length: 11\r\n\r\n"),
        413,
        "102006",
    )
    .await;
    let chunked = format!("{post}transfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n");
    refused(&bench, &chunked, 413, "102006").await;
}

#[actix_rt::test]
async fn no_connection_to_the_origin_gets_502() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let answer = refused(&bench, &get("/", ""), 502, "-601069").await;
    assert_eq!(answer.json()["reason"], "origin_unreachable");
}

#[actix_rt::test]
async fn an_origin_that_does_not_answer_in_time_gets_504_and_is_left() {
    let left = Rc::new(Cell::new(false));
    let noted = left.clone();
    let addr = origin(move |mut peer| {
        let noted = noted.clone();
        async move {
            peer.head().await;
            peer.closed().await;
            noted.set(true);
        }
    })
    .await;
    let bench = Bench::start(
        addr,
        Plan {
            timeout_ms: 150,
            ..Plan::default()
        },
    );
    refused(&bench, &get("/", ""), 504, "-601008").await;
    until("the origin's connection is closed", || left.get()).await;
}

#[actix_rt::test]
async fn the_deadline_of_a_call_with_a_body_begins_when_the_body_is_there() {
    let addr = origin(|mut peer| async move {
        while peer.try_message().await.is_some() {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    })
    .await;
    let bench = Bench::start(
        addr,
        Plan {
            timeout_ms: 200,
            ..Plan::default()
        },
    );
    let mut client = bench.client().await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 6\r\n\r\n"
        ))
        .await;
    let begun = tokio::time::Instant::now();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(80)).await;
        client.send("x").await;
    }
    assert!(begun.elapsed() > Duration::from_millis(400));
    assert_eq!(client.message().await.status(), 200);
}

#[actix_rt::test]
async fn an_upload_that_rests_too_long_is_ended() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.closed().await;
    })
    .await;
    let mut plan = Plan::default();
    plan.limits.body_idle_timeout_ms = 100;
    let bench = Bench::start(addr, plan);
    let request = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 6\r\n\r\nx");
    let answer = refused(&bench, &request, 400, "102006").await;
    assert_eq!(answer.json()["reason"], "body_timeout");
}

#[actix_rt::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let mut plan = Plan::default();
    plan.limits.head_timeout_ms = 100;
    let bench = Bench::start(nowhere().await, plan);
    for begun in ["", "G", "GET / HTTP/1.1\r\nho"] {
        let mut client = bench.client().await;
        client.send(begun).await;
        client.closed().await;
    }
}

/// Answers the first request of a connection, and closes it at the second without a word.
async fn forgetful() -> (std::net::SocketAddr, Rc<Cell<u32>>) {
    let requests = Rc::new(Cell::new(0));
    let counted = requests.clone();
    let addr = origin(move |mut peer| {
        let counted = counted.clone();
        async move {
            peer.message().await;
            counted.set(counted.get() + 1);
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await;
            if peer.try_message().await.is_some() {
                counted.set(counted.get() + 1);
            }
        }
    })
    .await;
    (addr, requests)
}

#[actix_rt::test]
async fn a_reused_connection_that_is_gone_is_tried_once_more_for_an_idempotent_call_without_body() {
    let (addr, requests) = forgetful().await;
    let bench = Bench::start(addr, Plan::default());
    assert_eq!(bench.call(&get("/", "")).await.status(), 200);
    assert_eq!(bench.call(&get("/", "")).await.status(), 200);
    assert_eq!(requests.get(), 3, "the second call went out twice");
}

#[actix_rt::test]
async fn a_post_is_never_sent_twice() {
    let (addr, requests) = forgetful().await;
    let bench = Bench::start(addr, Plan::default());
    let post = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(bench.call(&post).await.status(), 200);
    refused(&bench, &post, 502, "-601069").await;
    assert_eq!(requests.get(), 2);
}

#[actix_rt::test]
async fn a_fresh_connection_that_is_lost_is_not_tried_again() {
    let requests = Rc::new(Cell::new(0));
    let counted = requests.clone();
    let addr = origin(move |mut peer| {
        let counted = counted.clone();
        async move {
            peer.message().await;
            counted.set(counted.get() + 1);
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    refused(&bench, &get("/", ""), 502, "-601069").await;
    assert_eq!(requests.get(), 1);
}

#[actix_rt::test]
async fn calls_beyond_an_origins_places_wait_and_then_are_told_so() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.closed().await;
    })
    .await;
    let mut plan = Plan::default();
    plan.limits.origin_connections_per_core = 1;
    plan.limits.connect_timeout_ms = 100;
    let bench = Bench::start(addr, plan);
    let mut first = bench.client().await;
    first.send(get("/", "")).await;
    let answer = refused(&bench, &get("/", ""), 502, "-601069").await;
    assert_eq!(answer.json()["reason"], "origin_busy");
}
