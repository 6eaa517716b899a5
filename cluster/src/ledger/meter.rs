//! The meter of one gateway: what a call asks and charges, in a few atomic operations.
//!
//! A token is the right to carry one byte, or to make one request. A call is admitted while both purses
//! are positive; its real bytes are charged as they flow, so a purse may go negative (debt) and must be
//! earned back before the next admission. Up front a call reserves what is known of it, or what a call
//! is expected to weigh, whichever is more: a hundred calls at once on slow origins do not all see the
//! same last token. Source: `QUOTA.md` "Spend".
//!
//! Every operation is relaxed: each counter is exact by itself, since it only changes by read-modify-write,
//! and no other memory is published through it. Cores that ask at the same moment may all see the last
//! token: the purse then goes into debt by what those few calls carry, and earns it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::charge::Charge;
use super::purse::{Balance, Purse};
use super::{PARTS, parts_of};

/// Purses and counters of one gateway on this node; shared by all cores.
#[derive(Debug)]
pub struct Meter {
    bytes: Balance,
    requests: Balance,
    hints: AtomicHints,
    charged_bytes: AtomicU64,
    admitted_calls: AtomicU64,
    finished_calls: AtomicU64,
    refused_qps_calls: AtomicU64,
    refused_bandwidth_calls: AtomicU64,
    refused_bytes: AtomicU64,
    overflow_calls: AtomicU64,
    overflow_bytes: AtomicU64,
    unreturned_parts: AtomicU64,
}

/// Which limit of the package a call is beyond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exceeded {
    Qps,
    Bandwidth,
}

/// What the ledger's driver knows and a call needs; set anew every turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hints {
    /// What a call weighs before it says so itself.
    pub expected_call_bytes: u64,
    /// Up to where the purse takes back what a call reserved and did not use: `Caps::refund`.
    pub refund_cap_parts: u64,
    /// The most one call reserves: one burst.
    pub reserve_cap_bytes: u64,
    /// What the purse earns, minted and donated.
    pub refill_bytes_per_second: u64,
    /// What the purse of requests earns, in parts.
    pub refill_requests_per_second_parts: u64,
}

/// What calls asked for since the meter was made, admitted or not. In parts; only grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offered {
    pub bytes: u64,
    pub requests: u64,
}

#[derive(Debug)]
struct AtomicHints {
    expected_call_bytes: AtomicU64,
    refund_cap_parts: AtomicU64,
    reserve_cap_bytes: AtomicU64,
    refill_bytes_per_second: AtomicU64,
    refill_requests_per_second_parts: AtomicU64,
}

/// The most one call reserves whatever the package, 64 GiB: a forged `content-length` cannot wrap a purse round.
const RESERVE_MAX_BYTES: u64 = 1 << 36;

/// The most a call is expected to weigh, 64 KiB: a few downloads do not make every call wait for a megabyte.
pub const EXPECTED_CALL_MAX_BYTES: u64 = 64 << 10;

/// Shortest and longest time the public link is worth taking, in milliseconds.
const WAIT_MS: (u64, u64) = (50, 30_000);

// === impl Meter ===

impl Meter {
    /// A meter with nothing to spend yet, and a limit on requests.
    pub fn new() -> Arc<Self> {
        Arc::new(Meter {
            bytes: Balance::default(),
            requests: Balance::default(),
            hints: AtomicHints::new(Hints::default()),
            charged_bytes: AtomicU64::new(0),
            admitted_calls: AtomicU64::new(0),
            finished_calls: AtomicU64::new(0),
            refused_qps_calls: AtomicU64::new(0),
            refused_bandwidth_calls: AtomicU64::new(0),
            refused_bytes: AtomicU64::new(0),
            overflow_calls: AtomicU64::new(0),
            overflow_bytes: AtomicU64::new(0),
            unreturned_parts: AtomicU64::new(0),
        })
    }

    /// Admits a call and reserves the bytes already known of it (head, `content-length`).
    ///
    /// # Errors
    /// The limit the call is beyond. A refused call takes no token of either kind.
    pub fn admit(self: &Arc<Self>, known_bytes: u64) -> Result<Charge, Exceeded> {
        // Bytes first: a request token taken for a call that the bytes refuse would be lost.
        let bytes_run_dry = self.bytes.parts() <= 0;
        if bytes_run_dry && self.requests.parts() > 0 {
            self.refused_bandwidth_calls.fetch_add(1, Ordering::Relaxed);
            let weight = self.weight(known_bytes);
            self.refused_bytes.fetch_add(weight, Ordering::Relaxed);
            return Err(Exceeded::Bandwidth);
        }
        if bytes_run_dry || !self.requests.charge_if_positive(PARTS as i64) {
            self.refused_qps_calls.fetch_add(1, Ordering::Relaxed);
            return Err(Exceeded::Qps);
        }
        let reserved = self.weight(known_bytes);
        self.bytes.charge(parts_of(reserved));
        self.admitted_calls.fetch_add(1, Ordering::Relaxed);
        Ok(Charge::new(self.clone(), reserved))
    }

    /// What a call is taken to weigh before it has flowed.
    fn weight(&self, known_bytes: u64) -> u64 {
        let expected = self.hints.expected_call_bytes.load(Ordering::Relaxed);
        let most = self.hints.reserve_cap_bytes.load(Ordering::Relaxed);
        known_bytes.max(expected).min(most).min(RESERVE_MAX_BYTES)
    }

    /// Counts bytes that flowed on the link, of which `uncovered` were not reserved.
    pub(super) fn flowed(&self, bytes: u64, uncovered: u64) {
        self.charged_bytes.fetch_add(bytes, Ordering::Relaxed);
        if uncovered > 0 {
            self.bytes.charge(parts_of(uncovered));
        }
    }

    /// A call is over, `unused` bytes of its reservation did not flow. What does not fit the purse is lost:
    /// a client that announces much, waits and goes away has saved nothing up.
    pub(super) fn finished(&self, unused: u64) {
        self.finished_calls.fetch_add(1, Ordering::Relaxed);
        if unused > 0 {
            let unused = unused.saturating_mul(PARTS);
            let cap = self.hints.refund_cap_parts.load(Ordering::Relaxed);
            let lost = unused - self.bytes.add_up_to(unused, cap);
            if lost > 0 {
                self.unreturned_parts.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }

    /// The purse of bytes.
    pub fn bytes(&self) -> &Balance {
        &self.bytes
    }

    /// The purse of requests.
    pub fn requests(&self) -> &Balance {
        &self.requests
    }

    /// Takes away the limit on requests.
    pub fn lift_request_limit(&self) {
        self.requests.lift();
    }

    /// Puts a limit on requests where there is none; there is nothing to spend yet.
    pub fn limit_requests(&self) {
        self.requests.limit();
    }

    pub fn has_request_limit(&self) -> bool {
        self.requests.is_limited()
    }

    pub fn set_hints(&self, hints: Hints) {
        self.hints.store(hints);
    }

    pub fn hints(&self) -> Hints {
        self.hints.load()
    }

    /// How long the public link is worth taking: until debt and one call more are earned, 50 ms to 30 s.
    pub fn wait_ms(&self, exceeded: Exceeded) -> u32 {
        let hints = self.hints();
        let (purse, call, refill) = match exceeded {
            Exceeded::Qps => (
                &self.requests,
                PARTS,
                hints.refill_requests_per_second_parts,
            ),
            Exceeded::Bandwidth => (
                &self.bytes,
                hints.expected_call_bytes.saturating_mul(PARTS),
                hints.refill_bytes_per_second.saturating_mul(PARTS),
            ),
        };
        let lacking = (i128::from(call) - i128::from(purse.parts())).max(0) as u128;
        let (shortest, longest) = WAIT_MS;
        let wait = match refill {
            0 => u128::from(longest),
            refill => lacking * 1_000 / u128::from(refill),
        };
        wait.clamp(shortest.into(), longest.into()) as u32
    }

    /// Tokens from nowhere, for tests and benches.
    pub fn grant_bytes(&self, bytes: u64) {
        self.bytes.add_up_to(bytes.saturating_mul(PARTS), u64::MAX);
    }

    /// Tokens from nowhere, for tests and benches; puts a limit on requests where there is none.
    pub fn grant_requests(&self, requests: u64) {
        self.limit_requests();
        self.requests
            .add_up_to(requests.saturating_mul(PARTS), u64::MAX);
    }

    /// Adds freshly minted bytes; the purse never grows beyond `burst_bytes`.
    pub fn mint_bytes(&self, minted: u64, burst_bytes: u64) {
        let cap = burst_bytes.saturating_mul(PARTS);
        self.bytes.add_up_to(minted.saturating_mul(PARTS), cap);
    }

    /// Adds freshly minted requests; the purse never grows beyond `burst`.
    pub fn mint_requests(&self, minted: u64, burst: u64) {
        self.limit_requests();
        let cap = burst.saturating_mul(PARTS);
        self.requests.add_up_to(minted.saturating_mul(PARTS), cap);
    }

    /// Counts a call that took the public link beyond the package, and its bytes where we relayed them.
    pub fn count_overflow(&self, calls: u64, bytes: u64) {
        self.overflow_calls.fetch_add(calls, Ordering::Relaxed);
        self.overflow_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whole bytes that may still be carried; negative is debt.
    pub fn balance_bytes(&self) -> i64 {
        self.bytes.parts().div_euclid(PARTS as i64)
    }

    /// Whole requests that may still be admitted, negative is debt; `None` where there is no limit.
    pub fn balance_requests(&self) -> Option<i64> {
        let parts = self.requests.parts();
        self.has_request_limit()
            .then(|| parts.div_euclid(PARTS as i64))
    }

    /// Bytes carried on the link since the node started.
    pub fn charged_bytes(&self) -> u64 {
        self.charged_bytes.load(Ordering::Relaxed)
    }

    pub fn admitted_calls(&self) -> u64 {
        self.admitted_calls.load(Ordering::Relaxed)
    }

    /// Admitted calls that are over.
    pub fn finished_calls(&self) -> u64 {
        self.finished_calls.load(Ordering::Relaxed)
    }

    /// Calls that were beyond this limit.
    pub fn refused_calls(&self, exceeded: Exceeded) -> u64 {
        match exceeded {
            Exceeded::Qps => self.refused_qps_calls.load(Ordering::Relaxed),
            Exceeded::Bandwidth => self.refused_bandwidth_calls.load(Ordering::Relaxed),
        }
    }

    pub fn overflow_calls(&self) -> u64 {
        self.overflow_calls.load(Ordering::Relaxed)
    }

    pub fn overflow_bytes(&self) -> u64 {
        self.overflow_bytes.load(Ordering::Relaxed)
    }

    /// Tokens of bytes that were reserved, not used, and did not fit the purse any more. In parts.
    pub fn unreturned_parts(&self) -> u64 {
        self.unreturned_parts.load(Ordering::Relaxed)
    }

    /// What calls asked for: what flowed, and what the calls that the limit refused would have weighed. A
    /// call refused for its requests asks no bytes, and the other way round: it could not use them.
    ///
    /// Refused calls count here, as wish for tokens, and nowhere as use.
    pub fn offered(&self) -> Offered {
        let refused_bytes = self.refused_bytes.load(Ordering::Relaxed);
        let calls = self.admitted_calls() + self.refused_calls(Exceeded::Qps);
        Offered {
            bytes: (self.charged_bytes() + refused_bytes).saturating_mul(PARTS),
            requests: calls.saturating_mul(PARTS),
        }
    }
}

// === impl Hints ===

impl Default for Hints {
    /// A meter nobody has told anything: it reserves what is known and takes all of it back.
    fn default() -> Self {
        Hints {
            expected_call_bytes: 0,
            refund_cap_parts: u64::MAX,
            reserve_cap_bytes: u64::MAX,
            refill_bytes_per_second: 0,
            refill_requests_per_second_parts: 0,
        }
    }
}

// === impl AtomicHints ===

impl AtomicHints {
    fn new(hints: Hints) -> Self {
        AtomicHints {
            expected_call_bytes: hints.expected_call_bytes.into(),
            refund_cap_parts: hints.refund_cap_parts.into(),
            reserve_cap_bytes: hints.reserve_cap_bytes.into(),
            refill_bytes_per_second: hints.refill_bytes_per_second.into(),
            refill_requests_per_second_parts: hints.refill_requests_per_second_parts.into(),
        }
    }

    fn store(&self, hints: Hints) {
        let relaxed = Ordering::Relaxed;
        let expected = hints.expected_call_bytes.min(EXPECTED_CALL_MAX_BYTES);
        self.expected_call_bytes.store(expected, relaxed);
        self.refund_cap_parts.store(hints.refund_cap_parts, relaxed);
        self.reserve_cap_bytes
            .store(hints.reserve_cap_bytes, relaxed);
        self.refill_bytes_per_second
            .store(hints.refill_bytes_per_second, relaxed);
        self.refill_requests_per_second_parts
            .store(hints.refill_requests_per_second_parts, relaxed);
    }

    fn load(&self) -> Hints {
        let relaxed = Ordering::Relaxed;
        Hints {
            expected_call_bytes: self.expected_call_bytes.load(relaxed),
            refund_cap_parts: self.refund_cap_parts.load(relaxed),
            reserve_cap_bytes: self.reserve_cap_bytes.load(relaxed),
            refill_bytes_per_second: self.refill_bytes_per_second.load(relaxed),
            refill_requests_per_second_parts: self.refill_requests_per_second_parts.load(relaxed),
        }
    }
}
