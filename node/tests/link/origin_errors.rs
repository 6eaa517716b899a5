//! Whose fault an error is: what an origin does wrong is never the gateway's failure, and the other way round
//! (`CONTRACT.md` 1.4).

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use serde_json::json;

use crate::harness::*;
use crate::secure_origin::{Authority, Secure};

/// Status, code and reason of an error of the gateway's own.
async fn error_of(bench: &Bench) -> (u16, String, String) {
    let answer = bench.call(&get("/", "")).await;
    let code = answer.header("x-wx-error-code").unwrap_or("").to_owned();
    let reason = answer.json()["reason"].as_str().unwrap_or("").to_owned();
    assert_eq!(
        answer.header("x-wx-conf-version"),
        Some(CONF_VERSION),
        "errors say which config they are by, too"
    );
    (answer.status(), code, reason)
}

type Serving = Pin<Box<dyn Future<Output = ()>>>;

async fn misbehaving(serve: fn(Peer) -> Serving) -> SocketAddr {
    origin(serve).await
}

fn reset(peer: &Peer) {
    let socket = socket2::SockRef::from(peer.stream.get_ref());
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

#[actix_rt::test]
async fn what_a_plain_origin_does_wrong_is_the_origins_error() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let resets = misbehaving(|mut peer| {
        Box::pin(async move {
            peer.head().await;
            reset(&peer);
        })
    });
    let closes = misbehaving(|mut peer| {
        Box::pin(async move {
            peer.head().await;
        })
    });
    let closes_within_the_head = misbehaving(|mut peer| {
        Box::pin(async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\ncontent-le").await;
        })
    });
    let broken = misbehaving(|mut peer| {
        Box::pin(async move {
            peer.head().await;
            peer.send("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
            peer.closed().await;
        })
    });
    let silent = misbehaving(|mut peer| {
        Box::pin(async move {
            peer.head().await;
            peer.closed().await;
        })
    });
    for (what, addr, status, code, reason) in [
        ("refused", closed, 502, "-601069", "origin_unreachable"),
        (
            "reset",
            resets.await,
            502,
            "-601069",
            "origin_connection_lost",
        ),
        (
            "closed early",
            closes.await,
            502,
            "-601069",
            "origin_connection_lost",
        ),
        (
            "closed within the head",
            closes_within_the_head.await,
            502,
            "-601069",
            "origin_connection_lost",
        ),
        (
            "no HTTP",
            broken.await,
            502,
            "-601069",
            "origin_connection_lost",
        ),
        ("no answer", silent.await, 504, "-601008", "origin_timeout"),
    ] {
        // With settings and without: the same errors.
        for settings in [None, Some(json!({"ejection": {"failures": 0}}))] {
            let plan = Plan {
                timeout_ms: 300,
                origin: settings,
                ..Plan::default()
            };
            let bench = Bench::start(addr, plan);
            let expected = (status, code.to_owned(), reason.to_owned());
            assert_eq!(error_of(&bench).await, expected, "{what}");
        }
    }
}

#[actix_rt::test]
async fn what_a_secure_origin_does_wrong_is_the_origins_error() {
    let authority = Authority::new();
    let right = Secure::new(&authority, "api.shop.example");
    let addr = right.start().await;
    let mute = origin(|mut peer| async move { peer.closed().await }).await;
    let plain = origin(|mut peer| async move {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer.closed().await;
    })
    .await;
    let other = Authority::new();
    let tls = |ca: &Authority| json!({"ca_pem": ca.pem()});
    for (what, domain, addr, tls, reason) in [
        ("right", "api.shop.example", addr, tls(&authority), ""),
        (
            "another name",
            "www.shop.example",
            addr,
            tls(&authority),
            "origin_tls",
        ),
        (
            "another authority",
            "api.shop.example",
            addr,
            tls(&other),
            "origin_tls",
        ),
        (
            "the node's authorities",
            "api.shop.example",
            addr,
            json!({}),
            "origin_tls",
        ),
        (
            "no TLS",
            "api.shop.example",
            plain,
            tls(&authority),
            "origin_tls",
        ),
        (
            "no word",
            "api.shop.example",
            mute,
            tls(&authority),
            "origin_connect_timeout",
        ),
    ] {
        let addresses = json!([{"address": addr.to_string()}]);
        let settings = json!({"addresses": addresses, "tls": tls, "connect_timeout_ms": 2_000});
        let bench = Bench::start(
            addr,
            Plan {
                domain: Some(format!("https://{domain}")),
                origin: Some(settings),
                ..Plan::default()
            },
        );
        if reason.is_empty() {
            assert_eq!(bench.call(&get("/", "")).await.status(), 200, "{what}");
            continue;
        }
        let expected = (502, "-601069".to_owned(), reason.to_owned());
        assert_eq!(error_of(&bench).await, expected, "{what}");
    }
}

#[actix_rt::test]
async fn an_origins_own_errors_pass_as_they_are() {
    for status in [400, 404, 429, 500, 502, 503, 504, 599] {
        let answer: &'static str = Box::leak(
            format!(
                "HTTP/1.1 {status} Own\r\nx-wx-error-code: -601001\r\nx-wx-errmsg: forged\r\n\
                 content-type: text/plain\r\ncontent-length: 3\r\n\r\nown"
            )
            .into_boxed_str(),
        );
        let bench = Bench::start(answering(answer).await, Plan::default());
        let answer = bench.call(&get("/", "")).await;
        assert_eq!(
            (answer.status(), answer.body.as_slice()),
            (status, &b"own"[..])
        );
        assert_eq!(answer.header("x-wx-error-code"), None);
        assert_eq!(answer.header("x-wx-errmsg"), Some("gateway.call:ok"));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    }
}

#[actix_rt::test]
async fn settings_that_cannot_be_used_are_the_gateways_own_failure() {
    let addr = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let bench = Bench::start(
        addr,
        Plan {
            domain: Some("https://api.shop.example".to_owned()),
            origin: Some(json!({"tls": {"ca_pem": "nonsense"}})),
            ..Plan::default()
        },
    );
    let answer = bench.call(&get("/", "")).await;
    assert_eq!(
        (answer.status(), answer.header("x-wx-error-code")),
        (500, Some("-601001"))
    );
    let json = answer.json();
    assert_eq!(json["reason"], "origin_settings");
    let detail = json["detail"].as_str().unwrap();
    assert!(
        detail.contains("origins[https://api.shop.example].tls.ca_pem"),
        "{detail}"
    );
}
