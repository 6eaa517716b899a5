//! How actors follow what another one publishes: a wake-up for the newest state, never a queue of all.

use std::time::Duration;

use futures_util::Stream;
use tokio::sync::watch;

/// Something newer has been published; look at the shared state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changed;

/// Tells of changes, many at once as one, and at least `pause` after the one before. Ends with the sender.
pub fn changes<T: 'static>(
    receiver: watch::Receiver<T>,
    pause: Duration,
) -> impl Stream<Item = Changed> {
    futures_util::stream::unfold((receiver, false), move |(mut receiver, again)| async move {
        if again && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        receiver.changed().await.ok()?;
        Some((Changed, (receiver, true)))
    })
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[actix_rt::test]
    async fn changes_made_meanwhile_are_told_once() {
        let (sender, receiver) = watch::channel(0);
        let mut changes = std::pin::pin!(changes(receiver, Duration::ZERO));
        for n in 1..=3 {
            sender.send_replace(n);
        }
        assert_eq!(changes.next().await, Some(Changed));
        assert_eq!(changes.next().now_or_never(), None, "nothing new");
        sender.send_replace(4);
        assert_eq!(changes.next().await, Some(Changed));
        drop(sender);
        assert_eq!(changes.next().await, None);
    }
}
