//! Spans on their way to a collector that works, refuses, or is not there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use parking_lot::Mutex;
use prost::Message;

use super::span::tests::call;
use super::*;
use crate::seal::Secret;

/// What a stand-in for a collector was sent: the name of each span, and a header of each request.
type Taken = Arc<Mutex<(Vec<String>, Vec<String>)>>;

/// A collector that answers with a status, and rejects so many spans of each batch.
async fn collector(status: u16, rejected: i64) -> (String, Taken) {
    let taken = Taken::default();
    let (seen, status) = (
        taken.clone(),
        actix_web::http::StatusCode::from_u16(status).unwrap(),
    );
    let server = HttpServer::new(move || {
        let seen = seen.clone();
        let take = move |request: actix_web::HttpRequest, body: web::Bytes| {
            let read = ExportTraceServiceRequest::decode(body).expect("OTLP protobuf");
            let spans = &read.resource_spans[0].scope_spans[0].spans;
            let mut taken = seen.lock();
            taken.0.extend(spans.iter().map(|span| span.name.clone()));
            let key = request.headers().get("api-key").unwrap().to_str().unwrap();
            taken.1.push(key.to_owned());
            let answer = ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans: rejected,
                    error_message: "too many".to_owned(),
                }),
            };
            async move { HttpResponse::build(status).body(answer.encode_to_vec()) }
        };
        App::new().route("/v1/traces", web::post().to(take))
    });
    let server = server.workers(1).bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", server.addrs()[0]);
    actix_rt::spawn(server.run());
    (url, taken)
}

fn tracing(endpoint: &str, queue_spans: usize) -> Tracing {
    let mut settings: Settings = crate::settings::load_from(
        None,
        [("WEIR_NODE_ID", "n1"), ("WEIR_NODE_REGION", "shanghai")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    )
    .unwrap();
    settings.traces.endpoint = Some(endpoint.to_owned());
    settings.traces.queue_spans = queue_spans;
    settings.traces.headers = vec![Secret::new("api-key=planted")];
    let arbiter = actix_rt::Arbiter::current();
    let (tracing, _) = start(&arbiter, &settings).expect("a collector is set");
    tracing
}

async fn all_done(tracing: &Tracing) -> SpanFigures {
    tracing.finish(Duration::from_secs(20)).await;
    tracing.figures()
}

#[actix_rt::test]
async fn spans_reach_the_collector_in_batches_with_its_headers() {
    let (url, taken) = collector(200, 0).await;
    let tracing = tracing(&url, 2_000);
    (0..1_200).for_each(|n| tracing.leave(call(n)));
    let figures = all_done(&tracing).await;
    assert_eq!((figures.exported, figures.dropped), (1_200, 0));
    let (spans, requests) = &*taken.lock();
    assert_eq!(spans.len(), 1_200);
    assert_eq!(requests, &["planted"; 3]);
}

#[actix_rt::test]
async fn spans_that_the_collector_rejects_are_counted() {
    let (url, _) = collector(200, 2).await;
    let tracing = tracing(&url, 100);
    (0..10).for_each(|n| tracing.leave(call(n)));
    let figures = all_done(&tracing).await;
    assert_eq!((figures.exported, figures.rejected), (8, 2));
}

#[actix_rt::test]
async fn a_collector_that_is_gone_costs_the_spans_and_no_call_waits() {
    let tracing = tracing("http://127.0.0.1:9/v1/traces", 100);
    let begin = Instant::now();
    (0..10_000).for_each(|n| tracing.leave(call(n)));
    let took = begin.elapsed();
    assert!(
        took < Duration::from_secs(2),
        "10,000 spans were left in {took:?}"
    );
    let figures = all_done(&tracing).await;
    assert_eq!(figures.exported, 0);
    assert_eq!(figures.failed + figures.dropped, 10_000);
    assert!(figures.dropped >= 9_000, "{figures:?}");
    let (url, taken) = collector(400, 0).await;
    let refused = self::tracing(&url, 100);
    refused.leave(call(1));
    assert_eq!(all_done(&refused).await.failed, 1);
    assert_eq!(taken.lock().1.len(), 1, "what is refused is not sent again");
}
