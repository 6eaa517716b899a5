//! What gateways carry and have left, on this node.

use weir_cluster::ledger::Meter;
use weir_cluster::replication::ConfigSnapshot;

use super::families::{
    Family, GATEWAY_ADMITTED, GATEWAY_BALANCE, GATEWAY_CHARGED, GATEWAY_LIMIT,
    GATEWAY_OVERFLOW_BYTES, GATEWAY_OVERFLOW_CALLS,
};
use super::{AdminState, Page, summed_up};
use crate::config_actor::now_ms;

/// A family, and how its figure is read.
type Column = (&'static Family, fn(&Figures) -> u64);

#[derive(Clone, Copy, Default)]
struct Figures {
    charged_bytes: u64,
    admitted_calls: u64,
    overflow_calls: u64,
    overflow_bytes: u64,
    balance_bytes: i64,
    limit_bytes_per_second: u64,
}

pub fn figures(state: &AdminState, snapshot: &ConfigSnapshot, page: &mut Page) {
    let (table, now_ms) = (state.routing.load(), now_ms());
    let limit = |gateway: &str| {
        let gateway = snapshot.catalog.gateway(gateway);
        gateway.map_or(0, |gateway| gateway.limit_at(now_ms).bytes_per_second())
    };
    let gateways = table.access.gateways.iter().zip(&table.meters);
    let gateways =
        gateways.map(|(gateway, meter)| (gateway.clone(), Figures::of(meter, limit(gateway))));
    let gateways = summed_up(gateways, |sum, other| *sum += other);
    let counters: [Column; 4] = [
        (&GATEWAY_CHARGED, |figures| figures.charged_bytes),
        (&GATEWAY_ADMITTED, |figures| figures.admitted_calls),
        (&GATEWAY_OVERFLOW_CALLS, |figures| figures.overflow_calls),
        (&GATEWAY_OVERFLOW_BYTES, |figures| figures.overflow_bytes),
    ];
    for (family, read) in counters {
        page.family(family);
        for (gateway, figures) in &gateways {
            page.sample(family, &[gateway], read(figures));
        }
    }
    page.family(&GATEWAY_BALANCE);
    for (gateway, figures) in &gateways {
        page.sample(&GATEWAY_BALANCE, &[gateway], figures.balance_bytes);
    }
    page.family(&GATEWAY_LIMIT);
    for (gateway, figures) in &gateways {
        page.sample(&GATEWAY_LIMIT, &[gateway], figures.limit_bytes_per_second);
    }
}

// === impl Figures ===

impl Figures {
    fn of(meter: &Meter, limit_bytes_per_second: u64) -> Self {
        Figures {
            charged_bytes: meter.charged_bytes(),
            admitted_calls: meter.admitted_calls(),
            overflow_calls: meter.overflow_calls(),
            overflow_bytes: meter.overflow_bytes(),
            balance_bytes: meter.balance_bytes(),
            limit_bytes_per_second,
        }
    }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.charged_bytes += other.charged_bytes;
        self.admitted_calls += other.admitted_calls;
        self.overflow_calls += other.overflow_calls;
        self.overflow_bytes += other.overflow_bytes;
        self.balance_bytes = self.balance_bytes.saturating_add(other.balance_bytes);
        let limit = self.limit_bytes_per_second;
        self.limit_bytes_per_second = limit.saturating_add(other.limit_bytes_per_second);
    }
}
