//! The public link, and what is charged: `CONTRACT.md` 1.1 rows 6 and 7.

use std::cell::RefCell;
use std::rc::Rc;

use weir_config::object::Overflow;

use crate::harness::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-wx-link: private\r\n\r\nhello";

fn beyond(overflow: Overflow) -> Plan {
    Plan {
        overflow,
        balance: 0,
        ..Plan::default()
    }
}

#[actix_rt::test]
async fn beyond_the_package_a_client_is_sent_to_the_origins_own_url() {
    let addr = answering(OK).await;
    let bench = Bench::start(addr, beyond(Overflow::Redirect));
    let answer = bench.call(&get("/v1/x?y=1", "")).await;
    assert_eq!(answer.status(), 307);
    assert_eq!(
        answer.header("location"),
        Some(&*format!("http://{addr}/v1/x?y=1"))
    );
    assert_eq!(answer.header("x-wx-link"), Some("public"));
    assert_eq!(answer.header("x-wx-error-code"), Some("102021"));
    // A call of 1,000 bytes, at the 500 a second that the bench earns.
    assert_eq!(answer.header("x-wx-link-retry-ms"), Some("2000"));
    assert_eq!(answer.json()["linkRetryMs"], 2_000);
    assert_eq!(
        answer.header("retry-after"),
        None,
        "it would put off the redirected request"
    );
    assert_eq!(
        (bench.meter.overflow_calls(), bench.meter.admitted_calls()),
        (1, 0)
    );
}

#[actix_rt::test]
async fn a_client_that_takes_the_public_link_by_itself_gets_429_beyond_the_package_and_421_when_disconnected()
 {
    let bench = Bench::start(answering(OK).await, beyond(Overflow::Relay));
    let answer = bench.call(&get("/", "x-wx-client: sdk-js/1\r\n")).await;
    let call_id = answer.header("x-wx-call-id").unwrap();
    assert_eq!(
        (answer.status(), answer.header("x-wx-link")),
        (429, Some("public"))
    );
    let said =
        format!("gateway.call:fail package bandwidth exceeded, code: 102021, callid: {call_id}");
    assert_eq!(answer.json()["errMsg"], said);
    assert_eq!(answer.json()["link"], "public");
    assert_eq!(answer.json()["reason"], "package_bandwidth");
    assert_eq!(answer.header("x-wx-link-retry-ms"), Some("2000"));
    assert_eq!(answer.header("retry-after"), Some("2"));

    let bench = Bench::start(
        answering(OK).await,
        Plan {
            enabled: false,
            ..Plan::default()
        },
    );
    let answer = bench.call(&get("/", "x-wx-client: sdk-js/1\r\n")).await;
    assert_eq!(
        (answer.status(), answer.json()["reason"].as_str()),
        (421, Some("disconnected"))
    );
    assert_eq!(answer.header("x-wx-link-retry-ms"), None);
    assert_eq!(
        bench.meter.overflow_calls(),
        0,
        "a disconnected business is not beyond its package"
    );
}

#[actix_rt::test]
async fn a_relayed_call_is_unprotected_marked_both_ways_and_counted() {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let kept = asked.clone();
    let addr = origin(move |mut peer| {
        let kept = kept.clone();
        async move {
            while let Some(message) = peer.try_message().await {
                kept.borrow_mut().push(message);
                peer.send(OK).await;
            }
        }
    })
    .await;
    let bench = Bench::start(addr, beyond(Overflow::Relay));
    let request = get("/", "x-wx-user: u\r\naccept: */*\r\n");
    let answer = bench.call(&request).await;
    assert_eq!(
        (answer.status(), answer.all("x-wx-link")),
        (200, vec!["public"])
    );
    let asked = asked.take();
    let ours: Vec<_> = asked[0]
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-"))
        .collect();
    assert_eq!(ours, [&("x-wx-link".to_owned(), "public".to_owned())]);
    assert_eq!(asked[0].header("accept"), Some("*/*"));
    until("the call is counted", || {
        bench.meter.overflow_bytes() > request.len() as u64 + 5
    })
    .await;
    assert_eq!(
        (bench.meter.overflow_calls(), bench.meter.charged_bytes()),
        (1, 0)
    );
}

#[actix_rt::test]
async fn the_public_link_is_answered_before_the_body_is_read() {
    let bench = Bench::start(answering(OK).await, beyond(Overflow::Redirect));
    let post = format!(
        "POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n"
    );
    assert_eq!(bench.call(&post).await.status(), 307);
}

#[actix_rt::test]
async fn the_meter_is_charged_with_every_byte_of_the_bodies_and_with_the_heads() {
    let bench = Bench::start(answering(OK).await, Plan::default());
    let balance = bench.meter.balance_bytes();
    let charged_for = async |body: &str| {
        let before = bench.meter.charged_bytes();
        let length = body.len();
        let post =
            format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: {length:06}\r\n\r\n{body}");
        let answer = bench.call(&post).await;
        assert_eq!(answer.body, b"hello");
        (post.len() as u64, bench.meter.charged_bytes() - before)
    };
    let (sent, small) = charged_for("").await;
    let (_, large) = charged_for(&"x".repeat(100_000)).await;
    assert!(small > sent + 5, "heads are charged too: {small}");
    // `server-timing` may be a digit longer from call to call.
    assert!((large - small).abs_diff(100_000) <= 4, "{large} {small}");
    let spent = balance - bench.meter.balance_bytes();
    until("reserved bytes are given back", || {
        (balance - bench.meter.balance_bytes()) as u64 == bench.meter.charged_bytes()
    })
    .await;
    assert!(spent > 100_000);
}
