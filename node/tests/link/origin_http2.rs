//! HTTP/2 to the origin: by ALPN, by prior knowledge, and what its refusals mean for a call.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use h2::Reason;
use http::{Response, Version};
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::*;
use crate::secure_origin::{Authority, Secure, plain_http2};

fn plan(domain: &str, origin: serde_json::Value) -> Plan {
    Plan {
        domain: Some(domain.to_owned()),
        origin: Some(origin),
        ..Plan::default()
    }
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST /upload HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[actix_rt::test]
async fn a_secure_origin_is_asked_for_http_2_and_answers_in_what_it_speaks() {
    let authority = Authority::new();
    for (alpn, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"][..], Version::HTTP_11),
        (&[][..], Version::HTTP_11),
    ] {
        let origin = Secure::new(&authority, "tls.shop.example").alpn(alpn);
        let addr = origin.start().await;
        let settings = json!({
            "addresses": [{"address": addr.to_string()}],
            "http2": true,
            "host": "inner.shop.example:8443",
            "tls": {"ca_pem": authority.pem(), "server_name": "tls.shop.example"}
        });
        let bench = Bench::start(addr, plan("https://api.shop.example", settings));
        let answer = bench.call(&post("hello")).await;
        assert_eq!(
            (answer.status(), answer.body.as_slice()),
            (200, &b"hello"[..])
        );
        let asked = &origin.asked.borrow()[0];
        assert_eq!(asked.version, version);
        // RFC 9113 section 8.3.1: `:authority` in the place of `Host`.
        let host = asked.headers.get("host").map(|host| host.to_str().unwrap());
        let named = match version {
            Version::HTTP_2 => asked.authority.as_deref(),
            _ => host,
        };
        assert_eq!(named, Some("inner.shop.example:8443"));
        assert_eq!(asked.headers.get_all("x-wx-call-id").iter().count(), 1);
        assert_eq!(*origin.server_names.borrow(), ["tls.shop.example"]);
    }
}

#[actix_rt::test]
async fn a_plain_origin_is_spoken_to_in_http_2_by_prior_knowledge_and_calls_share_a_connection() {
    let (addr, asked) = plain_http2().await;
    let bench = Bench::start(
        addr,
        plan(&format!("http://{addr}"), json!({"http2": true})),
    );
    let calls = (0..20).map(|n| {
        let bench = &bench;
        async move {
            let body = n.to_string().repeat(1_000);
            assert_eq!(bench.call(&post(&body)).await.body, body.as_bytes());
        }
    });
    futures_util::future::join_all(calls).await;
    let asked = asked.borrow();
    assert_eq!(asked.len(), 20);
    assert!(asked.iter().all(|asked| asked.version == Version::HTTP_2));
    let authority = addr.to_string();
    assert_eq!(asked[0].authority, Some(authority));
    assert!(asked[0].headers.get("host").is_none());
    assert_eq!(
        asked[0].body.len(),
        asked[0].headers["content-length"]
            .to_str()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    );
}

/// What a scripted HTTP/2 origin does with one request.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Act {
    Answer,
    Reset(Reason),
    /// Closes the connection without a word.
    Vanish,
    /// Says that it takes no more streams, and answers this one and none after it.
    LastOne,
}

/// An HTTP/2 origin that does with its nth request what the script says, and answers those beyond it.
async fn scripted(script: &'static [Act]) -> (SocketAddr, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let requests = Rc::new(Cell::new(0));
    let counted = requests.clone();
    tokio::task::spawn_local(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            tokio::task::spawn_local(async move {
                let mut connection = h2::server::handshake(tcp).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let n = counted.get();
                    counted.set(n + 1);
                    match script.get(n).copied().unwrap_or(Act::Answer) {
                        Act::Reset(reason) => respond.send_reset(reason),
                        Act::Vanish => return,
                        act => {
                            if act == Act::LastOne {
                                connection.graceful_shutdown();
                            }
                            let answer = Response::new(());
                            let mut body = respond.send_response(answer, false).unwrap();
                            body.send_data(Bytes::from_static(b"ok"), true).unwrap();
                        }
                    }
                }
            });
        }
    });
    (addr, requests)
}

async fn two_calls(script: &'static [Act], request: &str) -> (Vec<(u16, String)>, usize) {
    let (addr, requests) = scripted(script).await;
    let bench = Bench::start(
        addr,
        plan(&format!("http://{addr}"), json!({"http2": true})),
    );
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = bench.call(request).await;
        let code = answer.header("x-wx-error-code").unwrap_or("").to_owned();
        answers.push((answer.status(), code));
    }
    (answers, requests.get())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn lost() -> (u16, String) {
    (502, "-601069".to_owned())
}

#[actix_rt::test]
async fn a_stream_that_is_refused_unseen_is_tried_once_more_whatever_its_method() {
    let script = &[Act::Reset(Reason::REFUSED_STREAM)];
    assert_eq!(
        two_calls(script, &get("/", "")).await,
        (vec![ok(), ok()], 3)
    );
    let bodyless = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(two_calls(script, &bodyless).await, (vec![ok(), ok()], 3));
}

#[actix_rt::test]
async fn a_stream_that_is_always_refused_is_the_origins_error_after_some_attempts() {
    const R: Act = Act::Reset(Reason::REFUSED_STREAM);
    let (answers, requests) = two_calls(&[R, R, R], &get("/", "")).await;
    assert_eq!((answers, requests), (vec![lost(), ok()], 4));
}

#[actix_rt::test]
async fn a_stream_that_is_broken_off_otherwise_is_not_tried_again() {
    for act in [Act::Reset(Reason::INTERNAL_ERROR), Act::Vanish] {
        let script: &'static [Act] = Box::leak(Box::new([act]));
        let (answers, requests) = two_calls(script, &get("/", "")).await;
        assert_eq!((answers, requests), (vec![lost(), ok()], 2), "{act:?}");
    }
}

#[actix_rt::test]
async fn an_origin_that_goes_away_in_order_loses_no_call() {
    let script = &[Act::LastOne, Act::LastOne, Act::Answer];
    assert_eq!(two_calls(script, &post("hello")).await.0, [ok(), ok()]);
}

#[actix_rt::test]
async fn a_websocket_to_an_origin_with_http_2_is_carried_over_http_1_1() {
    let addr = origin(|mut peer| async move {
        let request = peer.head().await;
        assert_eq!(request.header("upgrade"), Some("websocket"));
        assert_eq!(request.all("host").len(), 1);
        peer.send(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        )
        .await;
        let bytes = peer.bytes(4).await;
        peer.send(bytes).await;
    })
    .await;
    let bench = Bench::start(
        addr,
        plan(&format!("http://{addr}"), json!({"http2": true})),
    );
    let mut client = bench.client().await;
    client
        .send(get("/ws", "connection: upgrade\r\nupgrade: websocket\r\n"))
        .await;
    assert_eq!(client.head().await.status(), 101);
    client.send("ping").await;
    assert_eq!(client.bytes(4).await, b"ping");
}
