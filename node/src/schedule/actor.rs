//! ScheduleActor: makes the steps that are due, where it is this node's turn, and pauses rises.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture};
use parking_lot::Mutex;
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshClient, MeshHandle};
use weir_config::object::Schedule;
use weir_config::operation::{self, Change, Step};
use weir_config::{Catalog, Refusal};

use super::calls;
use super::errors::{Act, Verdict, verdicts};
use super::recent::{RecentCalls, SAMPLE_MS};
use super::turn::{Turn, Turns};
use crate::config_actor::{Ack, ConfigHandle, WriteOptions};
use crate::routing::SharedRouting;

/// How late a step may be, at most.
const TICK: Duration = Duration::from_millis(250);
/// Steps made in one go; the rest is due at the next tick.
const STEPS_AT_ONCE: usize = 100;
/// How long what could not be made is left alone, milliseconds.
const RETRY_MS: u64 = 5_000;
/// Steps that could not be made and are waiting; beyond, they are tried at every tick.
const FAILED_MAX: usize = 10_000;

/// Milliseconds since 1970-01-01 UTC.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What an incarnation is made from.
#[derive(Clone)]
pub struct ScheduleParts {
    pub config: ConfigHandle,
    pub cluster: watch::Receiver<Arc<ClusterView>>,
    pub routing: SharedRouting,
    pub mesh: MeshHandle,
    pub clock: Clock,
    /// Shared with what answers other nodes, see [`super::answer_calls`].
    pub recent: Arc<Mutex<RecentCalls>>,
}

/// Sees to the schedules while it is this node's turn.
pub struct ScheduleActor {
    parts: ScheduleParts,
    mesh: MeshClient,
    turns: Turns,
    turn: Option<Turn>,
    /// Steps are being made.
    stepping: bool,
    /// Errors are being asked for.
    judging: bool,
    sampled_at_ms: Option<u64>,
    /// When what could not be made is tried again, by the steps' names.
    failed: BTreeMap<String, u64>,
}

/// Looks at the time now; answers whether something is being done.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "bool")]
pub struct Look;

// === impl ScheduleActor ===

impl ScheduleActor {
    /// An incarnation. Runs on the thread it will live on.
    pub fn new(parts: &ScheduleParts) -> Self {
        ScheduleActor {
            mesh: parts.mesh.client(),
            parts: parts.clone(),
            turns: Turns::default(),
            turn: None,
            stepping: false,
            judging: false,
            sampled_at_ms: None,
            failed: BTreeMap::new(),
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now_ms = (self.parts.clock)();
        let snapshot = self.parts.config.catalog();
        let view = self.parts.cluster.borrow().clone();
        let turn = self.turns.look(&view, &snapshot.newest_root, now_ms);
        let sampled = self.sample(&snapshot.catalog, now_ms);
        let scheduled = snapshot.catalog.schedules().next().is_some();
        self.tell_turn(turn, scheduled);
        if !scheduled || self.turn != Some(Turn::Mine) {
            return;
        }
        self.make_due(&snapshot.catalog, now_ms, ctx);
        if sampled {
            let peers = view.live_peers().map(|peer| peer.mesh_addr).collect();
            self.judge(&snapshot.catalog, peers, now_ms, ctx);
        }
    }

    /// Looks at the counters of rising businesses, where it is time to.
    fn sample(&mut self, catalog: &Catalog, now_ms: u64) -> bool {
        let passed_ms = self.sampled_at_ms.map(|at_ms| now_ms.checked_sub(at_ms));
        // A clock that went back must not stop it.
        if passed_ms
            .flatten()
            .is_some_and(|passed_ms| passed_ms < SAMPLE_MS)
        {
            return false;
        }
        self.sampled_at_ms = Some(now_ms);
        let counted = calls::counted(catalog, &self.parts.routing.load());
        self.parts.recent.lock().sample(now_ms, counted);
        true
    }

    /// Logs whose turn it is where that has changed.
    fn tell_turn(&mut self, turn: Turn, scheduled: bool) {
        if self.turn.as_ref() == Some(&turn) {
            return;
        }
        if scheduled {
            match &turn {
                Turn::Mine => tracing::info!("this node sees to the schedules"),
                Turn::Of(node) => tracing::debug!(%node, "another node sees to the schedules"),
                Turn::CatchingUp => {
                    tracing::debug!("the schedules wait until this node has what the others have");
                }
                Turn::FewInSight => tracing::warn!(
                    "fewer than half of the nodes are in sight: the schedules are left to the other side. Where those \
                     nodes are gone for good, forget them: POST /admin/v1/cluster/nodes/{{node}}/forget"
                ),
            }
        }
        self.turn = Some(turn);
    }

    fn make_due(&mut self, catalog: &Catalog, now_ms: u64, ctx: &mut Context<Self>) {
        if self.stepping {
            return;
        }
        self.failed.retain(|_, again_ms| *again_ms > now_ms);
        let due = catalog
            .schedules()
            .filter_map(|schedule| {
                let id = Schedule::object_id(&schedule.business, &schedule.id);
                operation::due_step(catalog, now_ms, &id)
            })
            .filter(|step| !self.failed.contains_key(&step.request));
        let due: Vec<Step> = due.take(STEPS_AT_ONCE).collect();
        if due.is_empty() {
            return;
        }
        self.stepping = true;
        let config = self.parts.config.clone();
        let making = async move {
            let mut failed = Vec::new();
            for step in due {
                let request = step.request.clone();
                if let Err(refusal) = make(&config, step, now_ms).await {
                    tracing::warn!(%refusal, "a scheduled step could not be made; it is tried again");
                    failed.push(request);
                }
            }
            failed
        };
        let made = making
            .into_actor(self)
            .map(move |failed, actor: &mut Self, _| {
                actor.stepping = false;
                let room = FAILED_MAX.saturating_sub(actor.failed.len());
                let again_ms = now_ms.saturating_add(RETRY_MS);
                let failed = failed.into_iter().take(room);
                actor
                    .failed
                    .extend(failed.map(|request| (request, again_ms)));
            });
        ctx.spawn(made);
    }

    /// Asks everybody what becomes of the calls of rising businesses, and does what that says.
    fn judge(
        &mut self,
        catalog: &Catalog,
        peers: Vec<SocketAddr>,
        now_ms: u64,
        ctx: &mut Context<Self>,
    ) {
        let counted = calls::counted(catalog, &self.parts.routing.load());
        let own = self.parts.recent.lock().calls(counted);
        if self.judging || own.is_empty() {
            return;
        }
        self.judging = true;
        let (mesh, config) = (self.mesh.clone(), self.parts.config.clone());
        let judging = async move {
            let (calls, complete) = calls::of_all(&mesh, &peers, own).await;
            let catalog = config.catalog();
            for verdict in verdicts(&catalog.catalog, &calls, complete, now_ms) {
                carry_out(&config, verdict, now_ms).await;
            }
        };
        let judged = judging
            .into_actor(self)
            .map(|(), actor: &mut Self, _| actor.judging = false);
        ctx.spawn(judged);
    }
}

impl Actor for ScheduleActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<Look> for ScheduleActor {
    type Result = bool;

    fn handle(&mut self, _: Look, ctx: &mut Context<Self>) -> bool {
        self.tick(ctx);
        self.stepping || self.judging
    }
}

/// Makes one step, worked out anew on what is configured when it is made: an operator may have been quicker.
async fn make(config: &ConfigHandle, step: Step, now_ms: u64) -> Result<(), Refusal> {
    let id = step.schedule.id.clone();
    let options = written_by(&id, Some(step.request.clone()));
    let made = config.apply(options, move |catalog, _| {
        let due = operation::due_step(catalog, now_ms, &id);
        let due = due.filter(|due| due.request == step.request);
        Ok(due.map_or((Change::default(), None), |due| {
            (due.change, Some(due.what))
        }))
    });
    if let Some(what) = made.await?.value.flatten() {
        tracing::info!("{what}");
    }
    Ok(())
}

async fn carry_out(config: &ConfigHandle, verdict: Verdict, now_ms: u64) {
    let Verdict {
        business,
        schedule,
        act,
    } = verdict;
    let options = written_by(&format!("{business}/{schedule}"), None);
    let what = match &act {
        Act::Pause { why } => format!("Schedule {schedule} of business {business} pauses: {why}"),
        Act::Resume => {
            format!("Schedule {schedule} of business {business} goes on after a quiet time.")
        }
    };
    let made = config.apply(options, move |catalog, context| {
        let context = operation::Context {
            now_ms,
            ..context.clone()
        };
        let change = match &act {
            Act::Pause { why } => {
                operation::pause_for_errors(catalog, &context, &business, &schedule, why)
            }
            Act::Resume => operation::resume_schedule(catalog, &context, &business, &schedule),
        };
        change.map(|change| (change, ()))
    });
    match made.await {
        Ok(_) => tracing::warn!("{what}"),
        // Somebody was quicker, or the store cannot write: looked at again with the next samples.
        Err(refusal) => tracing::debug!(%refusal, "a rise was not paused or let go on"),
    }
}

/// By the schedule itself, which history then names; others get it as any change.
fn written_by(id: &str, request: Option<String>) -> WriteOptions {
    WriteOptions {
        ack: Ack::Local,
        request,
        ..WriteOptions::by(format!("schedule:{id}"))
    }
}
