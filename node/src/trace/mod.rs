//! Traces: the span of each sampled call to a collector, by OTLP over HTTP with protobuf.
//!
//! ```text
//! core:  traceparent ─▶ TraceContext ─▶ the origin's traceparent
//!                          └─ the call is over ─▶ CallSpan ─▶ a queue with a bound ─▶ TraceActor ─▶ collector
//! ```
//!
//! The queue never makes a call wait: what it has no room for is dropped and counted. A collector that is slow or gone
//! costs the spans, and nothing else.

mod actor;
mod context;
mod queue;
mod span;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix::ArbiterHandle;

use crate::settings::Settings;
use crate::supervise::{Supervised, supervise};

pub use actor::TraceActor;
pub use context::{Sampler, TraceContext, TraceParent, hand_on};
pub use queue::{SampledCall, SpanFigures, Tracing};
pub use span::{CallSpan, Service};

/// Starts the TraceActor; `None` where no collector is set.
pub fn start(
    arbiter: &ArbiterHandle,
    settings: &Settings,
) -> Option<(Tracing, Supervised<TraceActor>)> {
    let traces = &settings.traces;
    let endpoint = traces.endpoint.clone().filter(|url| !url.is_empty())?;
    let sampler = Sampler {
        follow_parent: traces.follow_parent,
        per_10000: traces.sample_per_10000,
    };
    let (tracing, queue) = queue::queue(sampler, traces.queue_spans);
    let parts = actor::TraceParts {
        endpoint,
        settings: traces.clone(),
        tls: settings.tls.clone(),
        service: Service {
            node: settings.node.id.clone(),
            region: settings.node.region.clone(),
            cluster: settings.node.cluster.clone(),
            version: env!("CARGO_PKG_VERSION"),
        },
        queue,
        failing: Arc::default(),
    };
    let actor = supervise(arbiter, "TraceActor", move || TraceActor::new(&parts));
    Some((tracing, actor))
}
