//! The meter of one gateway: what a call asks and charges, in a few atomic operations.
//!
//! A token is the right to carry one byte. A call is admitted while the balance is positive; its real
//! bytes are charged as they flow, so the balance may go negative (debt) and must be earned back before
//! the next admission. A length known up front is reserved up front. Source: `QUOTA.md` "Spend".
//!
//! Every operation is relaxed: each counter is exact by itself, since it only changes by read-modify-write,
//! and no other memory is published through it. Cores that ask at the same moment may all see the last
//! token: the balance then goes into debt by what those few calls carry, and earns it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Balances and counters of one gateway on this node; shared by all cores.
#[derive(Debug)]
pub struct Meter {
    /// Bytes that may still be carried; negative is debt.
    bytes: AtomicI64,
    /// Requests that may still be admitted; `i64::MAX` stands for no limit.
    requests: AtomicI64,
    charged_bytes: AtomicU64,
    admitted_calls: AtomicU64,
    overflow_calls: AtomicU64,
    overflow_bytes: AtomicU64,
}

/// Which limit of the package a call is beyond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exceeded {
    Qps,
    Bandwidth,
}

/// The running charge of one admitted call. Bytes are taken from what was reserved first; what was
/// reserved and did not flow is given back when the charge is dropped.
#[derive(Debug)]
pub struct Charge {
    meter: Arc<Meter>,
    reserved: AtomicI64,
}

/// Stands for "no limit on requests" in a request balance.
const UNLIMITED: i64 = i64::MAX;

/// The most one call reserves, 1 TiB: a forged `content-length` cannot wrap a balance round.
const RESERVE_MAX_BYTES: i64 = 1 << 40;

// === impl Meter ===

impl Meter {
    /// A meter with nothing to spend yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Meter {
            bytes: AtomicI64::new(0),
            requests: AtomicI64::new(0),
            charged_bytes: AtomicU64::new(0),
            admitted_calls: AtomicU64::new(0),
            overflow_calls: AtomicU64::new(0),
            overflow_bytes: AtomicU64::new(0),
        })
    }

    /// Admits a call and reserves the bytes already known of it (head, `content-length`).
    pub fn admit(self: &Arc<Self>, known_bytes: u64) -> Result<Charge, Exceeded> {
        if self.bytes.load(Ordering::Relaxed) <= 0 {
            return Err(if self.requests.load(Ordering::Relaxed) <= 0 {
                Exceeded::Qps
            } else {
                Exceeded::Bandwidth
            });
        }
        self.take_request()?;
        let reserved =
            i64::try_from(known_bytes).map_or(RESERVE_MAX_BYTES, |n| n.min(RESERVE_MAX_BYTES));
        self.bytes.fetch_sub(reserved, Ordering::Relaxed);
        self.admitted_calls.fetch_add(1, Ordering::Relaxed);
        Ok(Charge {
            meter: self.clone(),
            reserved: AtomicI64::new(reserved),
        })
    }

    fn take_request(&self) -> Result<(), Exceeded> {
        let mut balance = self.requests.load(Ordering::Relaxed);
        loop {
            if balance == UNLIMITED {
                return Ok(());
            }
            if balance <= 0 {
                return Err(Exceeded::Qps);
            }
            match self.requests.compare_exchange_weak(
                balance,
                balance - 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => balance = now,
            }
        }
    }

    /// Adds freshly minted bytes; the balance never grows beyond `burst_bytes`.
    pub fn mint_bytes(&self, minted: u64, burst_bytes: u64) {
        add_up_to(&self.bytes, minted, burst_bytes);
    }

    /// Adds freshly minted requests; the balance never grows beyond `burst`.
    pub fn mint_requests(&self, minted: u64, burst: u64) {
        if self.requests.load(Ordering::Relaxed) == UNLIMITED {
            self.requests.store(0, Ordering::Relaxed);
        }
        add_up_to(&self.requests, minted, burst);
    }

    /// Takes away the limit on requests.
    pub fn lift_request_limit(&self) {
        self.requests.store(UNLIMITED, Ordering::Relaxed);
    }

    /// Counts a call that took the public link beyond the package, and its bytes where we relayed them.
    pub fn count_overflow(&self, calls: u64, bytes: u64) {
        self.overflow_calls.fetch_add(calls, Ordering::Relaxed);
        self.overflow_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that may still be carried; negative is debt.
    pub fn balance_bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Requests that may still be admitted; `None` where there is no limit.
    pub fn balance_requests(&self) -> Option<i64> {
        Some(self.requests.load(Ordering::Relaxed)).filter(|&balance| balance != UNLIMITED)
    }

    /// Bytes carried on the link since the node started.
    pub fn charged_bytes(&self) -> u64 {
        self.charged_bytes.load(Ordering::Relaxed)
    }

    pub fn admitted_calls(&self) -> u64 {
        self.admitted_calls.load(Ordering::Relaxed)
    }

    pub fn overflow_calls(&self) -> u64 {
        self.overflow_calls.load(Ordering::Relaxed)
    }

    pub fn overflow_bytes(&self) -> u64 {
        self.overflow_bytes.load(Ordering::Relaxed)
    }
}

fn add_up_to(balance: &AtomicI64, add: u64, cap: u64) {
    let cap = i64::try_from(cap).unwrap_or(i64::MAX - 1).min(i64::MAX - 1);
    let add = i64::try_from(add).unwrap_or(cap);
    let grown = |now: i64| (now < cap).then(|| now.saturating_add(add).min(cap));
    let _ = balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown);
}

// === impl Charge ===

impl Charge {
    /// Charges bytes that have just flowed, in either direction.
    pub fn add(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 4);
        self.meter
            .charged_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        let before = self.reserved.fetch_sub(bytes, Ordering::Relaxed);
        let uncovered = bytes - before.clamp(0, bytes);
        if uncovered > 0 {
            self.meter.bytes.fetch_sub(uncovered, Ordering::Relaxed);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let unspent = *self.reserved.get_mut();
        if unspent > 0 {
            self.meter.bytes.fetch_add(unspent, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(bytes: u64) -> Arc<Meter> {
        let meter = Meter::new();
        meter.lift_request_limit();
        meter.mint_bytes(bytes, u64::MAX);
        meter
    }

    #[test]
    fn a_call_is_admitted_while_the_balance_is_positive_and_may_leave_a_debt() {
        let meter = meter(10);
        let charge = meter.admit(0).unwrap();
        charge.add(25);
        assert_eq!(meter.balance_bytes(), -15);
        assert_eq!(meter.admit(0).unwrap_err(), Exceeded::Bandwidth);
        meter.mint_bytes(16, 100);
        assert!(meter.admit(0).is_ok());
    }

    #[test]
    fn reserved_bytes_are_charged_once_and_given_back_when_they_do_not_flow() {
        let meter = meter(100);
        let charge = meter.admit(60).unwrap();
        assert_eq!(meter.balance_bytes(), 40);
        charge.add(50);
        assert_eq!(meter.balance_bytes(), 40);
        drop(charge);
        assert_eq!(meter.balance_bytes(), 50);
        assert_eq!(meter.charged_bytes(), 50);
    }

    #[test]
    fn bytes_beyond_the_reservation_are_charged_too() {
        let meter = meter(100);
        let charge = meter.admit(10).unwrap();
        charge.add(4);
        charge.add(10);
        drop(charge);
        assert_eq!(meter.balance_bytes(), 86);
    }

    #[test]
    fn a_forged_length_cannot_turn_debt_into_credit() {
        let meter = meter(100);
        let charge = meter.admit(u64::MAX).unwrap();
        assert!(meter.balance_bytes() < 0);
        drop(charge);
        assert_eq!(meter.balance_bytes(), 100);
    }

    #[test]
    fn every_byte_is_charged_once_however_many_threads_charge_it() {
        let meter = meter(1_000_000);
        let charge = meter.admit(30_000).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| charge.add(1)));
            }
        });
        drop(charge);
        assert_eq!(meter.balance_bytes(), 1_000_000 - 40_000);
        assert_eq!(meter.charged_bytes(), 40_000);
    }

    #[test]
    fn requests_run_out_apart_from_bytes() {
        let meter = Meter::new();
        meter.mint_bytes(1_000, 1_000);
        meter.mint_requests(1, 1);
        assert!(meter.admit(0).is_ok());
        assert_eq!(meter.admit(0).unwrap_err(), Exceeded::Qps);
    }

    #[test]
    fn minting_stops_at_the_burst_and_never_takes_away() {
        let meter = meter(500);
        meter.mint_bytes(100, 300);
        assert_eq!(meter.balance_bytes(), 500);
        let charge = meter.admit(0).unwrap();
        charge.add(400);
        meter.mint_bytes(1_000, 300);
        assert_eq!(meter.balance_bytes(), 300);
    }
}
