use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A deadline that starts anew with every byte. Costs no timer while bytes flow without waiting.
#[derive(Debug)]
pub struct IdleTimer {
    limit: Duration,
    waiting_since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

// === impl IdleTimer ===

impl IdleTimer {
    pub fn new(limit: Duration) -> Self {
        IdleTimer {
            limit,
            waiting_since: None,
            sleep: None,
        }
    }

    /// Something moved, or nothing is awaited.
    pub fn reset(&mut self) {
        self.waiting_since = None;
    }

    /// Nothing moved. Ready once nothing has moved for the whole limit; wakes the task then.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let deadline = since + self.limit;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // A timer that is too early is moved only when it fires: most waits end long before.
        loop {
            std::task::ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn expires(timer: &mut IdleTimer, within: Duration) -> bool {
        let expiry = std::future::poll_fn(|cx| timer.poll_expired(cx));
        tokio::time::timeout(within, expiry).await.is_ok()
    }

    #[tokio::test]
    async fn it_expires_after_the_limit_and_every_byte_starts_it_anew() {
        let limit = Duration::from_millis(400);
        let mut timer = IdleTimer::new(limit);
        assert!(!expires(&mut timer, Duration::from_millis(250)).await);
        timer.reset();
        let reset = Instant::now();
        assert!(!expires(&mut timer, Duration::from_millis(250)).await);
        assert!(expires(&mut timer, Duration::from_secs(10)).await);
        assert!(reset.elapsed() >= limit);
    }
}
