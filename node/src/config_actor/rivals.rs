//! Whether a write was the only one of its moment: other nodes may have written the same object before they had it.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
use weir_cluster::membership::NodeView;
use weir_cluster::mesh::MeshClient;
use weir_config::digest::bucket_of;
use weir_config::{NodeId, ObjectKey, Stamp};

use super::{ConfigActor, ConfigHandle};

/// Time for every live node to have the write.
const TIME: Duration = Duration::from_secs(2);
/// The pause before a node that has it not yet is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// What the live nodes hold of an object, each after it had a certain write to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The version in force once they have exchanged what they hold.
    pub in_force: Stamp,
    /// Live nodes that did not have the write in time: what they wrote is not known.
    pub unanswered: Vec<NodeId>,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Settle {
    key: ObjectKey,
    write: Stamp,
    answer: oneshot::Sender<Settled>,
}

// === impl ConfigHandle ===

impl ConfigHandle {
    /// Waits until every live node has this write to an object, and says what is then in force of it. A node that
    /// wrote the object at the same moment did so before it had the write: after it, it would have seen it. When
    /// this answers, this node has what is in force too, where it could be had in time.
    pub async fn settled(&self, key: &ObjectKey, write: &Stamp) -> Settled {
        let deadline = Instant::now() + 2 * TIME;
        let (answer, answered) = oneshot::channel();
        let settle = Settle {
            key: key.clone(),
            write: write.clone(),
            answer,
        };
        let unknown = || Settled {
            in_force: write.clone(),
            unanswered: vec![self.node.clone()],
        };
        let asked = async {
            self.actor.ask(settle).await.ok()?;
            answered.await.ok()
        };
        let settled = timeout_at(deadline, asked).await.ok().flatten();
        let settled = settled.unwrap_or_else(unknown);
        let here = async {
            while !self.has(key, &settled.in_force) {
                sleep(PAUSE).await;
            }
        };
        // It comes with the next exchange; whoever asked looks for himself.
        let _ = timeout_at(deadline, here).await;
        settled
    }

    fn has(&self, key: &ObjectKey, version: &Stamp) -> bool {
        let snapshot = self.catalog();
        let record = snapshot.catalog.record(key);
        record.is_some_and(|record| record.stamp >= *version)
    }
}

impl Handler<Settle> for ConfigActor {
    type Result = ();

    fn handle(&mut self, settle: Settle, ctx: &mut Context<Self>) {
        let Settle { key, write, answer } = settle;
        let (mesh, view) = (self.mesh.clone(), self.cluster.borrow().clone());
        let asking = async move {
            let deadline = Instant::now() + TIME;
            let peers = view.live_peers().filter(|peer| !peer.leaving);
            let asked = peers.map(|peer| newest_at(&mesh, peer, &key, &write, deadline));
            let mut settled = Settled {
                in_force: write.clone(),
                unanswered: Vec::new(),
            };
            for (node, newest) in futures_util::future::join_all(asked).await {
                match newest {
                    Some(newest) => settled.in_force = settled.in_force.max(newest),
                    None => settled.unanswered.push(node),
                }
            }
            // Nobody waiting any more needs no answer.
            let _ = answer.send(settled);
        };
        ctx.spawn(asking.into_actor(self));
    }
}

/// The newest version that a peer holds of an object, once it has the write or one that is newer.
async fn newest_at(
    mesh: &MeshClient,
    peer: &NodeView,
    key: &ObjectKey,
    write: &Stamp,
    deadline: Instant,
) -> (NodeId, Option<Stamp>) {
    let asking = async {
        loop {
            let held = mesh.ask_stamps(peer.mesh_addr, &[bucket_of(key)]).await;
            let held = held.into_iter().flatten();
            let newest = held
                .filter(|(held, _)| held == key)
                .map(|(_, stamp)| stamp)
                .max();
            if let Some(newest) = newest.filter(|newest| newest >= write) {
                return newest;
            }
            sleep(PAUSE).await;
        }
    };
    (peer.id.clone(), timeout_at(deadline, asking).await.ok())
}
