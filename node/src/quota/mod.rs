//! QuotaActor: a meter for every gateway, and this node's part of what is minted into them.
//!
//! It drives the ledgers and the mint plan of `weir_cluster` over membership: mints every 20 ms for the
//! gateways that are used, takes a turn of their ledgers every gossip interval, publishes the rows, and keeps
//! the plan on disk before anyone hears of it. A gateway that nobody uses costs a look at its meter.
//! Source: `QUOTA.md`.

mod beginning;
mod clock;
mod figures;
mod gateway;
mod gateways;
mod handle;
mod history;
mod parts;
mod peers;
mod planning;
mod shares;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, StreamHandler, WrapFuture,
};
use weir_cluster::membership::MembershipHandle;
use weir_cluster::plan::ForgetError;
use weir_config::NodeId;
use weir_config::object::Gateway;

use crate::config_actor::now_ms;
use crate::published::{Changed, changes};
use beginning::Beginning;
use gateways::{Gateways, RowsToPublish};
use handle::{Forget, Leave, Started};
use planning::{Keeping, Planning, Step};
use shown::PlanShown;

pub use figures::{
    FencedFigures, LimitFigures, MemberFigures, OverflowFigures, PackageFigures, PlanFigures,
};
pub use handle::{ForgetRefusal, QuotaHandle};
pub use history::{HISTORY_SECONDS, SecondFigures, UseFigures, UsedFigures};
pub use parts::QuotaParts;
pub use planning::MINT_PLAN;
pub use shown::{FLAGGED, Metered};

/// Time between two mints.
const MINT_INTERVAL: Duration = Duration::from_millis(20);

/// Owns the ledgers. Meters and history outlive it; what they held does not: an incarnation begins at zero.
pub struct QuotaActor {
    parts: QuotaParts,
    planning: Planning,
    gateways: Gateways,
    /// Rows that wait for membership to be there.
    waiting: RowsToPublish,
    /// On the clock of minting: up to here it has minted.
    minted_to: Duration,
    turn_at: Duration,
    /// The second under way.
    second: u64,
    started_at: Duration,
    /// When the limits of all gateways were last looked at, milliseconds since 1970-01-01 UTC.
    limits_looked_at_ms: u64,
    view: Option<ViewReceiver>,
    beginning: Beginning,
}

/// What came of what the others said.
#[derive(Default)]
struct Heard {
    /// Gateways that should have their turn now, and the nodes that are in need.
    helped: Vec<(String, NodeId)>,
    /// The plan may have changed.
    planned: bool,
}

type ViewReceiver = tokio::sync::watch::Receiver<Arc<weir_cluster::membership::ClusterView>>;

/// The limit of a gateway's package, with the elastic packs that are in force.
fn limit_of(gateway: &Gateway, now_ms: u64) -> LimitFigures {
    let limit = gateway.limit_at(now_ms);
    LimitFigures {
        bytes_per_second: limit.bytes_per_second(),
        qps: limit.qps,
    }
}

// === impl QuotaActor ===

impl QuotaActor {
    /// An incarnation: what is on disk of the plan, what is published of the gateways, and nothing to spend.
    pub fn new(parts: &QuotaParts) -> Self {
        let now = clock::now();
        let planning = Planning::new(parts, now);
        QuotaActor {
            gateways: Gateways::new(parts.node.clone(), planning.incarnation, parts.terms),
            planning,
            waiting: RowsToPublish::new(),
            minted_to: now,
            turn_at: now,
            second: 0,
            started_at: now,
            limits_looked_at_ms: 0,
            view: None,
            beginning: Beginning::new(&parts.known),
            parts: parts.clone(),
        }
    }

    /// Takes the configuration: meters are there before a table names them.
    fn take_config(&mut self) {
        let shown = self.parts.shown.clone();
        let config = self.parts.snapshot.load_full();
        self.limits_looked_at_ms = now_ms();
        let at = self.limits_looked_at_ms;
        let limits = config
            .catalog
            .gateways()
            .map(|gateway| (gateway.id.as_str(), limit_of(gateway, at)));
        let (boards, ended) = self
            .gateways
            .set_limits(limits, &shown.boards.load(), clock::now());
        shown.boards.store(Arc::new(boards));
        self.publish(ended, false);
        let meters = self.gateways.meters();
        shown
            .metered
            .send_replace(Arc::new(Metered { config, meters }));
    }

    /// Elastic packs begin and end by time alone.
    fn look_at_limits(&mut self) {
        let config = self.parts.snapshot.load_full();
        let at = now_ms();
        for gateway in config.catalog.gateways() {
            let limit = limit_of(gateway, at);
            if limit != limit_of(gateway, self.limits_looked_at_ms) {
                self.gateways.set_limit(&gateway.id, limit);
            }
        }
        self.limits_looked_at_ms = at;
    }

    /// Every 20 ms: mints, hears the others, takes the turns that are due.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        self.mint(now);
        let membership = self.membership();
        let Heard { helped, planned } = self.hear(membership.as_ref(), now);
        let due = now >= self.turn_at;
        if due || planned {
            self.plan(now, ctx);
        }
        if due {
            // Turns that were missed are not made up for: a turn covers the time since the one before.
            self.turn_at = (self.turn_at + self.parts.terms.interval).max(now);
            let rows = self.gateways.turn(now);
            self.publish(rows, false);
        } else {
            let dry = self.gateways.running_dry(now);
            let rows = self.gateways.turn_early(&dry, now);
            self.publish(rows, true);
            let helping: Vec<String> = helped.iter().map(|(id, _)| id.clone()).collect();
            let rows = self.gateways.turn_early(&helping, now);
            self.publish(rows, false);
        }
        if let Some(membership) = membership.filter(|_| !helped.is_empty()) {
            // What is given is for those in need: the others hear of it in time.
            membership.push_to(helped.into_iter().map(|(_, node)| node));
        }
        let second = now.saturating_sub(self.started_at).as_secs();
        if second != self.second {
            self.second = second;
            self.end_second(now);
        }
    }

    fn mint(&mut self, now: Duration) {
        let window = self.planning.mint_window(self.minted_to, now);
        self.minted_to = now;
        self.gateways.mint(window);
    }

    fn membership(&mut self) -> Option<MembershipHandle> {
        let membership = self.parts.membership.borrow().clone()?;
        if self.view.is_none() {
            self.view = Some(membership.view());
            let waiting = std::mem::take(&mut self.waiting);
            membership.publish_rows(waiting, false);
        }
        Some(membership)
    }

    /// Takes what the others say.
    fn hear(&mut self, membership: Option<&MembershipHandle>, now: Duration) -> Heard {
        let mut heard = Heard::default();
        let Some(membership) = membership else {
            return heard;
        };
        if let Some(view) = &mut self.view
            && view.has_changed().unwrap_or(false)
        {
            let view = view.borrow_and_update();
            let live: BTreeSet<_> = view.live_peers().map(|node| node.id.clone()).collect();
            self.gateways.peers.set_live(live.clone());
            self.planning.set_live(live, now);
            heard.planned = true;
        }
        for change in membership.take_rows() {
            if self.planning.hear(&change, now) {
                heard.planned = true;
            } else {
                heard.helped.extend(self.gateways.hear(&change, now));
            }
        }
        heard
    }

    /// Lets the planner do what there is to do. What has to be on disk first is written beside this thread.
    fn plan(&mut self, now: Duration, ctx: &mut Context<Self>) {
        let step = self.planning.step(now);
        if let Some(keep) = step.keep {
            self.keep(keep, ctx);
        }
        self.after_plan(step.rows, step.push, now);
    }

    fn keep(&mut self, keep: Keeping, ctx: &mut Context<Self>) {
        let writing = tokio::task::spawn_blocking(move || keep.write());
        let written = writing.into_actor(self).map(|written, actor, ctx| {
            let now = clock::now();
            // Minted under the share before.
            actor.mint(now);
            // A writer that panicked has written nothing that counts.
            if actor.planning.written(written.unwrap_or(Ok(false))) {
                actor.plan(now, ctx);
            }
        });
        ctx.spawn(written);
    }

    fn after_plan(&mut self, rows: RowsToPublish, push: bool, now: Duration) {
        let share = self.planning.share();
        let changed = share != self.gateways.share();
        self.gateways.set_share(share, now);
        self.gateways.shares.take(self.planning.plan(), now);
        self.publish(rows, push);
        if changed || push {
            self.show_plan(now);
        }
    }

    fn show_plan(&self, now: Duration) {
        let status = self.planning.status(now);
        let figures = PlanFigures::of(&status, now, now_ms());
        self.parts.shown.plan.store(Arc::new(PlanShown {
            share: status.share,
            minting: status.share > 0 && status.fenced.is_none(),
            figures,
        }));
    }

    fn publish(&mut self, rows: RowsToPublish, push: bool) {
        if rows.is_empty() {
            return;
        }
        let mut published = self.parts.shown.rows.lock();
        for (key, value) in &rows {
            match value {
                Some(_) => _ = published.insert(key.clone()),
                None => _ = published.remove(key),
            }
        }
        drop(published);
        match (&self.view, self.parts.membership.borrow().as_ref()) {
            (Some(_), Some(membership)) => membership.publish_rows(rows, push),
            _ => self.waiting.extend(rows),
        }
    }

    /// Where nobody has a plan, somebody has to begin one.
    fn begin_late(&mut self, now: Duration) {
        let Some(view) = &self.view else { return };
        let planning = &self.planning;
        let (patience, view) = (self.parts.plan_terms.fence, view.borrow());
        let due = !planning.has_plan()
            && self
                .beginning
                .is_due(now, patience, &view, |node| planning.is_without_plan(node));
        drop(view);
        if due {
            self.planning.begin(self.parts.plan_terms, now);
        }
    }

    fn end_second(&mut self, now: Duration) {
        self.look_at_limits();
        self.begin_late(now);
        self.gateways.end_second(self.second);
        self.parts.shown.flag(self.gateways.flagged());
        self.parts
            .shown
            .second
            .store(self.second, Ordering::Relaxed);
        self.show_plan(now);
    }
}

impl Actor for QuotaActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let mut changed = self.parts.changed.clone();
        changed.mark_unchanged();
        // Rows of the incarnation before are not this one's.
        let before = std::mem::take(&mut *self.parts.shown.rows.lock());
        let ended = before.into_iter().map(|key| (key, None)).collect();
        if self.membership().is_some() {
            self.publish(ended, false);
        }
        let now = clock::now();
        self.planning.hear_again(now);
        let Step { rows, push, .. } = self.planning.settle(now);
        self.after_plan(rows, push, now);
        self.show_plan(now);
        self.take_config();
        ctx.add_stream(changes(changed, Duration::ZERO));
        ctx.run_interval(MINT_INTERVAL, QuotaActor::tick);
    }
}

impl StreamHandler<Changed> for QuotaActor {
    fn handle(&mut self, _: Changed, _: &mut Context<Self>) {
        self.take_config();
    }

    /// The sender goes with the node; until then minting goes on.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl Handler<Started> for QuotaActor {
    type Result = ();

    /// All was done when the actor started, before any message.
    fn handle(&mut self, _: Started, _: &mut Context<Self>) {}
}

impl Handler<Forget> for QuotaActor {
    type Result = MessageResult<Forget>;

    fn handle(&mut self, Forget(node): Forget, ctx: &mut Context<Self>) -> Self::Result {
        let now = clock::now();
        self.mint(now);
        // Whoever asks has just seen the node dead, perhaps between two ticks of this actor.
        let membership = self.membership();
        self.hear(membership.as_ref(), now);
        let forgotten: Result<(), ForgetError> = self.planning.forget(&node);
        self.plan(now, ctx);
        MessageResult(forgotten)
    }
}

#[cfg(test)]
impl Handler<handle::Break> for QuotaActor {
    type Result = ();

    fn handle(&mut self, _: handle::Break, _: &mut Context<Self>) {
        panic!("broken on purpose");
    }
}

impl Handler<Leave> for QuotaActor {
    type Result = ();

    fn handle(&mut self, _: Leave, _: &mut Context<Self>) {
        let now = clock::now();
        self.mint(now);
        let membership = self.membership();
        self.hear(membership.as_ref(), now);
        self.planning.leave();
        let Step { rows, .. } = self.planning.settle(now);
        self.after_plan(rows, false, now);
        // The share is gone: what was minted with it goes to the others.
        let rows = self.gateways.give_all(now);
        self.publish(rows, true);
    }
}
