//! RouterActor: compiles the configuration into the table that calls are looked up in, and swaps it whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Message, StreamHandler};
use tokio::sync::watch;
use weir_cluster::ledger::Meter;
use weir_config::access::AccessTable;

use crate::forward::ConfiguredOrigins;
use crate::published::{Changed, changes};
use crate::quota::Metered;
use crate::routing::{RoutingTable, SharedRouting};

/// Least time between two tables: a burst of changes is compiled once.
const PAUSE: Duration = Duration::from_millis(10);

/// Owns the compiled table. A state that cannot be compiled leaves the last table in service.
#[derive(Debug)]
pub struct RouterActor {
    metered: watch::Receiver<Arc<Metered>>,
    routing: SharedRouting,
    base_domain: String,
    /// The root digest of what the table in service was compiled from.
    compiled: Option<String>,
    /// Tables that were replaced while calls looked at them.
    retired: Vec<Arc<RoutingTable>>,
}

/// Answered once a table is in service.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TableInService;

// === impl RouterActor ===

impl RouterActor {
    /// Compiles what comes through `metered`: meters are there before a table names them.
    pub fn new(
        metered: watch::Receiver<Arc<Metered>>,
        routing: SharedRouting,
        base_domain: String,
    ) -> Self {
        RouterActor {
            metered,
            routing,
            base_domain,
            compiled: None,
            retired: Vec::new(),
        }
    }

    fn compile(&mut self) {
        let metered = self.metered.borrow().clone();
        if self.compiled.as_ref() == Some(&metered.config.newest_root) {
            return;
        }
        let began = Instant::now();
        let table = Arc::new(table(&metered, &self.base_domain, &self.routing.load()));
        let gateways = table.meters.len();
        let old = self.routing.swap(table.clone());
        old.origins.retire_all_but(&table.origins);
        self.retire(old);
        self.compiled = Some(metered.config.newest_root.clone());
        tracing::debug!(
            gateways,
            config_root = metered.config.newest_root,
            took_us = began.elapsed().as_micros() as u64,
            "routing table swapped"
        );
    }

    /// Lets go of tables no call looks at any more, here: whoever does it last frees all of a table, and a
    /// link core would stand still for that.
    fn retire(&mut self, old: Arc<RoutingTable>) {
        self.retired.push(old);
        self.retired.retain(|table| Arc::strong_count(table) > 1);
    }
}

/// `before`: the table in service, whose states of origins go on.
fn table(metered: &Metered, base_domain: &str, before: &RoutingTable) -> RoutingTable {
    let access = AccessTable::compile(&metered.config.catalog, base_domain);
    // A gateway without a meter cannot be: where it is, nothing of it is admitted and all overflows.
    let meter = |gateway: &String| {
        metered
            .meters
            .get(gateway)
            .cloned()
            .unwrap_or_else(Meter::new)
    };
    let meters = access.gateways.iter().map(meter).collect();
    let origins = ConfiguredOrigins::compile(&metered.config.catalog, &before.origins);
    RoutingTable::new(access, meters, origins, before)
}

impl Actor for RouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let mut metered = self.metered.clone();
        metered.mark_unchanged();
        self.compile();
        ctx.add_stream(changes(metered, PAUSE));
    }
}

impl Handler<TableInService> for RouterActor {
    type Result = ();

    /// The table was compiled when the actor started, before any message.
    fn handle(&mut self, _: TableInService, _: &mut Context<Self>) {}
}

impl StreamHandler<Changed> for RouterActor {
    fn handle(&mut self, _: Changed, _: &mut Context<Self>) {
        self.compile();
    }

    /// The sender goes with the node; the last table stays.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
