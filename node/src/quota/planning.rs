//! This node's part in the mint plan: the planner, what it keeps on disk, what it publishes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use weir_cluster::membership::RowChange;
use weir_cluster::plan::{ForgetError, Kept, MintRow, Plan, PlanStatus, PlanTerms, Planner};
use weir_config::NodeId;

use super::gateways::RowsToPublish;
use super::parts::QuotaParts;
use super::shown::Shown;
use crate::config_actor::{SharedStore, now_ms};
use crate::store::{Store, StoreError};

/// The fact in the store that holds what the planner must not forget.
pub const MINT_PLAN: &str = "mint_plan";
/// The fact in the store that names the last incarnation, which every later one is above.
const INCARNATION: &str = "mint_incarnation";

const MINT_KEY: &str = "mint";
const PLAN_KEY: &str = "plan";

/// The planner and the disk and the gossip round it.
#[derive(Debug)]
pub(super) struct Planning {
    planner: Planner,
    pub incarnation: u64,
    store: SharedStore,
    shown: Arc<Shown>,
    /// The disk is being written: the planner rests until it is.
    keeping: bool,
    /// The disk took nothing the last time.
    refused: bool,
    /// What others see.
    mint: Option<String>,
    agreed: bool,
    /// When the row is published again without news.
    mint_due: Duration,
    echo_interval: Duration,
    plan: Option<Arc<Plan>>,
    /// The other nodes that are there.
    live: BTreeSet<NodeId>,
    /// Nodes that have said that they know of no plan.
    without_plan: BTreeSet<NodeId>,
    /// The plan that the others were told at once.
    told: Option<(Option<u64>, bool, bool)>,
}

/// What a step of the planner asks for.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub rows: RowsToPublish,
    /// The others should hear of it at once.
    pub push: bool,
    /// To be written; then [`Planning::written`].
    pub keep: Option<Keeping>,
}

/// What is to be on disk before it is published.
#[derive(Debug)]
pub(super) struct Keeping {
    text: String,
    incarnation: u64,
    store: SharedStore,
    shown: Arc<Shown>,
}

// === impl Planning ===

impl Planning {
    /// Begins with what is on disk. From now on no earlier incarnation writes any more.
    pub fn new(parts: &QuotaParts, now: Duration) -> Self {
        let shown = parts.shown.clone();
        let mut store = parts.store.lock();
        let kept = kept(&store, &parts.node);
        let before = store.fact(INCARNATION).ok().flatten();
        let before = before.and_then(|text| text.parse().ok()).unwrap_or(0);
        let before = before
            .max(kept.as_ref().map_or(0, |kept: &Kept| kept.memory))
            .max(shown.incarnation.load(Ordering::Acquire));
        let incarnation = now_ms().max(before + 1);
        shown.incarnation.store(incarnation, Ordering::Release);
        note_incarnation(&mut store, incarnation);
        drop(store);
        let begins = parts.begins && kept.is_none();
        let (node, terms) = (parts.node.clone(), parts.plan_terms);
        Planning {
            planner: Planner::new(node, incarnation, kept, terms, begins, now),
            incarnation,
            store: parts.store.clone(),
            shown,
            keeping: false,
            refused: false,
            mint: None,
            agreed: false,
            mint_due: now,
            echo_interval: terms.fence / 20,
            plan: None,
            live: BTreeSet::new(),
            without_plan: BTreeSet::new(),
            told: None,
        }
    }

    /// Begins a plan, since nobody has one.
    pub fn begin(&mut self, terms: PlanTerms, now: Duration) {
        if self.has_plan() || self.keeping {
            return;
        }
        tracing::warn!("no node knows of a mint plan: this one begins one");
        // To the others it is a planner that starts.
        self.incarnation += 1;
        self.shown
            .incarnation
            .store(self.incarnation, Ordering::Release);
        note_incarnation(&mut self.store.lock(), self.incarnation);
        let node = self.shown.node.clone();
        self.planner = Planner::new(node, self.incarnation, None, terms, true, now);
        self.planner.set_live(now, self.live.clone());
        self.hear_again(now);
    }

    /// Whether this node has seen a plan.
    pub fn has_plan(&self) -> bool {
        self.told.is_some_and(|(epoch, _, _)| epoch.is_some())
    }

    /// Whether a node has said that it knows of no plan.
    pub fn is_without_plan(&self, node: &NodeId) -> bool {
        self.without_plan.contains(node)
    }

    /// Takes what a peer says of the plan; whether it was about the plan at all.
    pub fn hear(&mut self, change: &RowChange, now: Duration) -> bool {
        let known = self.take(change, now);
        if known {
            let place = (change.node.clone(), change.key.clone());
            let mut heard = self.shown.heard.lock();
            match change.value {
                Some(_) => _ = heard.insert(place, change.clone()),
                None => _ = heard.remove(&place),
            }
        }
        known
    }

    /// Takes what an earlier incarnation has heard.
    pub fn hear_again(&mut self, now: Duration) {
        let heard: Vec<RowChange> = self.shown.heard.lock().values().cloned().collect();
        for change in &heard {
            self.take(change, now);
        }
    }

    fn take(&mut self, change: &RowChange, now: Duration) -> bool {
        match (change.key.as_str(), &change.value) {
            (MINT_KEY, Some(text)) => match MintRow::decode(text) {
                Ok(row) => {
                    match row.seen {
                        None => _ = self.without_plan.insert(change.node.clone()),
                        Some(_) => _ = self.without_plan.remove(&change.node),
                    }
                    self.planner.hear(now, &change.node, row);
                }
                Err(error) => {
                    tracing::debug!(node = %change.node, %error, "a mint row is not taken")
                }
            },
            (PLAN_KEY, Some(text)) => match Plan::decode(text) {
                Ok(plan) => self.planner.hear_plan(plan),
                Err(error) => {
                    tracing::warn!(node = %change.node, %error, "a mint plan is not taken")
                }
            },
            (MINT_KEY, None) => _ = self.without_plan.remove(&change.node),
            (PLAN_KEY, None) => {}
            _ => return false,
        }
        true
    }

    pub fn set_live(&mut self, live: BTreeSet<NodeId>, now: Duration) {
        self.live.clone_from(&live);
        self.planner.set_live(now, live);
    }

    /// The newest plan this node tells of.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// What this node mints of every limit.
    pub fn share(&self) -> u64 {
        self.planner.share()
    }

    /// Of a time that has passed, what lay within the mint lease.
    pub fn mint_window(&self, from: Duration, to: Duration) -> Duration {
        self.planner.mint_window(from, to)
    }

    /// Lets the planner do what there is to do, up to the next thing that has to be on disk first.
    pub fn step(&mut self, now: Duration) -> Step {
        let mut step = Step::default();
        if !self.keeping
            && let Some(kept) = self.planner.tick(now).keep
        {
            self.keeping = true;
            step.keep = Some(Keeping {
                text: kept_text(self.planner_node(), &kept),
                incarnation: self.incarnation,
                store: self.store.clone(),
                shown: self.shown.clone(),
            });
        }
        self.publish(now, &mut step);
        step
    }

    /// What was asked to be kept is on disk, or is not. Whether there may be more to do at once.
    pub fn written(&mut self, written: Result<bool, StoreError>) -> bool {
        self.keeping = false;
        match written {
            Ok(true) => {
                self.refused = false;
                self.planner.kept();
                true
            }
            Ok(false) => false,
            Err(error) => {
                if !std::mem::replace(&mut self.refused, true) {
                    tracing::error!(%error, "the mint plan stays as it is: the store does not keep a new one");
                }
                false
            }
        }
    }

    /// Does all there is to do, waiting for the disk.
    pub fn settle(&mut self, now: Duration) -> Step {
        let mut all = Step::default();
        for _ in 0..SETTLING_STEPS {
            let step = self.step(now);
            all.rows.extend(step.rows);
            all.push |= step.push;
            let more = step.keep.is_some_and(|keep| self.written(keep.write()));
            if !more {
                break;
            }
        }
        all
    }

    fn publish(&mut self, now: Duration, step: &mut Step) {
        let row = self.planner.row(now);
        let news = (row.seen.as_ref().map(|id| id.epoch), row.complete, row.left);
        let is_news = self.told != Some(news);
        if is_news {
            step.push = self.told.is_some();
            self.told = Some(news);
        }
        // Echoes change with every word of every node: without news they are told twice as often as counters.
        if is_news || row.agreed != self.agreed || now >= self.mint_due {
            self.agreed = row.agreed;
            self.mint_due = now + self.echo_interval;
            let row = Some(row.encode());
            if row != self.mint {
                step.rows.push((MINT_KEY.to_owned(), row.clone()));
                self.mint = row;
            }
        }
        let plan = self.planner.document();
        if plan != self.plan {
            let text = plan.as_ref().map(|plan| plan.encode());
            step.rows.push((PLAN_KEY.to_owned(), text));
            self.plan = plan;
        }
    }

    /// Gives up the share for as long as the node runs.
    pub fn leave(&mut self) {
        self.planner.leave();
    }

    pub fn forget(&mut self, node: &NodeId) -> Result<(), ForgetError> {
        self.planner.forget(node)
    }

    pub fn status(&self, now: Duration) -> PlanStatus {
        self.planner.status(now)
    }

    fn planner_node(&self) -> &NodeId {
        &self.shown.node
    }
}

/// The most things that are kept one after the other.
const SETTLING_STEPS: usize = 8;

// === impl Keeping ===

impl Keeping {
    /// Writes it. Not where a later incarnation of the actor has begun, which then knows better.
    pub fn write(self) -> Result<bool, StoreError> {
        let mut store = self.store.lock();
        if self.shown.incarnation.load(Ordering::Acquire) != self.incarnation {
            return Ok(false);
        }
        store.set_fact(MINT_PLAN, &self.text).map(|()| true)
    }
}

fn note_incarnation(store: &mut Store, incarnation: u64) {
    if let Err(error) = store.set_fact(INCARNATION, &incarnation.to_string()) {
        tracing::error!(%error, "the store does not keep the incarnation; the clock must not go back");
    }
}

/// What is kept names its node: a store that was another's before says nothing of this one.
fn kept_text(node: &NodeId, kept: &Kept) -> String {
    format!("{node} {}", kept.encode())
}

/// What the store has kept for this node. A store that is damaged makes the node one that lost its memory,
/// which the plan counts as another node.
fn kept(store: &Store, node: &NodeId) -> Option<Kept> {
    let text = match store.fact(MINT_PLAN) {
        Ok(text) => text?,
        Err(error) => {
            tracing::error!(%error, "the store does not give the mint plan back; this node begins without memory of it");
            return None;
        }
    };
    let (owner, kept) = text.split_once(' ')?;
    if owner != node.as_str() {
        return None;
    }
    match Kept::decode(kept) {
        Ok(kept) => Some(kept),
        Err(error) => {
            tracing::error!(%error, "the mint plan in the store cannot be read; this node begins without memory of it");
            None
        }
    }
}
