//! ConfigActor: the one writer of this node's configuration.
//!
//! ```text
//! admin API ── apply ──▶ operation ─▶ stamps ─▶ disk ─▶ snapshot ─▶ gossip ─▶ answer
//! gossip ── digests ──▶ replica ─▶ ask and pull over the mesh ─▶ disk ─▶ snapshot ─▶ gossip
//! ```
//! What is not on the disk is never published. After a panic the next incarnation begins from the store.

mod first_start;
mod handle;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, StreamHandler, WrapFuture,
};
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshClient, MeshError, MeshHandle};
use weir_cluster::replication::{Effect, Event};
use weir_config::{NodeId, ObjectKey};

use crate::published::{Changed, changes};

pub use first_start::{ADMIN_TOKEN_FILE, FirstStartError, ensure_admin_token};
pub use handle::{Applied, ConfigHandle};
pub use writer::{Published, SharedStore, Writer, now_ms};

/// How often every live peer's digest is looked at again: the retry of what failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Everything an incarnation is made from.
#[derive(Clone)]
pub struct ConfigParts {
    pub node: NodeId,
    /// Where a business goes that names no region.
    pub region: String,
    pub store: SharedStore,
    pub published: Published,
    pub mesh: MeshHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
}

/// Owns the store, the replica and the exchange with peers.
pub struct ConfigActor {
    writer: Writer,
    mesh: MeshClient,
    cluster: watch::Receiver<Arc<ClusterView>>,
    /// Peers whose digest the replica has, and why each was last flagged.
    peers: BTreeMap<NodeId, Option<String>>,
}

/// A piece of work on the writer; answers by what it captured.
#[derive(Message)]
#[rtype(result = "()")]
struct Work(Box<dyn FnOnce(&mut Writer) + Send>);

// === impl ConfigActor ===

impl ConfigActor {
    /// An incarnation. Runs on the thread it will live on.
    pub fn new(parts: &ConfigParts) -> Self {
        let ConfigParts {
            node,
            region,
            store,
            published,
            mesh,
            cluster,
        } = parts.clone();
        ConfigActor {
            writer: Writer::new(node, region, store, published),
            mesh: mesh.client(),
            cluster,
            peers: BTreeMap::new(),
        }
    }

    /// Shows the replica what every live peer has, and which peers are gone.
    fn look_at_peers(&mut self, ctx: &mut Context<Self>) {
        let view = self.cluster.borrow().clone();
        let exchanging = |id: &NodeId| {
            view.live_peers()
                .any(|peer| peer.id == *id && !peer.leaving)
        };
        let gone: Vec<NodeId> = self
            .peers
            .keys()
            .filter(|id| !exchanging(id))
            .cloned()
            .collect();
        for peer in gone {
            self.peers.remove(&peer);
            self.take(Event::PeerGone { peer }, ctx);
        }
        for peer in view.live_peers().filter(|peer| !peer.leaving) {
            let Some(buckets) = peer.config_buckets.clone() else {
                continue;
            };
            self.peers.entry(peer.id.clone()).or_default();
            let peer = peer.id.clone();
            self.take(Event::PeerDigest { peer, buckets }, ctx);
        }
    }

    fn take(&mut self, event: Event, ctx: &mut Context<Self>) {
        for effect in self.writer.take(event) {
            match effect {
                Effect::AskStamps { peer, buckets } => self.ask_stamps(peer, buckets, ctx),
                Effect::Pull { peer, keys } => self.pull(peer, keys, ctx),
                Effect::Flag { peer, reason } => self.flag(peer, reason),
                // The writer's own.
                Effect::Persist(_) | Effect::Publish => {}
            }
        }
    }

    fn ask_stamps(&mut self, peer: NodeId, buckets: Vec<u8>, ctx: &mut Context<Self>) {
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

    fn pull(&mut self, peer: NodeId, keys: Vec<ObjectKey>, ctx: &mut Context<Self>) {
        let mesh = self.mesh.clone();
        let addr = self.address(&peer);
        let pull = async move { mesh.pull(addr?, &keys).await.map_err(Unanswered::from) };
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

    fn address(&self, peer: &NodeId) -> Result<SocketAddr, Unanswered> {
        let view = self.cluster.borrow();
        view.node(peer)
            .map(|node| node.mesh_addr)
            .ok_or(Unanswered::Gone)
    }

    /// Logs what a peer should not have sent: once, not at every retry.
    fn flag(&mut self, peer: NodeId, reason: String) {
        let last = self.peers.entry(peer.clone()).or_default();
        if last.as_ref() != Some(&reason) {
            tracing::warn!(
                peer = peer.as_str(),
                reason,
                "a peer sent what was not taken"
            );
            *last = Some(reason);
        }
    }
}

/// Why a request to a peer has no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("it is not in the cluster any more")]
    Gone,
    #[error(transparent)]
    Mesh(#[from] MeshError),
}

impl Actor for ConfigActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // An incarnation before this one may have stored what it did not come to publish.
        self.writer.publish();
        let cluster = self.cluster.clone();
        self.look_at_peers(ctx);
        ctx.add_stream(changes(cluster, Duration::ZERO));
        ctx.run_interval(RETRY_INTERVAL, Self::look_at_peers);
    }
}

impl Handler<Work> for ConfigActor {
    type Result = ();

    fn handle(&mut self, Work(work): Work, _: &mut Context<Self>) {
        work(&mut self.writer);
    }
}

impl StreamHandler<Changed> for ConfigActor {
    fn handle(&mut self, _: Changed, ctx: &mut Context<Self>) {
        self.look_at_peers(ctx);
    }

    /// Membership has stopped: the node is stopping, or alone; changes are taken all the same.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
