//! AlarmActor: watches where it is this node's turn, else keeps a copy of what the node that watches knows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Context, WrapFuture};
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshClient, MeshHandle};
use weir_config::object::AlarmReceiver;
use weir_config::{Catalog, NodeId};

use super::deliver::{self, Answer, TIMEOUT};
use super::facts::FactSources;
use super::handle::Shared;
use super::round;
use super::state::{Letter, State};
use crate::config_actor::{ConfigHandle, SharedStore, now_ms};
use crate::delivery::Courier;
use crate::schedule::{Turn, Turns};
use crate::settings::TlsSettings;

/// How often it looks.
const TICK: Duration = Duration::from_secs(2);
/// The fact in the store that holds this node's own state.
const KEPT: &str = "alarms";
/// Letters on their way at once.
const UNDER_WAY_MAX: usize = 16;

/// What an incarnation is made from.
#[derive(Clone)]
pub struct AlarmParts {
    pub node: NodeId,
    pub cluster_name: String,
    pub config: ConfigHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
    pub mesh: MeshHandle,
    pub sources: FactSources,
    pub store: SharedStore,
    pub tls: TlsSettings,
    pub(super) shared: Arc<Shared>,
}

/// Watches, writes and delivers.
pub struct AlarmActor {
    parts: AlarmParts,
    mesh: MeshClient,
    courier: Option<Courier>,
    turns: Turns,
    turn: Option<Turn>,
    /// A look is under way.
    looking: bool,
    /// The version that is on the disk.
    on_disk: u64,
}

// === impl AlarmParts ===

impl AlarmParts {
    pub fn new(
        (node, cluster_name): (NodeId, String),
        config: &ConfigHandle,
        cluster: watch::Receiver<Arc<ClusterView>>,
        mesh: &MeshHandle,
        sources: FactSources,
        store: &SharedStore,
        tls: &TlsSettings,
    ) -> Self {
        AlarmParts {
            node,
            cluster_name,
            config: config.clone(),
            cluster,
            mesh: mesh.clone(),
            sources,
            store: store.clone(),
            tls: tls.clone(),
            shared: Arc::default(),
        }
    }
}

// === impl AlarmActor ===

impl AlarmActor {
    /// An incarnation. Runs on the thread it will live on.
    pub fn new(parts: &AlarmParts) -> Self {
        let courier = Courier::new(&parts.tls, TIMEOUT);
        let courier =
            courier.inspect_err(|error| tracing::error!(%error, "no alarm can be delivered"));
        let mut actor = AlarmActor {
            mesh: parts.mesh.client(),
            parts: parts.clone(),
            courier: courier.ok(),
            turns: Turns::default(),
            turn: None,
            looking: false,
            on_disk: 0,
        };
        actor.remember();
        actor
    }

    /// What the node knew before it stopped, unless an incarnation before knows more.
    fn remember(&mut self) {
        let fact = self.parts.store.lock().fact(KEPT).ok().flatten();
        let state: State = fact
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let mut kept = self.parts.shared.kept.lock();
        self.on_disk = state.version;
        if state.version > kept.own.version {
            kept.own = state;
        }
        // Its letters are with nobody now.
        kept.under_way.clear();
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.looking {
            return;
        }
        let snapshot = self.parts.config.catalog();
        let view = self.parts.cluster.borrow().clone();
        let turn = self.turns.look(&view, &snapshot.newest_root, now_ms());
        self.tell_turn(&turn);
        let watches = matches!(turn, Turn::Mine | Turn::FewInSight);
        if !watches {
            self.parts.shared.kept.lock().watching = false;
        }
        self.looking = true;
        let (parts, mesh) = (self.parts.clone(), self.mesh.clone());
        let round = async move {
            match turn {
                Turn::Of(holder) => round::copy(&parts, &mesh, &view, &holder).await,
                Turn::CatchingUp => {}
                Turn::Mine | Turn::FewInSight => {
                    round::gather(&parts, &mesh, &view).await;
                    round::look(&parts, &mesh, &view).await;
                }
            }
        };
        let done = round.into_actor(self).map(|(), actor: &mut Self, ctx| {
            actor.looking = false;
            actor.deliver(ctx);
            actor.write();
        });
        ctx.spawn(done);
    }

    fn tell_turn(&mut self, turn: &Turn) {
        if self.turn.as_ref() == Some(turn) {
            return;
        }
        match turn {
            Turn::Mine => tracing::info!("this node watches for alarms"),
            Turn::FewInSight => tracing::warn!(
                "fewer than half of the nodes are in sight: this node watches for alarms, and so may one on the other side"
            ),
            Turn::Of(node) => tracing::debug!(%node, "another node watches for alarms"),
            Turn::CatchingUp => {
                tracing::debug!("alarms wait until this node has what the others have")
            }
        }
        self.turn = Some(turn.clone());
    }

    /// Sends the letters that are due, of each receiver one at a time and in their order.
    fn deliver(&mut self, ctx: &mut Context<Self>) {
        let Some(courier) = &self.courier else { return };
        let catalog = self.parts.config.catalog();
        let mut kept = self.parts.shared.kept.lock();
        if !kept.watching {
            return;
        }
        let known = |letter: &Letter| receiver(&catalog.catalog, &letter.receiver);
        let before = kept.own.letters.len();
        kept.own.letters.retain(|letter| known(letter).is_some());
        let gone = before - kept.own.letters.len();
        if gone > 0 {
            self.parts.shared.counts.dropped(gone);
            kept.own.version += 1;
        }
        let now_ms = now_ms();
        let mut first = BTreeSet::new();
        let mut due = Vec::new();
        for letter in &kept.own.letters {
            let is_first = first.insert(letter.receiver.clone());
            if is_first && letter.due_ms <= now_ms && !kept.under_way.contains(&letter.id) {
                due.push(letter.clone());
            }
        }
        let room = UNDER_WAY_MAX.saturating_sub(kept.under_way.len());
        for letter in due.into_iter().take(room) {
            let Some(receiver) = known(&letter) else {
                continue;
            };
            kept.under_way.insert(letter.id.clone());
            let courier = courier.clone();
            let posting = async move {
                let answer = deliver::post(&courier, &receiver, &letter.notice).await;
                (letter, answer)
            };
            let posted = posting
                .into_actor(self)
                .map(|(letter, answer), actor: &mut Self, ctx| {
                    actor.answered(&letter, &answer);
                    actor.write();
                    actor.deliver(ctx);
                });
            ctx.spawn(posted);
        }
    }

    fn answered(&mut self, letter: &Letter, answer: &Answer) {
        let counts = &self.parts.shared.counts;
        let mut kept = self.parts.shared.kept.lock();
        kept.under_way.remove(&letter.id);
        let (alarm, receiver) = (&letter.notice.alarm, &letter.receiver);
        let again_ms = match answer {
            Answer::Taken { .. } => {
                counts.delivered();
                tracing::info!(alarm, receiver, phase = ?letter.notice.phase, key = letter.notice.key, "an alarm was delivered");
                None
            }
            Answer::Refused { why, again, .. } => {
                counts.refused();
                let again_ms = deliver::again_ms(letter, now_ms(), rand::random::<f64>());
                let again_ms = again_ms.filter(|_| *again);
                match again_ms {
                    Some(_) => tracing::debug!(alarm, receiver, why, "an alarm is delivered later"),
                    None => {
                        counts.dropped(1);
                        tracing::warn!(
                            alarm,
                            receiver,
                            why,
                            "an alarm was not delivered, and is given up"
                        );
                    }
                }
                again_ms
            }
        };
        kept.own.attempted(&letter.id, again_ms);
    }

    /// What has changed goes to the disk: after a restart the node goes on with it.
    fn write(&mut self) {
        let text = {
            let kept = self.parts.shared.kept.lock();
            if kept.own.version == self.on_disk {
                return;
            }
            self.on_disk = kept.own.version;
            serde_json::to_string(&kept.own)
        };
        let Ok(text) = text else { return };
        if let Err(error) = self.parts.store.lock().set_fact(KEPT, &text) {
            tracing::warn!(%error, "what alarms have said is not on the disk: after a restart it may be said again");
        }
    }
}

impl Actor for AlarmActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

fn receiver(catalog: &Catalog, id: &str) -> Option<AlarmReceiver> {
    let receiver = catalog.alarm_receiver(id)?;
    receiver.enabled.then(|| receiver.clone())
}
