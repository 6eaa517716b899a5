//! Calls as a collector of traces sees them.

use std::time::{Duration, Instant};

use weir_tests::collector::Collector;
use weir_tests::{Call, Cluster, wait_until};

const APPID: &str = "wx0123456789abcdef";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
/// Longer than any call to the origin takes here, shorter than any wait for a collector.
const SOON: Duration = Duration::from_secs(2);

fn settings(endpoint: &str, per_10000: u32) -> String {
    format!(
        "[traces]\nendpoint = \"{endpoint}\"\nsample_per_10000 = {per_10000}\n\
         headers = [\"authorization=Bearer planted-key\"]\n"
    )
}

/// What the origin got under a header.
fn at_origin(answer: &weir_tests::Answer, header: &str) -> Option<String> {
    let echoed = answer.json();
    echoed["headers"][header][0].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_clients_trace_goes_through_the_node_whose_span_is_the_parent_of_the_origins() {
    let collector = Collector::start().await;
    let cluster = Cluster::start_with(2, &settings(&collector.url(), 0)).await;
    let business = cluster.attach(0, APPID).await;
    let traced = |flags: &str| format!("00-{TRACE}-{CLIENT_SPAN}-{flags}");
    let call = cluster.call(1, &business, "/echo?secret=planted-query");
    let call = call
        .header("traceparent", &traced("01"))
        .header("tracestate", "rojo=1");
    let answer = call.send().await;
    assert_eq!(answer.status, 200);
    let id = answer.header("x-wx-call-id").to_owned();
    let (taken, _) = wait_until("the collector has the span", async || {
        collector.span_of(&id)
    })
    .await;
    assert_eq!(
        (taken.trace_id(), taken.parent()),
        (TRACE.to_owned(), CLIENT_SPAN.to_owned())
    );
    let sent = at_origin(&answer, "traceparent").unwrap();
    assert_eq!(sent, format!("00-{TRACE}-{}-01", taken.span_id()));
    assert_eq!(at_origin(&answer, "tracestate").as_deref(), Some("rojo=1"));
    assert_eq!(taken.node, cluster.nodes[1].id);
    assert_eq!(
        taken.headers,
        ["application/x-protobuf", "Bearer planted-key"]
    );
    for (key, value) in [
        ("weir.business", APPID),
        ("weir.decision", "link"),
        ("http.request.method", "GET"),
        ("url.path", "/echo"),
        ("weir.origin", &cluster.origin.url()),
        ("weir.origin_address", &cluster.origin.addr.to_string()),
    ] {
        assert_eq!(taken.text(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(taken.number("http.response.status_code"), Some(200));
    assert_eq!(taken.number("weir.attempts"), Some(1));
    let span = &taken.span;
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    assert!(!format!("{span:?}").contains("planted"), "{span:?}");

    // A client that says it is not sampled is not, and one whose context is no such begins none of its own.
    let quiet = cluster
        .call(0, &business, "/echo")
        .header("traceparent", &traced("00"));
    let quiet = quiet.send().await;
    let sent = at_origin(&quiet, "traceparent").unwrap();
    assert!(
        sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"),
        "{sent}"
    );
    assert!(!sent.contains(CLIENT_SPAN), "{sent}");
    let wrong = cluster
        .call(0, &business, "/echo")
        .header("traceparent", "00-xyz");
    let wrong = wrong.header("tracestate", "rojo=1").send().await;
    let begun = at_origin(&wrong, "traceparent").unwrap();
    let id = wrong.header("x-wx-call-id").replace('-', "");
    assert!(begun.starts_with(&format!("00-{id}-")), "{begun}");
    assert_eq!(at_origin(&wrong, "tracestate"), None);
    assert_eq!(collector.spans().len(), 1, "the only sampled call");
}

#[tokio::test]
async fn calls_that_fail_are_refused_or_take_the_public_link_have_spans_that_say_so() {
    let collector = Collector::start().await;
    let mut cluster = Cluster::start_with(1, &settings(&collector.url(), 10_000)).await;
    let nobody = format!("http://{}", weir_tests::ports::free_addr());
    let domains = [cluster.origin.url(), nobody.clone()];
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let package = serde_json::json!({"bandwidth_bps": 100_000_000_000_u64});
    let business = cluster.attach_domains(0, APPID, &domains, package).await;
    let own = cluster.origin.url();
    let to = |target: &str| {
        cluster
            .call(0, &business, "/x")
            .header("x-wx-target", target)
    };
    let release =
        Call::get(cluster.nodes[0].http, &business.access_domain, "/x").header("x-wx-target", &own);
    for (call, status, decision, code, failed) in [
        (to(&nobody), 502, "link", Some(-601_069), true),
        (
            to("https://elsewhere.example"),
            404,
            "refused",
            Some(102_016),
            false,
        ),
        (release, 307, "public", None, false),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, status);
        let id = answer.header("x-wx-call-id").to_owned();
        let (taken, _) = wait_until("the collector has the span", async || {
            collector.span_of(&id)
        })
        .await;
        assert_eq!(
            taken.text("weir.decision").as_deref(),
            Some(decision),
            "{taken:?}"
        );
        assert_eq!(taken.number("weir.code"), code, "{taken:?}");
        assert_eq!(
            taken.number("http.response.status_code"),
            Some(i64::from(status))
        );
        assert_eq!(taken.span.status.is_some(), failed, "{taken:?}");
        assert_eq!(
            taken.trace_id(),
            id.replace('-', ""),
            "a trace begun here has the call's id"
        );
    }
    // What is not yet sent when a node stops is sent first.
    let last = to(&own).send().await;
    let id = last.header("x-wx-call-id").to_owned();
    assert!(cluster.nodes[0].stop().await.success());
    assert!(collector.span_of(&id).is_some());
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_calls_nothing_and_shows_in_the_metrics() {
    let nobody = format!("http://{}/v1/traces", weir_tests::ports::free_addr());
    let extra = format!("{}queue_spans = 10\n", settings(&nobody, 10_000));
    let cluster = Cluster::start_with(1, &extra).await;
    let business = cluster.attach(0, APPID).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let begin = Instant::now();
        assert_eq!(cluster.call(0, &business, "/x").send().await.status, 200);
        slowest = slowest.max(begin.elapsed());
    }
    assert!(slowest < SOON, "a call took {slowest:?}");
    wait_until("spans are counted as dropped and failed", async || {
        // While a batch is tried again, the queue fills.
        for _ in 0..20 {
            cluster.call(0, &business, "/x").send().await;
        }
        let page = cluster.admin(0).metrics().await?;
        let count = |outcome: &str| {
            let name = format!("weir_trace_spans_total{{outcome=\"{outcome}\"}} ");
            page.lines()
                .find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok())
        };
        (count("dropped")? > 0 && count("failed")? > 0 && count("exported")? == 0).then_some(())
    })
    .await;
    let log = cluster.nodes[0].log();
    assert_eq!(
        log.matches("spans do not reach the collector").count(),
        1,
        "{log}"
    );
    assert!(!log.contains("planted-key"));
}
