//! Origins with several addresses: whose turn it is, who is left out, and what is tried again.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::json;
use weir::forward::Condition;

use crate::harness::*;

const DOMAIN: &str = "http://api.shop.example";

/// Counts its requests, and answers them with its own name.
async fn named(name: &'static str) -> (SocketAddr, Rc<Cell<u32>>) {
    let requests = Rc::new(Cell::new(0));
    let counted = requests.clone();
    let addr = origin(move |mut peer| {
        let counted = counted.clone();
        async move {
            while let Some(request) = peer.try_message().await {
                counted.set(counted.get() + 1);
                let body = format!("{name} {}", request.body.len());
                let length = body.len();
                peer.send(format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
                ))
                .await;
            }
        }
    })
    .await;
    (addr, requests)
}

/// An address nothing listens on.
async fn nowhere() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn plan(origin: serde_json::Value) -> Plan {
    Plan {
        domain: Some(DOMAIN.to_owned()),
        origin: Some(origin),
        ..Plan::default()
    }
}

fn any() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

#[actix_rt::test]
async fn addresses_get_calls_by_their_weights_and_the_domains_host() {
    let (a, to_a) = named("a").await;
    let (b, to_b) = named("b").await;
    let addresses = json!([{"address": a.to_string(), "weight": 3}, {"address": b.to_string()}]);
    let bench = Bench::start(any(), plan(json!({"addresses": addresses})));
    for _ in 0..40 {
        assert_eq!(bench.call(&get("/", "")).await.status(), 200);
    }
    assert_eq!((to_a.get(), to_b.get()), (30, 10));
}

#[actix_rt::test]
async fn the_host_that_is_set_reaches_the_origin() {
    let hosts = Rc::new(std::cell::RefCell::new(Vec::new()));
    let kept = hosts.clone();
    let addr = origin(move |mut peer| {
        let kept = kept.clone();
        async move {
            while let Some(request) = peer.try_message().await {
                let host = request.all("host").join("|");
                kept.borrow_mut().push(host);
                peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    })
    .await;
    let addresses = json!([{"address": addr.to_string()}]);
    let bench = Bench::start(any(), plan(json!({"addresses": addresses})));
    bench.call(&get("/", "")).await;
    bench.change(
        any(),
        &plan(json!({"addresses": addresses, "host": "inner.shop.example"})),
    );
    bench.call(&get("/", "")).await;
    assert_eq!(*hosts.borrow(), ["api.shop.example", "inner.shop.example"]);
}

#[actix_rt::test]
async fn a_call_that_finds_no_connection_goes_to_another_address_with_its_body() {
    let (up, requests) = named("up").await;
    let addresses = json!([{"address": nowhere().await.to_string()}, {"address": up.to_string()}]);
    let settings = json!({"addresses": addresses, "ejection": {"failures": 0}});
    let bench = Bench::start(any(), plan(settings));
    for _ in 0..6 {
        let post = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 5\r\n\r\nhello");
        let answer = bench.call(&post).await;
        assert_eq!(
            (answer.status(), answer.body.as_slice()),
            (200, &b"up 5"[..])
        );
    }
    assert_eq!(requests.get(), 6, "each call reached it once");
    let down = &bench.health()[0];
    assert!(down.failed_calls >= 2, "{down:?}");
    assert_eq!(down.condition, Condition::Healthy, "ejection is off");
}

#[actix_rt::test]
async fn a_call_that_an_address_has_seen_is_not_sent_to_another() {
    let seen = Rc::new(Cell::new(0));
    let counted = seen.clone();
    let closes = origin(move |mut peer| {
        let counted = counted.clone();
        async move {
            peer.head().await;
            counted.set(counted.get() + 1);
        }
    })
    .await;
    let (up, requests) = named("up").await;
    let addresses =
        json!([{"address": closes.to_string(), "weight": 100}, {"address": up.to_string()}]);
    let settings = json!({"addresses": addresses, "ejection": {"failures": 0}});
    let bench = Bench::start(any(), plan(settings));
    for n in 1.. {
        let answer = bench.call(&get("/", "")).await;
        if answer.status() != 200 {
            assert_eq!(answer.json()["reason"], "origin_connection_lost");
            assert_eq!(seen.get(), 1);
            assert_eq!(requests.get(), n - 1);
            return;
        }
        assert!(n < 10, "the first address never had its turn");
    }
}

#[actix_rt::test]
async fn failing_calls_eject_an_address_and_answers_of_any_status_do_not() {
    let (up, _) = named("up").await;
    let down = nowhere().await;
    let addresses = json!([{"address": down.to_string()}, {"address": up.to_string()}]);
    let settings =
        json!({"addresses": addresses, "ejection": {"failures": 3, "for_ms": 3_600_000}});
    let bench = Bench::start(any(), plan(settings));
    for _ in 0..20 {
        assert_eq!(bench.call(&get("/", "")).await.status(), 200);
    }
    let health = bench.health();
    assert_eq!(
        (health[0].condition, health[0].failed_calls),
        (Condition::Ejected, 3),
        "after three it got no more calls"
    );

    let failing = answering("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
    let addresses = json!([{"address": failing.to_string()}, {"address": up.to_string()}]);
    bench.change(
        any(),
        &plan(json!({"addresses": addresses, "ejection": {"failures": 1}})),
    );
    let mut answers: Vec<u16> = Vec::new();
    for _ in 0..10 {
        let answer = bench.call(&get("/", "")).await;
        assert_eq!(answer.header("x-wx-error-code"), None);
        answers.push(answer.status());
    }
    answers.sort_unstable();
    assert_eq!(answers, [[200; 5], [503; 5]].concat());
}

#[actix_rt::test]
async fn with_every_address_down_calls_still_try_and_fail_as_the_origins() {
    let addresses =
        json!([{"address": nowhere().await.to_string()}, {"address": nowhere().await.to_string()}]);
    let settings = json!({
        "addresses": addresses,
        "ejection": {"failures": 1, "for_ms": 3_600_000},
        "health": {"path": "/health", "interval_ms": 1, "timeout_ms": 1000, "unhealthy_after": 1}
    });
    let bench = Bench::start(any(), plan(settings));
    let all_unhealthy = || {
        let health = bench.health();
        health.iter().all(|a| a.condition == Condition::Unhealthy)
    };
    until("the checks find both down", all_unhealthy).await;
    for _ in 0..3 {
        let answer = bench.call(&get("/", "")).await;
        assert_eq!(
            (answer.status(), answer.header("x-wx-error-code")),
            (502, Some("-601069"))
        );
        assert_eq!(answer.json()["reason"], "origin_unreachable");
    }
}

#[actix_rt::test]
async fn checks_take_an_address_out_and_bring_it_back() {
    let well = Rc::new(Cell::new(true));
    let state = well.clone();
    let sick = origin(move |mut peer| {
        let state = state.clone();
        async move {
            while let Some(request) = peer.try_message().await {
                let answer = match (
                    request.start.starts_with("GET /health?deep=1 "),
                    state.get(),
                ) {
                    (true, false) => "HTTP/1.1 500 Sick\r\ncontent-length: 0\r\n\r\n",
                    _ => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsick",
                };
                if request.header("user-agent") == Some("weir-health-check") {
                    assert_eq!(request.header("host"), Some("api.shop.example"));
                }
                peer.send(answer).await;
            }
        }
    })
    .await;
    let (up, _) = named("up").await;
    let addresses = json!([{"address": sick.to_string()}, {"address": up.to_string()}]);
    let health = json!({
        "path": "/health?deep=1", "interval_ms": 10, "timeout_ms": 5000, "unhealthy_after": 2, "healthy_after": 2
    });
    let bench = Bench::start(
        any(),
        plan(json!({"addresses": addresses, "health": health})),
    );
    let condition = |wanted| bench.health()[0].condition == wanted;
    well.set(false);
    until("the check fails", || condition(Condition::Unhealthy)).await;
    let last = bench.health()[0].last_check.clone().unwrap();
    assert_eq!((last.passed, last.said.as_str()), (false, "status 500"));
    for _ in 0..6 {
        assert_eq!(bench.call(&get("/", "")).await.body, b"up 0");
    }
    well.set(true);
    until("the check passes", || condition(Condition::Healthy)).await;
    let bodies = [
        bench.call(&get("/", "")).await.body,
        bench.call(&get("/", "")).await.body,
    ];
    assert!(bodies.contains(&b"sick".to_vec()), "{bodies:?}");
}

#[actix_rt::test]
async fn other_settings_are_taken_in_while_calls_are_under_way_and_old_pools_are_let_go() {
    let (asked, ended) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (note_asked, note_ended) = (asked.clone(), ended.clone());
    let release = Rc::new(tokio::sync::Notify::new());
    let released = release.clone();
    let old = origin(move |mut peer| {
        let (asked, ended, released) = (note_asked.clone(), note_ended.clone(), released.clone());
        async move {
            while let Some(request) = peer.try_message().await {
                asked.set(asked.get() + 1);
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nold")
                    .await;
                if request.start.contains("slow") {
                    released.notified().await;
                }
                peer.send("old").await;
            }
            ended.set(ended.get() + 1);
        }
    })
    .await;
    let (new, _) = named("new").await;
    let to = |addr: SocketAddr| plan(json!({"addresses": [{"address": addr.to_string()}]}));
    let bench = Bench::start(any(), to(old));
    // One connection that rests in the pool, one with a call under way.
    let mut slow = bench.client().await;
    slow.send(get("/slow", "")).await;
    assert_eq!(slow.head().await.status(), 200);
    assert_eq!(bench.call(&get("/", "")).await.body, b"oldold");
    bench.change(any(), &to(new));
    assert_eq!(bench.call(&get("/", "")).await.body, b"new 0");
    until("the resting connection is let go", || ended.get() == 1).await;
    release.notify_one();
    assert_eq!(slow.bytes(6).await, b"oldold");
    until("the other one when its call is over", || ended.get() == 2).await;
    assert_eq!(asked.get(), 2);
}

#[actix_rt::test]
async fn time_outs_of_an_origin_take_the_place_of_the_business_and_the_node() {
    let silent = origin(|mut peer| async move {
        peer.head().await;
        peer.closed().await;
    })
    .await;
    let addresses = json!([{"address": silent.to_string()}]);
    let settings = json!({"addresses": addresses, "response_timeout_ms": 150});
    let mut plan = plan(settings);
    plan.timeout_ms = 600_000;
    let bench = Bench::start(any(), plan);
    // The business's own would be ten minutes.
    let answer = bench.call(&get("/", "")).await;
    assert_eq!(
        (answer.status(), answer.header("x-wx-error-code")),
        (504, Some("-601008"))
    );
    assert_eq!(bench.health()[0].failed_calls, 1);
}
