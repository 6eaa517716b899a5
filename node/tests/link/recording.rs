//! Every call is counted, to the unit, and recorded: whichever way it went and however it ended.

use tokio::io::AsyncWriteExt;
use weir::monitor::{CallRecord, Dimension, Figures, Filter, Scope, Series, SeriesQuery};
use weir_config::object::Overflow;

use crate::harness::*;

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const APPID: &str = "wx0123456789abcdef";

fn query(scope: Scope, by: Option<Dimension>) -> SeriesQuery {
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    SeriesQuery {
        scope,
        from_s: now_s - 3,
        to_s: now_s + 60,
        step_s: 1,
        by,
        decision: None,
    }
}

pub fn series(bench: &Bench, by: Option<Dimension>) -> Series {
    let mut query = query(Scope::All, by);
    // As far back as the bench is old.
    query.from_s = bench.began_s;
    bench.monitor.series(&query).unwrap()
}

/// Waits until so many calls are counted and as many records written.
pub async fn counted(bench: &Bench, calls: u64) -> Figures {
    until("all calls are counted", || {
        let totals = bench.monitor.totals();
        totals.calls == calls && totals.records_written == calls
    })
    .await;
    series(bench, None).total(None)
}

pub fn records(bench: &Bench) -> Vec<CallRecord> {
    let page = bench.monitor.search(&Filter::default(), 1_000).unwrap();
    page.found.into_iter().map(|found| found.record).collect()
}

fn record(bench: &Bench, answer: &Message) -> CallRecord {
    let id = answer.header("x-wx-call-id").unwrap().parse().unwrap();
    bench.monitor.record(id).unwrap().expect("a record")
}

#[actix_rt::test]
async fn a_forwarded_call_is_recorded_with_its_way_its_times_and_its_bytes() {
    let origin = answering(OK).await;
    let bench = Bench::start(origin, Plan::default());
    let request = get(
        "/v1/items?token=x",
        "x-wx-user: li\r\nx-wx-env-version: trial\r\n",
    );
    let mut client = bench.client().await;
    client.send(&request).await;
    let answer = client.message().await;
    client.send(&request).await;
    let second = client.message().await;
    let figures = counted(&bench, 2).await;

    let first = record(&bench, &answer);
    let said: (&str, &str, &str, &str) =
        (&first.decision, &first.outcome, &first.method, &first.path);
    assert_eq!(said, ("link", "ok", "GET", "/v1/items"));
    assert_eq!(
        first.query, None,
        "queries are not kept unless that is wanted"
    );
    assert_eq!(first.business.as_deref(), Some(APPID));
    assert_eq!(first.gateway.as_deref(), Some("shop"));
    assert_eq!(first.route_tag.as_deref(), Some("shop-tag"));
    assert_eq!(first.rule, Some(format!("http://{origin}")));
    assert_eq!(first.version.as_deref(), Some("trial"));
    assert_eq!(first.source.as_deref(), Some("wx_client"));
    assert_eq!(first.conf_version.as_deref(), Some(CONF_VERSION));
    assert_eq!(first.user, Some(bench.monitor.hidden_user("li")));
    assert_eq!(first.origin_address, Some(origin.to_string()));
    assert_eq!((first.status, first.attempts), (Some(200), 1));
    assert_eq!(
        (first.node.as_str(), first.region.as_str()),
        ("n1", "shanghai")
    );
    assert_eq!(first.request_bytes, request.len() as u64);
    let times = first.timings;
    let (connect, byte) = (times.connect_ms.unwrap(), times.first_byte_ms.unwrap());
    assert!(times.accept_ms.is_some() && connect <= byte && byte <= times.total_ms);

    let second = record(&bench, &second).timings;
    assert_eq!(
        (second.accept_ms, second.connect_ms),
        (None, None),
        "both were there"
    );

    assert_eq!((figures.requests, figures.ok), (2, 2));
    assert_eq!(figures.bytes(), bench.meter.charged_bytes());
    let by = |by| {
        series(&bench, Some(by))
            .groups
            .into_keys()
            .collect::<Vec<_>>()
    };
    assert_eq!(by(Dimension::Rule), [format!("http://{origin}")]);
    assert_eq!(by(Dimension::Version), ["trial"]);
    assert_eq!(by(Dimension::Status), ["2xx"]);
}

#[actix_rt::test]
async fn refusals_and_calls_sent_elsewhere_are_counted_and_recorded_with_their_reason() {
    let origin = answering(OK).await;
    let bench = Bench::start(
        origin,
        Plan {
            balance: 0,
            ..Plan::default()
        },
    );
    let redirected = bench.call(&get("/a", "")).await;
    let told = bench.call(&get("/b", "x-wx-client: sdk-js/1\r\n")).await;
    let lost = bench
        .call("GET / HTTP/1.1\r\nhost: nobody.example\r\n\r\n")
        .await;
    let odd = bench.call(&get("/c", "x-wx-source: fridge\r\n")).await;
    let twice = "content-length: 1\r\ncontent-length: 2\r\n";
    let illegal = bench.call(&get("/e", twice)).await;
    let broken = bench.call(&get("/d", "x_wx_target: a\r\n")).await;
    let figures = counted(&bench, 6).await;
    assert_eq!(
        (figures.requests, figures.public, figures.refused),
        (6, 2, 4)
    );
    assert_eq!((figures.overflow, figures.success_rate()), (2, None));

    let seen = |answer: &Message| {
        let record = record(&bench, answer);
        (
            record.decision,
            record.reason.unwrap(),
            record.code.unwrap(),
            record.status.unwrap(),
        )
    };
    let expect = |decision: &str, reason: &str, code, status| {
        (decision.to_owned(), reason.to_owned(), code, status)
    };
    assert_eq!(
        seen(&redirected),
        expect("public", "package_bandwidth", 102_021, 307)
    );
    assert_eq!(
        seen(&told),
        expect("public", "package_bandwidth", 102_021, 429)
    );
    assert_eq!(
        seen(&lost),
        expect("refused", "unknown_access_domain", 102_016, 404)
    );
    assert_eq!(seen(&odd), expect("refused", "malformed", 102_006, 400));
    assert_eq!(seen(&broken), expect("refused", "malformed", 102_006, 400));
    assert_eq!(seen(&illegal), expect("refused", "malformed", 102_006, 400));
    assert!(record(&bench, &odd).detail.unwrap().contains("fridge"));

    let by_reason = series(&bench, Some(Dimension::Reason));
    assert_eq!(by_reason.total(Some("package_bandwidth")).requests, 2);
    assert_eq!(by_reason.total(Some("malformed")).requests, 3);
    let of_business = query(Scope::Business(APPID.to_owned()), None);
    let of_business = bench.monitor.series(&of_business).unwrap();
    assert_eq!(of_business.total(None).requests, 3, "two had no business");
}

#[actix_rt::test]
async fn a_call_that_is_cut_is_counted_with_what_had_flowed_and_whose_doing_it_was() {
    // Half an answer, and then what the path says.
    let origin = origin(|mut peer| async move {
        let Some(request) = peer.try_message().await else {
            return;
        };
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await;
        peer.send(vec![b'x'; 100]).await;
        if request.start.contains("/origin-ends") {
            peer.stream.get_mut().shutdown().await.unwrap();
        }
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(origin, Plan::default());

    let mut client = bench.client().await;
    client.send(get("/client-leaves", "")).await;
    client.head().await;
    client.bytes(100).await;
    drop(client);
    let mut client = bench.client().await;
    client.send(get("/origin-ends", "")).await;
    client.head().await;
    client.closed().await;

    let figures = counted(&bench, 2).await;
    assert_eq!((figures.client_faults, figures.origin_faults), (1, 1));
    assert_eq!(figures.bytes(), bench.meter.charged_bytes());
    let of = |path: &str| {
        let all = records(&bench);
        let found = all.into_iter().find(|record| record.path == path).unwrap();
        (found.outcome, found.reason.unwrap(), found.code)
    };
    let expect = |outcome: &str, reason: &str, code| (outcome.to_owned(), reason.to_owned(), code);
    assert_eq!(
        of("/client-leaves"),
        expect("client_fault", "client_gone", None)
    );
    let lost = expect("origin_fault", "origin_connection_lost", Some(-601_069));
    assert_eq!(of("/origin-ends"), lost);
}

#[actix_rt::test]
async fn a_client_that_leaves_before_the_answer_and_an_origin_that_gives_none_are_told_apart() {
    let origin = origin(|mut peer| async move {
        peer.try_message().await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(
        origin,
        Plan {
            timeout_ms: 100,
            ..Plan::default()
        },
    );
    let late = bench.call(&get("/late", "")).await;
    assert_eq!(late.status(), 504);
    let mut client = bench.client().await;
    client.send(get("/left", "")).await;
    until("it is on its way", || bench.meter.admitted_calls() == 2).await;
    drop(client);
    let figures = counted(&bench, 2).await;
    assert_eq!((figures.origin_timeouts, figures.origin_faults), (1, 1));
    assert_eq!(figures.client_faults, 1);

    let late = record(&bench, &late);
    assert_eq!((late.code, late.status), (Some(-601_008), Some(504)));
    assert_eq!(late.failed_attempts[0].address, origin.to_string());
    assert_eq!(late.failed_attempts[0].reason, "origin_timeout");
    let left = records(&bench);
    let left = left.iter().find(|record| record.path == "/left").unwrap();
    assert_eq!(
        (left.status, left.reason.as_deref()),
        (None, Some("client_gone"))
    );
}

#[actix_rt::test]
async fn a_relayed_call_is_counted_as_such() {
    let origin = answering(OK).await;
    let bench = Bench::start(
        origin,
        Plan {
            balance: 0,
            overflow: Overflow::Relay,
            ..Plan::default()
        },
    );
    let answer = bench.call(&get("/", "")).await;
    assert_eq!(answer.status(), 200);
    let figures = counted(&bench, 1).await;
    assert_eq!((figures.ok, figures.relayed, figures.overflow), (1, 1, 1));
    assert_eq!(figures.bytes(), bench.meter.overflow_bytes());
    let record = record(&bench, &answer);
    assert_eq!((record.decision.as_str(), record.overflow), ("relay", true));
    assert_eq!(record.reason.as_deref(), Some("package_bandwidth"));
}
