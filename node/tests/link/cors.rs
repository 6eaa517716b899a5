//! Pages of `web` businesses: the browser's questions, and answers it lets the page read.

use std::cell::RefCell;
use std::rc::Rc;

use weir_config::object::{Cors, Overflow};

use crate::harness::*;

const PAGE: &str = "https://shop.example";

fn plan() -> Plan {
    Plan {
        cors: Some(Cors {
            allowed_origins: vec![PAGE.to_owned()],
            allow_credentials: true,
            max_age_s: 60,
        }),
        ..Plan::default()
    }
}

/// An origin with CORS rules of its own, that keeps the methods it was called with.
async fn own_rules() -> (std::net::SocketAddr, Rc<RefCell<Vec<String>>>) {
    let methods = Rc::new(RefCell::new(Vec::new()));
    let kept = methods.clone();
    let addr = origin(move |mut peer| {
        let kept = kept.clone();
        async move {
            while let Some(request) = peer.try_message().await {
                let method = request.start.split(' ').next().unwrap().to_owned();
                kept.borrow_mut().push(method);
                peer.send(
                    "HTTP/1.1 200 OK\r\naccess-control-allow-origin: https://elsewhere.example\r\n\
                     access-control-expose-headers: x-total\r\nx-total: 7\r\ncontent-length: 2\r\n\r\nok",
                )
                .await;
            }
        }
    })
    .await;
    (addr, methods)
}

fn pre_flight(page: &str) -> String {
    format!(
        "OPTIONS /v1/x HTTP/1.1\r\nhost: {HOST}\r\norigin: {page}\r\naccess-control-request-method: PUT\r\n\
         access-control-request-headers: x-wx-env-version\r\n\r\n"
    )
}

#[actix_rt::test]
async fn a_pre_flight_is_answered_by_the_node_and_costs_nothing() {
    let (addr, methods) = own_rules().await;
    let bench = Bench::start(addr, plan());
    let answer = bench.call(&pre_flight(PAGE)).await;
    assert_eq!(answer.status(), 204);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "PUT"),
        ("access-control-allow-headers", "x-wx-env-version"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "60"),
        ("x-wx-conf-version", CONF_VERSION),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("x-wx-call-id").is_some());
    let refused = bench.call(&pre_flight("https://evil.example")).await;
    assert_eq!(refused.status(), 204);
    assert_eq!(refused.header("access-control-allow-origin"), None);
    assert_eq!(refused.header("access-control-allow-methods"), None);
    assert_eq!(bench.meter.charged_bytes(), 0);
    assert_eq!(bench.meter.admitted_calls(), 0);
    assert!(methods.borrow().is_empty(), "nothing was forwarded");
}

#[actix_rt::test]
async fn an_options_request_that_is_no_pre_flight_goes_to_the_origin() {
    let (addr, methods) = own_rules().await;
    let bench = Bench::start(addr, plan());
    let request = format!("OPTIONS / HTTP/1.1\r\nhost: {HOST}\r\norigin: {PAGE}\r\n\r\n");
    assert_eq!(bench.call(&request).await.status(), 200);
    assert_eq!(*methods.borrow(), ["OPTIONS"]);
}

#[actix_rt::test]
async fn a_business_without_a_rule_leaves_cors_to_its_origin() {
    let (addr, methods) = own_rules().await;
    let bench = Bench::start(addr, Plan::default());
    let answer = bench.call(&pre_flight(PAGE)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://elsewhere.example")
    );
    assert_eq!(*methods.borrow(), ["OPTIONS"]);
}

#[actix_rt::test]
async fn an_allowed_page_can_read_the_answer_and_another_gets_it_unmarked() {
    let (addr, methods) = own_rules().await;
    let bench = Bench::start(addr, plan());
    let answer = bench.call(&get("/", &format!("origin: {PAGE}\r\n"))).await;
    assert_eq!(answer.all("access-control-allow-origin"), [PAGE]);
    let exposed = answer.all("access-control-expose-headers").join(", ");
    for name in ["x-wx-call-id", "x-wx-link", "server-timing", "x-total"] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
    let other = bench
        .call(&get("/", "origin: https://evil.example\r\n"))
        .await;
    assert_eq!((other.status(), other.body.as_slice()), (200, &b"ok"[..]));
    assert!(other.all("access-control-allow-origin").is_empty());
    assert_eq!(methods.borrow().len(), 2, "nothing is refused for it");
}

#[actix_rt::test]
async fn what_the_gateway_says_itself_can_be_read_by_the_page_too() {
    let (addr, _) = own_rules().await;
    let origin = format!("origin: {PAGE}\r\n");
    let marked = |answer: &Message, status| {
        assert_eq!(answer.status(), status);
        assert_eq!(answer.all("access-control-allow-origin"), [PAGE]);
        assert_eq!(answer.all("x-wx-conf-version"), [CONF_VERSION]);
        assert!(answer.header("access-control-expose-headers").is_some());
    };
    // Row 2, before the decision and within it, and row 5.
    let bench = Bench::start(addr, plan());
    let twice = format!("{origin}x-wx-user: 1\r\nx-wx-user: 2\r\n");
    marked(&bench.call(&get("/", &twice)).await, 400);
    let unknown = format!("{origin}x-wx-source: carrier_pigeon\r\n");
    marked(&bench.call(&get("/", &unknown)).await, 400);
    let elsewhere = format!("{origin}x-wx-target: https://nowhere.example\r\n");
    marked(&bench.call(&get("/", &elsewhere)).await, 404);
    // Row 6, for both kinds of client.
    let disconnected = Plan {
        enabled: false,
        overflow: Overflow::Redirect,
        ..plan()
    };
    let bench = Bench::start(addr, disconnected);
    marked(&bench.call(&get("/", &origin)).await, 307);
    let sdk = format!("{origin}x-wx-client: sdk-js/1.0\r\n");
    marked(&bench.call(&get("/", &sdk)).await, 421);
    // Row 7.
    let spent = Plan {
        balance: 0,
        ..plan()
    };
    let bench = Bench::start(addr, spent);
    marked(&bench.call(&get("/", &sdk)).await, 429);
    // An origin that is not there.
    let nowhere = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let bench = Bench::start(nowhere, plan());
    marked(&bench.call(&get("/", &origin)).await, 502);
}
