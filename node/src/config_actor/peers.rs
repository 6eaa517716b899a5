//! The ConfigActor's questions to other nodes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;
use tokio::time::timeout;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshClient, MeshError};
use weir_cluster::replication::{Event, VersionName};
use weir_config::{NodeId, Stamp};

use super::{ConfigActor, now_ms};

/// Time for each node to say whether it has a version.
const HAS_VERSION_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a node has a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeHas {
    pub node: NodeId,
    /// `None`: it did not answer.
    pub has: Option<bool>,
    /// When it stored it, milliseconds since 1970-01-01 UTC by its own clock.
    pub since_ms: Option<u64>,
}

/// Asks all other nodes for a version; answered in the order of their names.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct WhoHas {
    pub version: Stamp,
    pub answer: oneshot::Sender<Vec<NodeHas>>,
}

/// Why a request to a peer has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("it is not in the cluster any more")]
    Gone,
    #[error(transparent)]
    Mesh(#[from] MeshError),
}

// === impl ConfigActor ===

impl ConfigActor {
    pub(super) fn ask_stamps(&mut self, peer: NodeId, buckets: Vec<u8>, ctx: &mut Context<Self>) {
        let mesh = self.mesh.clone();
        let addr = self.address(&peer);
        let ask = async move {
            let stamps = mesh.ask_stamps(addr?, &buckets).await;
            stamps
                .map(|stamps| (buckets, stamps))
                .map_err(Unanswered::from)
        };
        let answer = ask.into_actor(self).map(move |answer, actor, ctx| {
            let event = answer.map(|(buckets, stamps)| Event::PeerStamps {
                peer: peer.clone(),
                buckets,
                stamps,
            });
            actor.answered(peer, event, ctx);
        });
        ctx.spawn(answer);
    }

    pub(super) fn pull(
        &mut self,
        peer: NodeId,
        versions: Vec<VersionName>,
        ctx: &mut Context<Self>,
    ) {
        let mesh = self.mesh.clone();
        let addr = self.address(&peer);
        let pull = async move { mesh.pull(addr?, &versions).await.map_err(Unanswered::from) };
        let answer = pull.into_actor(self).map(move |records, actor, ctx| {
            let event = records.map(|records| Event::Records {
                peer: peer.clone(),
                now_ms: now_ms(),
                records,
            });
            actor.answered(peer, event, ctx);
        });
        ctx.spawn(answer);
    }

    /// A request came to its end. One that failed is made again when the peers are looked at next.
    fn answered(
        &mut self,
        peer: NodeId,
        event: Result<Event, Unanswered>,
        ctx: &mut Context<Self>,
    ) {
        let event = event.unwrap_or_else(|why| {
            tracing::debug!(peer = peer.as_str(), %why, "a peer's configuration could not be read");
            Event::Failed { peer }
        });
        self.take(event, ctx);
    }

    pub(super) fn address(&self, peer: &NodeId) -> Result<SocketAddr, Unanswered> {
        let view = self.cluster.borrow();
        view.node(peer)
            .map(|node| node.mesh_addr)
            .ok_or(Unanswered::Gone)
    }
}

impl Handler<WhoHas> for ConfigActor {
    type Result = ();

    fn handle(&mut self, WhoHas { version, answer }: WhoHas, ctx: &mut Context<Self>) {
        let (mesh, view) = (self.mesh.clone(), self.cluster.borrow().clone());
        let asking = async move {
            // Nobody waiting any more needs no answer.
            let _ = answer.send(who_has(&mesh, view, &version).await);
        };
        ctx.spawn(asking.into_actor(self));
    }
}

async fn who_has(mesh: &MeshClient, view: Arc<ClusterView>, version: &Stamp) -> Vec<NodeHas> {
    let others = view.nodes.iter().filter(|node| node.id != view.me);
    let asking = others.map(|node| async move {
        let answer = match node.live {
            true => {
                timeout(
                    HAS_VERSION_TIMEOUT,
                    mesh.has_version(node.mesh_addr, version),
                )
                .await
            }
            false => return unanswered(&node.id),
        };
        match answer {
            Ok(Ok(answer)) => NodeHas {
                node: node.id.clone(),
                has: Some(answer.has),
                since_ms: answer.since_ms,
            },
            Ok(Err(_)) | Err(_) => unanswered(&node.id),
        }
    });
    futures_util::future::join_all(asking).await
}

fn unanswered(node: &NodeId) -> NodeHas {
    NodeHas {
        node: node.clone(),
        has: None,
        since_ms: None,
    }
}
