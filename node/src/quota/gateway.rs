//! One gateway's package on this node: a ledger for each resource, and the meter that calls charge.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use weir_cluster::ledger::{
    Audit, CallSize, Entry, Figures, GatewayRow, Giver, Hints, Incarnation, Ledger, Meter, Offered,
    PARTS, Purse, Terms, Turn, WHOLE, gateway_key,
};
use weir_config::NodeId;

use super::figures::LimitFigures;
use super::history::History;
use super::peers::PeerRows;

/// How long a gateway stays awake after something happened to it that is no demand.
const AWAKE: Duration = Duration::from_secs(1);

/// What outlives the actor's incarnations, and what others on this node read.
#[derive(Debug)]
pub(super) struct Board {
    pub meter: Arc<Meter>,
    pub state: Mutex<BoardState>,
}

/// Where a gateway stood at its last turn.
#[derive(Debug)]
pub(super) struct BoardState {
    pub limit: LimitFigures,
    pub bytes: Figures,
    pub requests: Option<Figures>,
    pub history: History,
}

/// A gateway as its node's incarnation has it.
#[derive(Debug)]
pub(super) struct Gateway {
    pub key: String,
    pub board: Arc<Board>,
    me: Incarnation,
    terms: Terms,
    limit: LimitFigures,
    bytes: Ledger,
    /// Stays when the limit on requests goes: what it was given must not be credited twice when it is back.
    requests: Option<Ledger>,
    /// Whether what others give is theirs to give: bytes, requests.
    audits: [Audit; 2],
    size: CallSize,
    /// Of the meter, at the last turn.
    offered: Offered,
    /// The time of minting up to which it has minted.
    minted_to: Duration,
    awake_to: Duration,
    /// The row that others see.
    published: Option<String>,
}

// === impl Board ===

impl Board {
    pub fn new(limit: LimitFigures) -> Arc<Self> {
        let meter = Meter::new();
        Arc::new(Board {
            state: Mutex::new(BoardState {
                limit,
                bytes: Figures::default(),
                requests: None,
                history: History::since(&meter),
            }),
            meter,
        })
    }
}

// === impl Gateway ===

impl Gateway {
    /// A gateway that holds nothing: what an earlier incarnation had is lost, its debt is not.
    pub fn new(
        id: &str,
        me: Incarnation,
        terms: Terms,
        limit: LimitFigures,
        board: Arc<Board>,
        minted_to: Duration,
    ) -> Self {
        let meter = &board.meter;
        for purse in [meter.bytes(), meter.requests()] {
            purse.trim(0);
        }
        let mut gateway = Gateway {
            key: gateway_key(id),
            me,
            terms,
            limit: LimitFigures::default(),
            bytes: Ledger::new(me, terms, limit.bytes_per_second),
            requests: None,
            audits: Default::default(),
            size: CallSize::default(),
            offered: meter.offered(),
            minted_to,
            awake_to: Duration::ZERO,
            published: None,
            board,
        };
        gateway.set_limit(limit, 0);
        gateway
    }

    /// Goes on under another limit; what has been minted is minted under the one before.
    pub fn set_limit(&mut self, limit: LimitFigures, share: u64) {
        if limit == self.limit {
            return;
        }
        let meter = &self.board.meter;
        self.bytes.set_limit(meter.bytes(), limit.bytes_per_second);
        match limit.qps {
            None => meter.lift_request_limit(),
            Some(qps) => {
                meter.limit_requests();
                let (me, terms) = (self.me, self.terms);
                let ledger = self
                    .requests
                    .get_or_insert_with(|| Ledger::new(me, terms, qps));
                ledger.set_limit(meter.requests(), qps);
            }
        }
        self.limit = limit;
        self.hint(share);
        self.show();
    }

    /// Mints up to a time of minting.
    pub fn mint(&mut self, share: u64, to: Duration) {
        let elapsed = to.saturating_sub(self.minted_to);
        self.minted_to = to;
        let meter = &self.board.meter;
        self.bytes.mint(meter.bytes(), share, elapsed);
        if let Some(ledger) = self.requests.as_mut().filter(|_| self.limit.qps.is_some()) {
            ledger.mint(meter.requests(), share, elapsed);
        }
    }

    /// Credits what a peer's row gives, as far as it can be the peer's to give, that may mint `share`. Whether
    /// that was anything.
    pub fn credit(&mut self, node: &NodeId, share: u64, peer: &GatewayRow, now: Duration) -> bool {
        let meter = &self.board.meter;
        let giver = Giver {
            node,
            incarnation: peer.incarnation,
            share,
        };
        let [of_bytes, of_requests] = &mut self.audits;
        let mut credited = 0;
        let mut credit = |ledger: &mut Ledger, purse, audit: &mut Audit, entry| {
            let covered = audit.hear(ledger, giver, entry, now);
            credited += ledger.credit_up_to(purse, giver.incarnation, covered.counter);
        };
        if let Some(entry) = &peer.bytes {
            credit(&mut self.bytes, meter.bytes(), of_bytes, entry);
        }
        if let (Some(ledger), Some(entry)) = (&mut self.requests, &peer.requests) {
            // Without a limit the purse takes nothing, but the counter is noted.
            credit(ledger, meter.requests(), of_requests, entry);
        }
        if credited > 0 {
            self.stay_awake(now);
        }
        credited > 0
    }

    /// Nodes that give what they cannot have.
    pub fn flagged(&self) -> impl Iterator<Item = &NodeId> {
        self.audits.iter().flat_map(Audit::flagged)
    }

    /// Whether a turn should come before its time: this node runs dry and nobody knows.
    pub fn runs_dry(&self, now: Duration) -> bool {
        let meter = &self.board.meter;
        let requests = self.requests.as_ref().filter(|_| self.limit.qps.is_some());
        self.bytes.runs_dry(meter.bytes(), now)
            || requests.is_some_and(|ledger| ledger.runs_dry(meter.requests(), now))
    }

    /// Whether a turn should come before its time: a peer is in need of what this node has over.
    pub fn can_help(&self, peer: &GatewayRow, now: Duration) -> bool {
        let (meter, who) = (&self.board.meter, peer.incarnation);
        let requests = self.requests.as_ref().filter(|_| self.limit.qps.is_some());
        let helps = |ledger: &Ledger, purse, entry| ledger.can_help(purse, now, who, entry);
        let bytes = peer.bytes.as_ref();
        bytes.is_some_and(|entry| helps(&self.bytes, meter.bytes(), entry))
            || match (requests, &peer.requests) {
                (Some(ledger), Some(entry)) => helps(ledger, meter.requests(), entry),
                _ => false,
            }
    }

    /// Whether calls came since the last turn.
    pub fn is_asked(&self) -> bool {
        self.board.meter.offered() != self.offered
    }

    /// Whether a peer that is there is in need.
    fn is_wanted(&self, peers: &PeerRows) -> bool {
        let (bytes, requests) = peers.entries(&self.key);
        let needy = |entries: &[(_, &Entry)]| entries.iter().any(|(_, entry)| entry.need > 0);
        needy(&bytes) || needy(&requests)
    }

    pub fn stay_awake(&mut self, now: Duration) {
        self.awake_to = now + AWAKE;
    }

    /// Whether it needs its turns.
    pub fn is_awake(&self, peers: &PeerRows, now: Duration) -> bool {
        now < self.awake_to || self.published.is_some() || self.is_wanted(peers)
    }

    /// A turn of both ledgers. What is to be published instead of the row before; `None` where that stays.
    pub fn turn(&mut self, share: u64, now: Duration, peers: &PeerRows) -> Option<Option<String>> {
        if self.is_asked() {
            self.stay_awake(now);
        }
        let meter = self.board.meter.clone();
        let offered = meter.offered();
        let (bytes, requests) = peers.entries(&self.key);
        self.size
            .observe(meter.charged_bytes(), meter.finished_calls());
        let asked = offered.bytes.saturating_sub(self.offered.bytes);
        let of_bytes = self.bytes.turn(meter.bytes(), now, share, asked, &bytes);
        let asked = offered.requests.saturating_sub(self.offered.requests);
        let of_requests = match &mut self.requests {
            Some(ledger) if self.limit.qps.is_some() => {
                ledger.turn(meter.requests(), now, share, asked, &requests)
            }
            _ => Turn::default(),
        };
        self.offered = offered;
        self.hint(share);
        self.show();
        let row = GatewayRow {
            incarnation: self.me,
            bytes: of_bytes.entry,
            requests: of_requests.entry,
        };
        let silent = row.bytes.is_none() && row.requests.is_none();
        let now = (!silent).then(|| row.encode());
        (now != self.published).then(|| {
            self.published.clone_from(&now);
            now
        })
    }

    /// The row's end, where there is one: the gateway is gone.
    pub fn withdraw(&mut self) -> bool {
        self.published.take().is_some()
    }

    /// Tells calls what they need to know of the ledger.
    pub fn hint(&self, share: u64) {
        let (bytes, limit) = (&self.bytes, self.limit);
        let own = |per_second: u64| part_of(per_second, share);
        let refill = bytes.figures().refill_per_second / PARTS;
        let requests = self
            .requests
            .as_ref()
            .map(|ledger| ledger.figures().refill_per_second);
        let own_requests = own(limit.qps.unwrap_or(0).saturating_mul(PARTS));
        self.board.meter.set_hints(Hints {
            expected_call_bytes: self.size.expected_bytes(),
            refund_cap_parts: bytes.caps(share).refund,
            reserve_cap_bytes: burst_bytes(limit.bytes_per_second, self.terms.burst),
            refill_bytes_per_second: refill.max(own(limit.bytes_per_second)),
            refill_requests_per_second_parts: requests.unwrap_or(0).max(own_requests),
        });
    }

    /// Ends a second of the history.
    pub fn end_second(&self, second: u64) {
        let mut state = self.board.state.lock();
        if state.history.is_behind(&self.board.meter) || !state.history.is_empty() {
            state.history.end_second(second, &self.board.meter);
        }
    }

    fn show(&self) {
        let requests = self.requests.as_ref().filter(|_| self.limit.qps.is_some());
        let mut state = self.board.state.lock();
        state.limit = self.limit;
        state.bytes = self.bytes.figures();
        state.requests = requests.map(Ledger::figures);
    }
}

/// A share's part of an amount.
pub(super) fn part_of(amount: u64, share: u64) -> u64 {
    let part = u128::from(amount) * u128::from(share) / u128::from(WHOLE);
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn burst_bytes(per_second: u64, burst: Duration) -> u64 {
    let bytes = u128::from(per_second) * burst.as_millis() / 1_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
