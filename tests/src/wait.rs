//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// Long enough for a loaded two-core machine, short enough to end a test that will not pass.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks again and again until the condition gives a value, and returns it with the time it took.
///
/// # Panics
/// After [`PATIENCE`], saying what was waited for.
pub async fn wait_until<T>(
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> (T, Duration) {
    let begin = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return (value, begin.elapsed());
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain until {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
