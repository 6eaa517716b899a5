use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

/// What a node holds of one resource, in parts of a token. Negative is debt.
///
/// The link's cores spend from it while the ledger mints and donates, so each method is one atomic step.
pub trait Purse {
    fn parts(&self) -> i64;
    /// Adds as much of `parts` as fits below `cap`; returns what was added.
    fn add_up_to(&self, parts: u64, cap: u64) -> u64;
    /// Takes as much of `parts` as is there; returns what was taken.
    fn take_up_to(&self, parts: u64) -> u64;
    /// Takes away what is above `cap`; returns what was taken.
    fn trim(&self, cap: u64) -> u64;
}

/// A purse that all cores share.
///
/// Relaxed: a balance is exact by itself, since it only changes by read-modify-write, and no other memory
/// is published through it.
#[derive(Debug, Default)]
pub struct Balance(AtomicI64);

/// Stands for "no limit".
const UNLIMITED: i64 = i64::MAX;

/// The fullest purse: half of what is countable, so that no refund overflows it.
const FULL: i64 = i64::MAX / 2;

fn room_below(cap: u64, balance: i64) -> u64 {
    let cap = i64::try_from(cap).unwrap_or(FULL).min(FULL);
    u64::try_from(i128::from(cap) - i128::from(balance)).unwrap_or(0)
}

// === impl Balance ===

impl Balance {
    /// Changes the balance by `change(balance) -> new balance`; `None` leaves it. Returns the balance before.
    fn update(&self, change: impl Fn(i64) -> Option<i64>) -> Option<i64> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                (now != UNLIMITED).then(|| change(now)).flatten()
            })
            .ok()
    }

    /// Takes `parts` whatever is there. Not for a purse without a limit.
    pub(super) fn charge(&self, parts: i64) {
        self.0.fetch_sub(parts, Ordering::Relaxed);
    }

    /// Takes `parts`, into debt if need be, if the balance is positive or there is no limit.
    pub(super) fn charge_if_positive(&self, parts: i64) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now == UNLIMITED {
                return true;
            }
            if now <= 0 {
                return false;
            }
            let left = now - parts;
            match self
                .0
                .compare_exchange_weak(now, left, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(newer) => now = newer,
            }
        }
    }

    pub(super) fn lift(&self) {
        self.0.store(UNLIMITED, Ordering::Relaxed);
    }

    /// Ends [`Balance::lift`]: nothing to spend yet.
    pub(super) fn limit(&self) {
        let unlimited = |now| (now == UNLIMITED).then_some(0);
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, unlimited);
    }

    pub(super) fn is_limited(&self) -> bool {
        self.parts() != UNLIMITED
    }
}

impl Purse for Balance {
    /// `i64::MAX` where there is no limit.
    fn parts(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add_up_to(&self, parts: u64, cap: u64) -> u64 {
        let fits = |now| parts.min(room_below(cap, now));
        let grown = |now: i64| Some(now.saturating_add_unsigned(fits(now)));
        self.update(grown).map_or(0, fits)
    }

    fn take_up_to(&self, parts: u64) -> u64 {
        let there = |now: i64| parts.min(u64::try_from(now).unwrap_or(0));
        let left = |now: i64| Some(now.saturating_sub_unsigned(there(now)));
        self.update(left).map_or(0, there)
    }

    fn trim(&self, cap: u64) -> u64 {
        let above = |now: i64| u64::try_from(now).unwrap_or(0).saturating_sub(cap);
        let left = |now: i64| Some(now.saturating_sub_unsigned(above(now)));
        self.update(left).map_or(0, above)
    }
}

// === impl Cell<i64>: the purse of models and simulations ===

impl Purse for Cell<i64> {
    fn parts(&self) -> i64 {
        self.get()
    }

    fn add_up_to(&self, parts: u64, cap: u64) -> u64 {
        let fits = parts.min(room_below(cap, self.get()));
        self.set(self.get().saturating_add_unsigned(fits));
        fits
    }

    fn take_up_to(&self, parts: u64) -> u64 {
        let there = parts.min(u64::try_from(self.get()).unwrap_or(0));
        self.set(self.get().saturating_sub_unsigned(there));
        there
    }

    fn trim(&self, cap: u64) -> u64 {
        let above = u64::try_from(self.get()).unwrap_or(0).saturating_sub(cap);
        self.set(self.get().saturating_sub_unsigned(above));
        above
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Add(u64, u64),
        Take(u64),
        Trim(u64),
        Charge(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        let amount = prop_oneof![0u64..1_000, Just(u64::MAX)];
        prop_oneof![
            (amount.clone(), amount.clone()).prop_map(|(parts, cap)| Step::Add(parts, cap)),
            amount.clone().prop_map(Step::Take),
            amount.prop_map(Step::Trim),
            (0u32..2_000).prop_map(Step::Charge),
        ]
    }

    proptest! {
        #[test]
        fn the_models_purse_is_the_meters_purse(steps in prop::collection::vec(step(), 0..60)) {
            let (shared, model) = (Balance::default(), Cell::new(0i64));
            for step in steps {
                match step {
                    Step::Add(parts, cap) => {
                        prop_assert_eq!(shared.add_up_to(parts, cap), model.add_up_to(parts, cap));
                    }
                    Step::Take(parts) => prop_assert_eq!(shared.take_up_to(parts), model.take_up_to(parts)),
                    Step::Trim(cap) => prop_assert_eq!(shared.trim(cap), model.trim(cap)),
                    Step::Charge(parts) => {
                        shared.charge(parts.into());
                        model.set(model.get() - i64::from(parts));
                    }
                }
                prop_assert_eq!(shared.parts(), model.parts());
            }
        }
    }

    #[test]
    fn a_purse_without_a_limit_is_not_changed() {
        let purse = Balance::default();
        purse.lift();
        assert_eq!(
            (purse.add_up_to(5, 10), purse.take_up_to(5), purse.trim(1)),
            (0, 0, 0)
        );
        assert!(purse.charge_if_positive(1));
        assert!(!purse.is_limited());
        purse.limit();
        assert_eq!(purse.parts(), 0);
    }

    #[test]
    fn nothing_is_taken_from_a_purse_in_debt() {
        let purse = Cell::new(-5i64);
        assert_eq!(purse.take_up_to(3), 0);
        assert_eq!(purse.trim(0), 0);
        assert_eq!(purse.add_up_to(8, 2), 7);
        assert_eq!(purse.get(), 2);
    }
}
