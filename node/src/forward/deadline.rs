//! How long an origin may take to answer.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::forward::CallError;
use crate::forward::flow::Flow;

/// Waits for the head of the answer. The clock runs from the call's arrival, or, where the call has a
/// body, from the end of its upload; while the upload goes on it is guarded by its own idle deadline
/// if it waits for the client, and by `body_idle` if it waits for the origin.
pub async fn answer_within<T>(
    answer: impl Future<Output = Result<T, CallError>>,
    flow: &Flow,
    timeout: Duration,
    body_idle: Duration,
) -> Result<T, CallError> {
    let mut answer = std::pin::pin!(answer);
    let mut deadline = flow.started() + timeout;
    let mut moved = (flow.bytes().0, Instant::now());
    loop {
        if let Ok(answered) = tokio::time::timeout_at(deadline, answer.as_mut()).await {
            return answered;
        }
        let now = Instant::now();
        let due = match flow.upload_ended() {
            Some(ended) => ended + timeout,
            None => {
                let bytes = flow.bytes().0;
                if bytes != moved.0 || flow.starved() {
                    moved = (bytes, now);
                }
                if now >= moved.1 + body_idle {
                    now
                } else {
                    // If the upload ends before this, its end is known then.
                    (now + timeout).min(moved.1 + body_idle)
                }
            }
        };
        if due <= now {
            let timeout_ms = timeout.as_millis() as u64;
            return Err(CallError::OriginTimeout { timeout_ms });
        }
        deadline = due;
    }
}
