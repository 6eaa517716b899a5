use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use weir_cluster::replication::{ConfigSnapshot, SharedSnapshot};
use weir_config::operation::{Change, Context};
use weir_config::{Catalog, Refusal, Stamp};

use super::{ConfigActor, Work};
use crate::supervise::{AskError, Supervised};

/// Time for a change to be made, waiting for others included.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads and changes this node's configuration.
#[derive(Clone, Debug)]
pub struct ConfigHandle {
    snapshot: SharedSnapshot,
    actor: Supervised<ConfigActor>,
}

/// A change as it was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Applied<T> {
    /// The newest stamp of what was written; where nothing had to be, of the configuration.
    pub version: Stamp,
    pub value: T,
    pub changed: bool,
}

// === impl ConfigHandle ===

impl ConfigHandle {
    pub fn new(snapshot: SharedSnapshot, actor: Supervised<ConfigActor>) -> Self {
        ConfigHandle { snapshot, actor }
    }

    /// What is configured now, as one immutable picture.
    pub fn catalog(&self) -> Arc<ConfigSnapshot> {
        self.snapshot.load_full()
    }

    /// Makes one change. When this answers, the change is on this node's disk and published; changes are
    /// made one at a time, each on the catalog that the one before left.
    ///
    /// # Errors
    /// The operation's own refusal; 503 `store_unwritable` where nothing could be stored and nothing was
    /// changed; 503 `config_busy`; 503 `outcome_unknown`.
    pub async fn apply<T: Send + 'static>(
        &self,
        author: &str,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Applied<T>, Refusal> {
        let (answer, answered) = oneshot::channel();
        let author = author.to_owned();
        let work = Work(Box::new(move |writer| {
            // Nobody waiting any more changes nothing: the change is made.
            let _ = answer.send(writer.apply(&author, operation));
        }));
        match timeout(DEADLINE, self.actor.ask(work)).await {
            Ok(Ok(())) => answered.await.unwrap_or_else(|_| Err(outcome_unknown())),
            Ok(Err(AskError::Busy(_))) => Err(Refusal::new(
                503,
                "config_busy",
                "Too many changes are waiting on this node, and this one was not taken: send it again shortly.",
            )),
            Ok(Err(AskError::Ended(_))) | Err(_) => Err(outcome_unknown()),
        }
    }
}

fn outcome_unknown() -> Refusal {
    let detail = "This node failed while it made the change, or took too long: read the object again to \
                  see whether it was made, then repeat it if not.";
    Refusal::new(503, "outcome_unknown", detail)
}
