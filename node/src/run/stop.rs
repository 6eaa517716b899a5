//! When a node is to stop: SIGTERM or SIGINT; a second one ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::StartError;

/// The exit status after a second signal.
const IMPATIENT: i32 = 1;

/// Resolves at the first signal to stop. From the call on, signals no longer end the process by themselves.
pub(super) fn signalled() -> Result<oneshot::Receiver<&'static str>, StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let (first, stop) = oneshot::channel();
    actix_rt::spawn(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        let _ = first.send(name);
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::warn!(
            signal = name,
            "a second signal: stopping at once, calls under way are cut"
        );
        std::process::exit(IMPATIENT);
    });
    Ok(stop)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
