//! What the QuotaActor shows: read by anyone on this node without waiting for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;
use weir_cluster::ledger::{Exceeded, Meter, PARTS};
use weir_cluster::membership::RowChange;
use weir_cluster::replication::ConfigSnapshot;
use weir_config::NodeId;

use super::figures::{OverflowFigures, PackageFigures, PlanFigures, fraction};
use super::gateway::{Board, part_of};
use super::gateways::Boards;
use super::history::SecondFigures;
/// A state of the configuration and the meters of all its gateways: what the RouterActor compiles.
#[derive(Clone, Debug, Default)]
pub struct Metered {
    pub config: Arc<ConfigSnapshot>,
    pub meters: BTreeMap<String, Arc<Meter>>,
}

/// What is wrong with a node that is flagged, for people.
pub const FLAGGED: &str = "it gives away more of a package than it can have, and what it gives is not taken: look at that node, \
     and revoke it if it is not yours any more";

/// Outlives the actor's incarnations.
#[derive(Debug)]
pub(super) struct Shown {
    pub node: NodeId,
    region: String,
    pub metered: watch::Sender<Arc<Metered>>,
    pub boards: ArcSwap<Boards>,
    pub plan: ArcSwap<PlanShown>,
    /// Of the newest incarnation of the actor.
    pub incarnation: AtomicU64,
    /// Keys of rows that are published.
    pub rows: Mutex<BTreeSet<String>>,
    /// What the others said of the plan last: they do not say it again to an incarnation that begins.
    pub heard: Mutex<BTreeMap<(NodeId, String), RowChange>>,
    /// The second that ended last.
    pub second: AtomicU64,
    /// Nodes that give what they cannot have.
    flagged: Mutex<BTreeSet<NodeId>>,
    /// Times a node came among them.
    flagged_total: AtomicU64,
}

/// The mint plan, as it is shown.
#[derive(Debug, Default)]
pub(super) struct PlanShown {
    /// Of [`WHOLE`](weir_cluster::ledger::WHOLE).
    pub share: u64,
    pub minting: bool,
    pub figures: PlanFigures,
}

// === impl Shown ===

impl Shown {
    pub fn new(node: NodeId, region: String) -> Self {
        Shown {
            node,
            region,
            metered: watch::Sender::default(),
            boards: ArcSwap::default(),
            plan: ArcSwap::default(),
            incarnation: AtomicU64::new(0),
            rows: Mutex::default(),
            heard: Mutex::default(),
            second: AtomicU64::new(0),
            flagged: Mutex::default(),
            flagged_total: AtomicU64::new(0),
        }
    }

    /// A gateway's package on this node; `None` for a gateway it does not know.
    pub fn figures(&self, gateway: &str) -> Option<PackageFigures> {
        let boards = self.boards.load();
        let board = boards.get(gateway)?;
        Some(self.of_board(board))
    }

    /// What a gateway used, second by second, the oldest first.
    pub fn history(&self, gateway: &str) -> Option<Vec<SecondFigures>> {
        let boards = self.boards.load();
        let state = boards.get(gateway)?.state.lock();
        Some(state.history.seconds(self.second()))
    }

    /// Shows which nodes give what they cannot have; says of each once that it does.
    pub fn flag(&self, now: BTreeSet<NodeId>) {
        let mut flagged = self.flagged.lock();
        for node in now.difference(&flagged) {
            self.flagged_total.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(peer = %node, "{FLAGGED}");
        }
        *flagged = now;
    }

    pub fn flagged(&self) -> BTreeSet<NodeId> {
        self.flagged.lock().clone()
    }

    pub fn flagged_total(&self) -> u64 {
        self.flagged_total.load(Ordering::Relaxed)
    }

    fn second(&self) -> u64 {
        self.second.load(Ordering::Relaxed)
    }

    fn of_board(&self, board: &Board) -> PackageFigures {
        let plan = self.plan.load();
        let meter = &board.meter;
        let state = board.state.lock();
        let (bytes, requests) = (&state.bytes, state.requests.as_ref());
        let rate = if plan.minting { plan.share } else { 0 };
        let tokens = |parts: u64| parts / PARTS;
        let requests_of = |parts: u64| parts as f64 / PARTS as f64;
        PackageFigures {
            node: self.node.to_string(),
            region: self.region.clone(),
            share: fraction(plan.share),
            minting: plan.minting,
            fenced: plan.figures.fenced.clone(),
            limit: state.limit,
            balance_bytes: meter.balance_bytes(),
            balance_requests: meter.balance_requests(),
            rate_bytes_per_second: part_of(state.limit.bytes_per_second, rate),
            rate_requests_per_second: state.limit.qps.map(|qps| qps as f64 * fraction(rate)),
            refill_bytes_per_second: tokens(bytes.refill_per_second),
            refill_requests_per_second: requests
                .map(|ledger| requests_of(ledger.refill_per_second)),
            demand_bytes_per_second: tokens(bytes.demand_per_second),
            demand_requests_per_second: requests
                .map(|ledger| requests_of(ledger.demand_per_second)),
            need_bytes: tokens(bytes.need),
            surplus_bytes: tokens(bytes.surplus),
            minted_bytes: tokens(bytes.minted_total),
            given_bytes: tokens(bytes.given_total),
            received_bytes: tokens(bytes.received_total),
            lost_bytes: tokens(bytes.lost_total),
            charged_bytes: meter.charged_bytes(),
            admitted_calls: meter.admitted_calls(),
            overflow: OverflowFigures {
                calls: meter.overflow_calls(),
                bytes: meter.overflow_bytes(),
                package_qps: meter.refused_calls(Exceeded::Qps),
                package_bandwidth: meter.refused_calls(Exceeded::Bandwidth),
            },
            used: state.history.figures(self.second()),
        }
    }
}
