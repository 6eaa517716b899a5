//! Spans on their way from the cores to the collector: a queue that never makes a call wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc};

use super::context::{Sampler, TraceContext};
use super::span::CallSpan;

/// How often a stop looks whether all spans are sent.
const LOOK: Duration = Duration::from_millis(10);

/// What became of the spans of sampled calls.
#[derive(Debug, Default)]
pub struct SpanCounts {
    queued: AtomicU64,
    dropped: AtomicU64,
    exported: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

/// What became of the spans of sampled calls, at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SpanFigures {
    /// The collector has taken them.
    pub exported: u64,
    /// The queue was full.
    pub dropped: u64,
    /// The collector took the batch, and not them.
    pub rejected: u64,
    /// The collector was not reached, or refused.
    pub failed: u64,
}

/// Where calls begin their place in a trace and leave their span.
#[derive(Clone, Debug)]
pub struct Tracing {
    pub sampler: Sampler,
    sender: mpsc::Sender<Box<CallSpan>>,
    counts: Arc<SpanCounts>,
    /// Ends the waiting for a batch to fill.
    hurry: Arc<Notify>,
}

/// A call whose span is to be sent once it is over.
#[derive(Clone, Debug)]
pub struct SampledCall {
    context: TraceContext,
    tracing: Tracing,
}

/// The other end. Outlives whoever reads it.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub receiver: Arc<Mutex<mpsc::Receiver<Box<CallSpan>>>>,
    pub counts: Arc<SpanCounts>,
    pub hurry: Arc<Notify>,
}

/// A queue of at most so many spans.
pub(super) fn queue(sampler: Sampler, spans: usize) -> (Tracing, Queue) {
    let (sender, receiver) = mpsc::channel(spans.max(1));
    let (counts, hurry) = (Arc::<SpanCounts>::default(), Arc::<Notify>::default());
    let queue = Queue {
        receiver: Arc::new(Mutex::new(receiver)),
        counts: counts.clone(),
        hurry: hurry.clone(),
    };
    let tracing = Tracing {
        sampler,
        sender,
        counts,
        hurry,
    };
    (tracing, queue)
}

// === impl Tracing ===

impl Tracing {
    /// Of a call with this place in its trace; `None` where it is not sampled.
    pub fn sampled(&self, context: Option<TraceContext>) -> Option<SampledCall> {
        let context = context.filter(|context| context.sampled)?;
        Some(SampledCall {
            context,
            tracing: self.clone(),
        })
    }

    /// Leaves a span; where the queue is full it is dropped and counted.
    pub fn leave(&self, span: CallSpan) {
        match self.sender.try_send(Box::new(span)) {
            Ok(()) => self.counts.queued.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.counts.dropped.fetch_add(1, Ordering::Relaxed),
        };
    }

    pub fn figures(&self) -> SpanFigures {
        let counts = &self.counts;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SpanFigures {
            exported: of(&counts.exported),
            dropped: of(&counts.dropped),
            rejected: of(&counts.rejected),
            failed: of(&counts.failed),
        }
    }

    /// Waits until something has become of every span, at most so long.
    pub async fn finish(&self, patience: Duration) {
        let finishing = async {
            while self.hurry() > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(patience, finishing).await.is_err() {
            tracing::warn!("the last spans did not reach the collector of traces in time");
        }
    }

    /// Spans that nothing has become of yet; has them sent at once.
    fn hurry(&self) -> u64 {
        self.hurry.notify_waiters();
        let figures = self.figures();
        let done = figures.exported + figures.rejected + figures.failed;
        self.counts
            .queued
            .load(Ordering::Relaxed)
            .saturating_sub(done)
    }
}

// === impl SampledCall ===

impl SampledCall {
    /// The call is over: leaves its span.
    pub fn leave(self, span: impl FnOnce(TraceContext) -> CallSpan) {
        self.tracing.leave(span(self.context));
    }
}

// === impl SpanCounts ===

impl SpanCounts {
    pub(super) fn sent(&self, spans: u64, rejected: u64) {
        let rejected = rejected.min(spans);
        self.exported.fetch_add(spans - rejected, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, spans: u64) {
        self.failed.fetch_add(spans, Ordering::Relaxed);
    }
}
