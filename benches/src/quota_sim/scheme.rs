//! The schemes side by side: ours, and what others do. Each is one node's limiter for one gateway.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use weir_cluster::ledger::{Entry, GatewayRow, Incarnation, Ledger, PARTS, Purse, Terms, WHOLE};
use weir_cluster::plan::{MintRow, Plan};

/// Which scheme a cluster runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// Minted tokens, donated through counters that only grow: the real [`Ledger`].
    Weir,
    /// L/n for each node, for ever.
    StaticSplit,
    /// One bucket of one burst that all nodes ask without any delay: what cannot be had, to compare with.
    Central,
    /// Each node counts alone with all of L: nginx, Traefik in memory, Kong and APISIX `local`.
    PerNode,
    /// Each node announces its demand and takes its part of L by it: flow proportional share
    /// (Raghavan et al., "Cloud Control with Distributed Rate Limiting", SIGCOMM 2007), Tyk.
    Rates,
}

/// What a node publishes.
#[derive(Clone, PartialEq, Debug)]
pub enum Payload {
    Entry {
        incarnation: Incarnation,
        entry: Entry,
        bytes: usize,
    },
    /// Demand in parts a second.
    Rate(u64),
    /// A node's row in the mint plan.
    Mint {
        row: MintRow,
        bytes: usize,
    },
    Plan {
        plan: Arc<Plan>,
        bytes: usize,
    },
}

/// One node's limiter.
#[derive(Debug)]
pub struct Limiter {
    pub purse: Cell<i64>,
    pub incarnation: Incarnation,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Ledger(Box<Ledger>),
    /// A bucket that fills with `share` of L, up to a burst of that.
    Bucket {
        share: u64,
        carried: f64,
        limit: u64,
    },
    Rates {
        limit: u64,
        nodes: u64,
        fraction: f64,
        rate: f64,
        carried: f64,
    },
}

// === impl Scheme ===

impl Scheme {
    pub const ALL: [Scheme; 5] = [
        Scheme::Weir,
        Scheme::Central,
        Scheme::StaticSplit,
        Scheme::PerNode,
        Scheme::Rates,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Scheme::Weir => "weir",
            Scheme::StaticSplit => "static split",
            Scheme::Central => "one bucket",
            Scheme::PerNode => "per node",
            Scheme::Rates => "rates by gossip",
        }
    }

    pub fn gossips(self) -> bool {
        matches!(self, Scheme::Weir | Scheme::Rates)
    }
}

// === impl Payload ===

impl Payload {
    pub fn text_bytes(&self) -> usize {
        match self {
            Payload::Entry { bytes, .. }
            | Payload::Mint { bytes, .. }
            | Payload::Plan { bytes, .. } => *bytes,
            Payload::Rate(_) => 12,
        }
    }

    fn entry(incarnation: Incarnation, entry: Entry) -> Self {
        let row = GatewayRow {
            incarnation,
            bytes: Some(entry.clone()),
            requests: None,
        };
        Payload::Entry {
            incarnation,
            entry,
            bytes: row.encode().len(),
        }
    }
}

// === impl Limiter ===

impl Limiter {
    /// `limit` in bytes a second; buckets of the others begin full, as theirs do.
    pub fn new(
        scheme: Scheme,
        incarnation: Incarnation,
        terms: Terms,
        limit: u64,
        nodes: usize,
    ) -> Self {
        let equal = WHOLE / nodes as u64;
        let bucket = |share| Kind::Bucket {
            share,
            carried: 0.0,
            limit,
        };
        let parts = (limit * PARTS) as i64;
        let (kind, purse) = match scheme {
            Scheme::Weir => (
                Kind::Ledger(Box::new(Ledger::new(incarnation, terms, limit))),
                0,
            ),
            Scheme::StaticSplit => (bucket(equal), parts / nodes as i64),
            Scheme::PerNode | Scheme::Central => (bucket(WHOLE), parts),
            Scheme::Rates => {
                let nodes = nodes as u64;
                let fraction = 1.0 / nodes as f64;
                let kind = Kind::Rates {
                    limit,
                    nodes,
                    fraction,
                    rate: 0.0,
                    carried: 0.0,
                };
                (kind, parts / nodes as i64)
            }
        };
        Limiter {
            purse: Cell::new(purse),
            incarnation,
            kind,
        }
    }

    pub fn ledger(&self) -> Option<&Ledger> {
        match &self.kind {
            Kind::Ledger(ledger) => Some(ledger),
            _ => None,
        }
    }

    /// Mints; `share` is the mint plan's, which only our scheme asks for.
    pub fn mint(&mut self, share: u64, elapsed: Duration) {
        let (fraction, limit, carried) = match &mut self.kind {
            Kind::Ledger(ledger) => {
                ledger.mint(&self.purse, share, elapsed);
                return;
            }
            Kind::Bucket {
                share,
                carried,
                limit,
            } => (*share as f64 / WHOLE as f64, *limit, carried),
            Kind::Rates {
                fraction,
                limit,
                carried,
                ..
            } => (*fraction, *limit, carried),
        };
        let rate = fraction * (limit * PARTS) as f64;
        *carried += rate * elapsed.as_secs_f64();
        let whole = carried.floor();
        *carried -= whole;
        self.purse.add_up_to(whole as u64, rate as u64);
    }

    /// A row of a peer has come.
    pub fn hear(&mut self, row: &Payload) {
        if let (
            Kind::Ledger(ledger),
            Payload::Entry {
                incarnation, entry, ..
            },
        ) = (&mut self.kind, row)
        {
            ledger.credit(&self.purse, *incarnation, entry);
        }
    }

    /// A turn; `offered` in parts since the last one. Returns what to publish.
    pub fn turn(
        &mut self,
        now: Duration,
        share: u64,
        offered: u64,
        interval: Duration,
        peers: &[&Payload],
    ) -> Option<Payload> {
        match &mut self.kind {
            Kind::Ledger(ledger) => {
                let rows: Vec<_> = peers.iter().filter_map(|row| entry_of(row)).collect();
                let turn = ledger.turn(&self.purse, now, share, offered, &rows);
                turn.entry
                    .map(|entry| Payload::entry(self.incarnation, entry))
            }
            Kind::Bucket { .. } => None,
            Kind::Rates {
                nodes,
                fraction,
                rate,
                ..
            } => {
                // EWMA of the demand, as in the paper (0.1 of the newest sample), here 0.15 as ours.
                *rate = *rate * 0.85 + 0.15 * offered as f64 / interval.as_secs_f64();
                let others: f64 = peers
                    .iter()
                    .map(|row| match row {
                        Payload::Rate(rate) => *rate as f64,
                        _ => 0.0,
                    })
                    .sum();
                let all = *rate + others;
                *fraction = if all < 1.0 {
                    1.0 / *nodes as f64
                } else {
                    *rate / all
                };
                Some(Payload::Rate(*rate as u64))
            }
        }
    }

    pub fn runs_dry(&self, now: Duration) -> bool {
        self.ledger()
            .is_some_and(|ledger| ledger.runs_dry(&self.purse, now))
    }

    pub fn can_help(&self, now: Duration, row: &Payload) -> bool {
        match (self.ledger(), entry_of(row)) {
            (Some(ledger), Some((peer, entry))) => ledger.can_help(&self.purse, now, peer, entry),
            _ => false,
        }
    }
}

fn entry_of(row: &Payload) -> Option<(Incarnation, &Entry)> {
    match row {
        Payload::Entry {
            incarnation, entry, ..
        } => Some((*incarnation, entry)),
        _ => None,
    }
}
