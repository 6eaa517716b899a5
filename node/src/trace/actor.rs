//! TraceActor: takes spans from the queue in batches and sends each to the collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use awc::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::queue::Queue;
use super::span::{CallSpan, Service, encoded};
use crate::delivery::{Courier, Letter, Policy};
use crate::settings::{TlsSettings, TracesSettings};

/// Spans of one request to the collector.
const BATCH: usize = 512;
/// How long a batch is waited for to fill.
const WINDOW: Duration = Duration::from_secs(1);

/// OTLP names the answers after which the same may be sent again.
const POLICY: Policy = Policy {
    attempts: 4,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(5),
    again: |status| matches!(status, 429 | 502 | 503 | 504),
};

/// What an incarnation is made from.
#[derive(Clone)]
pub(super) struct TraceParts {
    pub endpoint: String,
    pub settings: TracesSettings,
    pub tls: TlsSettings,
    pub service: Service,
    pub queue: Queue,
    /// The last batch was not taken: said once.
    pub failing: Arc<AtomicBool>,
}

/// Sends spans.
pub struct TraceActor {
    parts: TraceParts,
}

// === impl TraceActor ===

impl TraceActor {
    pub(super) fn new(parts: &TraceParts) -> Self {
        TraceActor {
            parts: parts.clone(),
        }
    }
}

impl Actor for TraceActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let parts = self.parts.clone();
        ctx.spawn(async move { run(&parts).await }.into_actor(self));
    }
}

async fn run(parts: &TraceParts) {
    let timeout = Duration::from_millis(parts.settings.timeout_ms);
    let courier = match Courier::new(&parts.tls, timeout) {
        Ok(courier) => courier,
        Err(error) => {
            tracing::error!(%error, "no spans are sent");
            return;
        }
    };
    let mut receiver = parts.queue.receiver.lock().await;
    loop {
        let batch = batch(&mut receiver, parts).await;
        if batch.is_empty() {
            return;
        }
        send(&courier, parts, &batch).await;
    }
}

/// The next spans: as many as there are within the window after the first. Empty: there will be no more.
async fn batch(receiver: &mut mpsc::Receiver<Box<CallSpan>>, parts: &TraceParts) -> Vec<CallSpan> {
    let mut batch = Vec::new();
    receiver.recv_many(&mut batch, BATCH).await;
    let end = Instant::now() + WINDOW;
    while !batch.is_empty() && batch.len() < BATCH {
        let room = BATCH - batch.len();
        tokio::select! {
            more = timeout_at(end, receiver.recv_many(&mut batch, room)) => {
                if !more.is_ok_and(|more| more > 0) {
                    break;
                }
            }
            () = parts.queue.hurry.notified() => break,
        }
    }
    batch.into_iter().map(|span| *span).collect()
}

async fn send(courier: &Courier, parts: &TraceParts, batch: &[CallSpan]) {
    let spans = batch.len() as u64;
    let letter = Letter {
        url: &parts.endpoint,
        media: "application/x-protobuf",
        headers: parts.settings.headers().filter_map(header).collect(),
        body: Bytes::from(encoded(&parts.service, batch)),
    };
    match courier.send(&letter, &POLICY).await {
        Ok(delivered) => {
            let answer = ExportTraceServiceResponse::decode(delivered.body).unwrap_or_default();
            let partial = answer.partial_success.unwrap_or_default();
            let rejected = u64::try_from(partial.rejected_spans).unwrap_or(0);
            parts.queue.counts.sent(spans, rejected);
            if rejected > 0 {
                let why: String = partial.error_message.chars().take(200).collect();
                tracing::warn!(rejected, why, "the collector of traces took not all spans");
            }
            if parts.failing.swap(false, Ordering::Relaxed) {
                tracing::info!("the collector of traces takes spans again");
            }
        }
        Err(undelivered) => {
            parts.queue.counts.failed(spans);
            if !parts.failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    why = undelivered.why,
                    "spans do not reach the collector of traces (traces.endpoint); calls go on, and spans are counted as \
                     failed until it takes them"
                );
            }
        }
    }
}

/// Checked with the settings.
fn header((name, value): (&str, &str)) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
