use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout};
use weir_cluster::membership::ClusterView;
use weir_cluster::replication::{ConfigSnapshot, SharedSnapshot};
use weir_config::operation::{Change, Context};
use weir_config::{Catalog, NodeId, Refusal};

use super::acks;
use super::health::ConfigHealth;
use super::options::{Ack, Applied, WriteOptions};
use super::writer::Made;
use super::{ConfigActor, ConfigOptions, ConfigParts, Work};
use crate::store::StoreReader;
use crate::supervise::{AskError, Supervised};

/// Time for a change to be made, waiting for others included.
const DEADLINE: Duration = Duration::from_secs(10);
/// Questions to the store at once; more wait.
const READS: usize = 8;

/// Reads and changes this node's configuration.
#[derive(Clone, Debug)]
pub struct ConfigHandle {
    pub(super) node: NodeId,
    snapshot: SharedSnapshot,
    pub(super) actor: Supervised<ConfigActor>,
    cluster: watch::Receiver<Arc<ClusterView>>,
    pub(super) reader: StoreReader,
    pub(super) reads: Arc<Semaphore>,
    pub(super) options: ConfigOptions,
    health: ConfigHealth,
}

// === impl ConfigHandle ===

impl ConfigHandle {
    /// The handle of an actor made from these parts.
    pub fn new(parts: &ConfigParts, actor: Supervised<ConfigActor>) -> Self {
        ConfigHandle {
            node: parts.node.clone(),
            snapshot: parts.published.snapshot.clone(),
            actor,
            cluster: parts.cluster.clone(),
            reader: parts.reader.clone(),
            reads: Arc::new(Semaphore::new(READS)),
            options: parts.options.clone(),
            health: parts.health.clone(),
        }
    }

    /// What is configured now, as one immutable picture.
    pub fn catalog(&self) -> Arc<ConfigSnapshot> {
        self.snapshot.load_full()
    }

    /// How the keeping of the configuration fares.
    pub fn health(&self) -> &ConfigHealth {
        &self.health
    }

    /// The cluster as this node sees it.
    pub(super) fn cluster(&self) -> Arc<ClusterView> {
        self.cluster.borrow().clone()
    }

    /// Makes one change. When this answers, the change is on this node's disk and published, and on as many
    /// other nodes as asked for or said not to be: that is waited for as long as `mesh.ack_timeout_ms`, and
    /// only by the caller. Changes are made one at a time, each on the catalog that the one before left.
    ///
    /// # Errors
    /// The operation's own refusal; 503 `store_unwritable` where nothing could be stored and nothing was
    /// changed; 422 `idempotency_key_reused`; 503 `config_busy`; 503 `outcome_unknown`.
    pub async fn apply<T: Send + 'static>(
        &self,
        options: impl Into<WriteOptions>,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Applied<T>, Refusal> {
        let options = options.into();
        let ack = options.ack;
        let (answer, answered) = oneshot::channel();
        let work = Work(Box::new(move |writer| {
            let made = writer.apply(&options, operation);
            let (made, effects) = match made {
                Ok(Made {
                    applied,
                    stored_on,
                    effects,
                }) => (Ok((applied, stored_on)), effects),
                Err(refusal) => (Err(refusal), Vec::new()),
            };
            // Nobody waiting any more changes nothing: the change is made.
            let _ = answer.send(made);
            effects
        }));
        let made = match timeout(DEADLINE, self.actor.ask(work)).await {
            Ok(Ok(())) => answered.await.unwrap_or_else(|_| Err(outcome_unknown())),
            Ok(Err(AskError::Busy(_))) => Err(busy(
                "Too many changes are waiting on this node, and this one was not taken: send it again shortly.",
            )),
            Ok(Err(AskError::Ended(_))) | Err(_) => Err(outcome_unknown()),
        };
        let (mut applied, stored_on) = made?;
        match stored_on {
            Some(stored_on) => {
                let deadline = Instant::now() + self.options.ack_timeout;
                let wanted = acks::Wanted {
                    ack,
                    joins: self.options.joins,
                };
                let reached =
                    acks::reached(stored_on, wanted, self.cluster.clone(), deadline).await;
                (applied.stored_on, applied.ack_reached) = reached;
            }
            // Nothing was written, so nothing is to be waited for; or too many are waiting.
            None => applied.ack_reached = !applied.changed || ack == Ack::Local,
        }
        Ok(applied)
    }
}

pub(super) fn busy(detail: &str) -> Refusal {
    Refusal::new(503, "config_busy", detail)
}

fn outcome_unknown() -> Refusal {
    let detail = "This node failed while it made the change, or took too long: read the object again to \
                  see whether it was made, then repeat it if not.";
    Refusal::new(503, "outcome_unknown", detail)
}
