//! How others on this node read packages, and ask for what changes the mint plan.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{ArbiterHandle, Message};
use tokio::sync::watch;
use tokio::time::timeout;
use weir_cluster::plan::ForgetError;
use weir_config::NodeId;

use super::QuotaActor;
use super::figures::{PackageFigures, PlanFigures};
use super::history::SecondFigures;
use super::parts::QuotaParts;
use super::shown::{Metered, Shown};
use crate::supervise::{AskError, Supervised, supervise};

/// How long an answer of the actor's is waited for; it may have to write to the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// The package ledger of this node. Clones are the same; with the last the actor ends.
#[derive(Clone, Debug)]
pub struct QuotaHandle {
    shown: Arc<Shown>,
    actor: Supervised<QuotaActor>,
}

/// Why a node was not forgotten.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ForgetRefusal {
    #[error(transparent)]
    Plan(#[from] ForgetError),
    #[error("{0}; ask again")]
    Actor(#[from] AskError),
    #[error("the package ledger did not answer in time; ask again")]
    Late,
}

/// Plans without a node that is gone for ever.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), ForgetError>")]
pub(super) struct Forget(pub NodeId);

/// This node stops: it gives up its share, and to the others what is left.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Leave;

/// Answered once the configuration has meters, and a node that begins a cluster mints.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Started;

/// Ends an incarnation of the actor.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Break;

// === impl QuotaHandle ===

impl QuotaHandle {
    /// Starts the actor on a thread of its own, and waits until it is at work.
    ///
    /// # Errors
    /// The actor failed in its start.
    pub async fn start(arbiter: &ArbiterHandle, parts: QuotaParts) -> Result<Self, AskError> {
        let shown = parts.shown.clone();
        let actor = supervise(arbiter, "QuotaActor", move || QuotaActor::new(&parts));
        actor.ask(Started).await?;
        Ok(QuotaHandle { shown, actor })
    }

    /// A gateway's package on this node, as of its last turn, its purses as of now. `None` for a gateway
    /// this node does not know.
    pub fn figures(&self, gateway: &str) -> Option<PackageFigures> {
        self.shown.figures(gateway)
    }

    /// What a gateway used on this node in the last 15 minutes, the oldest second first; seconds without
    /// use are left out.
    pub fn history(&self, gateway: &str) -> Option<Vec<SecondFigures>> {
        self.shown.history(gateway)
    }

    /// The mint plan, as of the last second or its last change.
    pub fn plan(&self) -> PlanFigures {
        self.shown.plan.load().figures.clone()
    }

    /// Nodes that give what they cannot have, as this node sees it, and how often one became such a node.
    pub fn flagged(&self) -> (BTreeSet<NodeId>, u64) {
        (self.shown.flagged(), self.shown.flagged_total())
    }

    /// The configuration with the meters of its gateways, now and whenever that changes.
    pub fn metered(&self) -> watch::Receiver<Arc<Metered>> {
        self.shown.metered.subscribe()
    }

    /// Plans without a node that an operator says is gone for ever. If it is not, but only cut off, both
    /// sides mint its share until they meet.
    ///
    /// # Errors
    /// The node is live or in no plan, or the actor does not answer.
    pub async fn forget(&self, node: &NodeId) -> Result<(), ForgetRefusal> {
        let asked = timeout(PATIENCE, self.actor.ask(Forget(node.clone())));
        Ok(asked.await.map_err(|_| ForgetRefusal::Late)???)
    }

    /// Gives up this node's share of the minting for as long as it runs, and to the others what is left of
    /// its tokens. To be called once no call is under way, and before membership is left.
    pub async fn leave(&self) {
        match timeout(PATIENCE, self.actor.ask(Leave)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "what is left of the packages is not given to the others")
            }
            Err(_) => tracing::warn!("the package ledger did not leave in time"),
        }
    }

    #[cfg(test)]
    pub(super) fn break_actor(&self) {
        assert!(self.actor.tell(Break));
    }

    /// How often the actor was started again.
    pub fn restarts(&self) -> u64 {
        self.actor.restarts()
    }
}
