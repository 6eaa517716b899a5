//! What reaches the origin and what comes back: `CONTRACT.md` 1.2, 1.3.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::harness::*;

/// An origin that keeps what it was asked and answers `204`.
async fn keeping() -> (std::net::SocketAddr, Rc<RefCell<Vec<Message>>>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let kept = asked.clone();
    let addr = origin(move |mut peer| {
        let kept = kept.clone();
        async move {
            while let Some(message) = peer.try_message().await {
                kept.borrow_mut().push(message);
                peer.send("HTTP/1.1 204 No Content\r\nx-own: 1\r\n\r\n")
                    .await;
            }
        }
    })
    .await;
    (addr, asked)
}

#[actix_rt::test]
async fn a_call_reaches_the_origin_with_the_headers_of_the_contract_and_nothing_forged() {
    let (addr, asked) = keeping().await;
    let bench = Bench::start(addr, Plan::default());
    let lines = "x-wx-appid: forged\r\nx-wx-source: web\r\nx-envoy-internal: true\r\nx-forwarded-for: 1.1.1.1\r\n\
        connection: close, x-hop\r\nx-hop: 1\r\ncookie: a=1\r\n";
    let answer = bench.call(&get("/v1/a%2Fb?q=%20", lines)).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.header("x-own"), Some("1"));
    assert_eq!(answer.header("x-wx-errmsg"), Some("gateway.call:ok"));
    assert_eq!(answer.header("x-wx-link"), Some("private"));
    assert_eq!(answer.header("x-wx-conf-version"), Some(CONF_VERSION));
    assert!(answer.header("server-timing").is_some());

    let asked = asked.borrow();
    let request = &asked[0];
    assert_eq!(request.start, "GET /v1/a%2Fb?q=%20 HTTP/1.1");
    assert_eq!(request.all("host"), [addr.to_string()]);
    assert_eq!(
        request.all("x-wx-call-id"),
        [answer.header("x-wx-call-id").unwrap()]
    );
    assert_eq!(request.all("x-wx-appid"), ["wx0123456789abcdef"]);
    assert_eq!(request.all("x-wx-route-tag"), ["shop-tag"]);
    assert_eq!(request.all("x-wx-source"), ["web"]);
    assert_eq!(request.all("x-wx-client-ip"), ["127.0.0.1"]);
    assert_eq!(request.all("x-wx-access-version"), [CONF_VERSION]);
    assert_eq!(request.all("x-forwarded-for"), ["1.1.1.1, 127.0.0.1"]);
    assert_eq!(request.all("x-forwarded-proto"), ["http"]);
    assert_eq!(request.all("x-forwarded-host"), [HOST]);
    assert_eq!(request.all("cookie"), ["a=1"]);
    assert_eq!(request.all("traceparent").len(), 1);
    let left: u32 = request
        .header("x-envoy-expected-rq-timeout-ms")
        .unwrap()
        .parse()
        .unwrap();
    assert!((14_000..=15_000).contains(&left), "{left}");
    for gone in ["x-envoy-internal", "x-hop", "connection"] {
        assert_eq!(request.header(gone), None, "{gone}");
    }
}

#[actix_rt::test]
async fn calls_of_one_connection_share_one_connection_to_the_origin() {
    let opened = Rc::new(Cell::new(0));
    let counted = opened.clone();
    let addr = origin(move |mut peer| {
        counted.set(counted.get() + 1);
        async move {
            while peer.try_message().await.is_some() {
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
                    .await;
            }
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    for _ in 0..5 {
        client.send(get("/", "")).await;
        assert_eq!(client.message().await.body, b"hi");
    }
    assert_eq!(opened.get(), 1);
}

#[actix_rt::test]
async fn pipelined_calls_are_answered_in_order() {
    let addr = origin(|mut peer| async move {
        while let Some(message) = peer.try_message().await {
            let path = message.start.split(' ').nth(1).unwrap().to_owned();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}",
                path.len()
            ))
            .await;
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client
        .send(format!(
            "{}{}{}",
            get("/1", ""),
            get("/2", ""),
            get("/3", "")
        ))
        .await;
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.message().await.body, path.as_bytes());
    }
}

#[actix_rt::test]
async fn an_envelope_holds_the_whole_answer() {
    let addr = answering(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nset-cookie: a=1\r\ncontent-length: 7\r\n\r\n{\"n\":1}",
    )
    .await;
    let bench = Bench::start(addr, Plan::default());
    let answer = bench.call(&get("/", "x-wx-http-mode: ENVELOPE\r\n")).await;
    assert_eq!(answer.status(), 200);
    let envelope = answer.json();
    assert_eq!(envelope["errMsg"], "gateway.call:ok");
    assert_eq!(envelope["callID"], answer.header("x-wx-call-id").unwrap());
    assert_eq!(envelope["statusCode"], 201);
    assert_eq!(envelope["data"]["n"], 1);
    assert_eq!(envelope["cookies"][0], "a=1");
}

#[actix_rt::test]
async fn an_answer_too_large_for_an_envelope_is_refused_whether_its_length_is_known_or_not() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
    ] {
        let mut plan = Plan::default();
        plan.limits.envelope_bytes = 10;
        let bench = Bench::start(answering(answer).await, plan);
        let answer = bench.call(&get("/", "x-wx-http-mode: ENVELOPE\r\n")).await;
        assert_eq!(
            (answer.status(), answer.header("x-wx-error-code")),
            (413, Some("102006"))
        );
    }
}

#[actix_rt::test]
async fn a_head_answer_and_a_304_keep_their_length_and_have_no_body() {
    let addr =
        answering("HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\netag: \"1\"\r\n\r\n").await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    for _ in 0..2 {
        client.send(get("/", "")).await;
        assert_eq!(client.head().await.status(), 304);
    }
    let addr = answering("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    for _ in 0..2 {
        client
            .send(format!("HEAD / HTTP/1.1\r\nhost: {HOST}\r\n\r\n"))
            .await;
        assert_eq!(client.head().await.header("content-length"), Some("100"));
    }
}
