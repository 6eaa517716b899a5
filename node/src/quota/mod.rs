//! QuotaActor: a meter for every gateway, and what is minted into it.
//!
//! Today one node alone: each meter gets the whole rate of its package. The ledger over all regions
//! (`QUOTA.md`) will mint in its place.

mod allowance;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, StreamHandler};
use tokio::sync::watch;
use weir_cluster::ledger::Meter;
use weir_cluster::replication::{ConfigSnapshot, SharedSnapshot};

use crate::published::{Changed, changes};
use allowance::Allowances;

/// Time between two mints.
const MINT_INTERVAL: Duration = Duration::from_millis(20);

/// A state of the configuration and the meters of all its gateways: what the RouterActor compiles.
#[derive(Clone, Debug, Default)]
pub struct Metered {
    pub config: Arc<ConfigSnapshot>,
    pub meters: BTreeMap<String, Arc<Meter>>,
}

/// Owns the meters' figures. Meters outlive it: the next incarnation goes on with the published ones.
#[derive(Debug)]
pub struct QuotaActor {
    snapshot: SharedSnapshot,
    changed: watch::Receiver<u64>,
    published: Arc<watch::Sender<Arc<Metered>>>,
    allowances: Allowances,
    minted_at: Instant,
}

// === impl QuotaActor ===

impl QuotaActor {
    /// `changed` tells of every new snapshot; meters are given out through `published`.
    pub fn new(
        snapshot: SharedSnapshot,
        changed: watch::Receiver<u64>,
        published: Arc<watch::Sender<Arc<Metered>>>,
    ) -> Self {
        let meters = published.borrow().meters.clone();
        QuotaActor {
            snapshot,
            changed,
            published,
            allowances: Allowances::of_meters(meters),
            minted_at: Instant::now(),
        }
    }

    fn take_config(&mut self) {
        let config = self.snapshot.load_full();
        let packages = config
            .catalog
            .gateways()
            .map(|gateway| (gateway.id.as_str(), gateway.package));
        self.allowances.set_packages(packages);
        let meters = self.allowances.meters();
        self.published
            .send_replace(Arc::new(Metered { config, meters }));
    }

    fn mint(&mut self) {
        let now = Instant::now();
        self.allowances.mint(now.duration_since(self.minted_at));
        self.minted_at = now;
    }
}

impl Actor for QuotaActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let mut changed = self.changed.clone();
        changed.mark_unchanged();
        self.take_config();
        ctx.add_stream(changes(changed, Duration::ZERO));
        ctx.run_interval(MINT_INTERVAL, |actor, _| actor.mint());
    }
}

impl StreamHandler<Changed> for QuotaActor {
    fn handle(&mut self, _: Changed, _: &mut Context<Self>) {
        self.take_config();
    }

    /// The sender goes with the node; until then minting goes on.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
