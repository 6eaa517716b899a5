//! ConfigActor: the one writer of this node's configuration.
//!
//! ```text
//! admin API ── apply ──▶ operation ─▶ stamps ─▶ disk ─▶ snapshot ─▶ gossip, pushes ─▶ answer, or wait for acks
//! a peer's push ───────▶ replica ─▶ disk ─▶ snapshot ─▶ gossip ─▶ its receipt
//! gossip ── digests ───▶ replica ─▶ ask and pull over the mesh ─▶ disk ─▶ snapshot ─▶ gossip
//! admin API ── history, backup ──▶ a reader of its own, beside the actor
//! ```
//! What is not on the disk is never published. Only the caller waits for other nodes, never the actor. After
//! a panic the next incarnation begins from the store.

mod acks;
mod conflicts;
mod first_start;
mod handle;
mod health;
mod members;
mod opening;
mod options;
mod parts;
mod past;
mod peers;
mod pushes;
mod replay;
mod rivals;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, StreamHandler};
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshClient, Push};
use weir_cluster::replication::{Effect, Event};
use weir_config::NodeId;

use crate::published::{Changed, changes};
use members::{MEMBERS, Members};
use pushes::Outbox;

pub use first_start::{ADMIN_TOKEN_FILE, FirstStartError, ensure_admin_token};
pub use handle::ConfigHandle;
pub use health::ConfigHealth;
pub use members::remembered_members;
pub use opening::open_replica;
pub use options::{Ack, Applied, ParseAckError, WriteOptions};
pub use parts::{ConfigOptions, ConfigParts, Pushes};
pub use peers::NodeHas;
pub use rivals::Settled;
pub use writer::{LAST_ALIVE_MS, Published, SharedStore, Writer, now_ms};

pub use crate::store::{
    Action, HISTORY_MAX_ENTRIES, HistoryEntry, HistoryPage, HistoryQuery, StoreReader, VersionInfo,
};

/// How often every live peer's digest is looked at again: the retry of what failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often history is pruned and the store notes that its node is alive.
const TICK_INTERVAL: Duration = Duration::from_secs(60);

/// Owns the store, the replica and the exchange with peers.
pub struct ConfigActor {
    writer: Writer,
    node: NodeId,
    mesh: MeshClient,
    cluster: watch::Receiver<Arc<ClusterView>>,
    pushes: Pushes,
    /// Peers whose digest the replica has, and what waits to be pushed to each.
    peers: BTreeMap<NodeId, Outbox>,
    members: Members,
    health: ConfigHealth,
}

/// A piece of work on the writer.
#[derive(Message)]
#[rtype(result = "()")]
struct Work(Task);

/// Answers by what it captured, and returns what is left to do among peers.
type Task = Box<dyn FnOnce(&mut Writer) -> Vec<Effect> + Send>;

// === impl ConfigActor ===

impl ConfigActor {
    /// An incarnation. Runs on the thread it will live on.
    pub fn new(parts: &ConfigParts) -> Self {
        ConfigActor {
            writer: Writer::new(parts),
            node: parts.node.clone(),
            mesh: parts.mesh.client(),
            cluster: parts.cluster.clone(),
            pushes: parts.pushes.clone(),
            peers: BTreeMap::new(),
            members: Members::default(),
            health: parts.health.clone(),
        }
    }

    /// Shows the replica what every live peer has, and which peers are gone.
    fn look_at_peers(&mut self, ctx: &mut Context<Self>) {
        let view = self.cluster.borrow().clone();
        if let Some(members) = self.members.changed(&view) {
            self.writer.note(MEMBERS, &members);
        }
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
            self.health.forget_flag(&peer);
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

    fn look_again(&mut self, ctx: &mut Context<Self>) {
        self.writer.forget_answered();
        self.look_at_peers(ctx);
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let effects = self.writer.tick();
        self.perform(effects, ctx);
    }

    fn take(&mut self, event: Event, ctx: &mut Context<Self>) {
        let effects = self.writer.take(event);
        self.perform(effects, ctx);
    }

    /// Does what the writer leaves to be done among peers.
    fn perform(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::AskStamps { peer, buckets } => self.ask_stamps(peer, buckets, ctx),
                Effect::Pull { peer, versions } => self.pull(peer, versions, ctx),
                Effect::Push { peer, records } => self.push(&peer, records, ctx),
                Effect::Flag { peer, reason } => self.flag(peer, reason),
                // Whoever handed the push in has its receipt; the rest is the writer's own.
                Effect::Confirm { .. }
                | Effect::Persist(_)
                | Effect::Prune(_)
                | Effect::Publish
                | Effect::Acked { .. }
                | Effect::CaughtUp => {}
            }
        }
    }

    /// Logs what is wrong with a peer, or with this node: once, not at every retry.
    fn flag(&mut self, node: NodeId, reason: String) {
        if !self.health.flag(&node, &reason) {
            return;
        }
        if node == self.node {
            tracing::warn!("{reason}");
        } else {
            let peer = node.as_str();
            tracing::warn!(peer, reason, "a peer sent what was not taken");
        }
    }
}

impl Actor for ConfigActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // An incarnation before this one may have stored what it did not come to publish.
        self.writer.publish();
        self.tick(ctx);
        self.look_at_peers(ctx);
        ctx.add_stream(changes(self.cluster.clone(), Duration::ZERO));
        ctx.add_stream(self.pushes.stream());
        ctx.run_interval(RETRY_INTERVAL, Self::look_again);
        ctx.run_interval(TICK_INTERVAL, Self::tick);
    }
}

impl Handler<Work> for ConfigActor {
    type Result = ();

    fn handle(&mut self, Work(work): Work, ctx: &mut Context<Self>) {
        let effects = work(&mut self.writer);
        self.perform(effects, ctx);
    }
}

impl StreamHandler<Changed> for ConfigActor {
    fn handle(&mut self, _: Changed, ctx: &mut Context<Self>) {
        self.look_at_peers(ctx);
    }

    /// Membership has stopped: the node is stopping, or alone; changes are taken all the same.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl StreamHandler<Push> for ConfigActor {
    fn handle(&mut self, push: Push, ctx: &mut Context<Self>) {
        let effects = self.writer.take(Event::Push {
            peer: push.peer,
            now_ms: now_ms(),
            records: push.records,
        });
        let stored = effects.iter().find_map(|effect| match effect {
            Effect::Confirm { stamps, .. } => Some(stamps.clone()),
            _ => None,
        });
        // Not stored: the answer is dropped, and the peer is told so.
        if let Some(stamps) = stored {
            let _ = push.answer.send(stamps);
        }
        self.perform(effects, ctx);
    }

    /// The mesh port is closed.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
