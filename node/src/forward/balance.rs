//! Which address of an origin the next call goes to: smooth weighted turns.

use std::cell::Cell;

/// A set of addresses, one bit each: an origin has at most 16.
pub type Addresses = u16;

/// The turns of one core. Over any run of calls each address gets its share, and never many in a row: of weights
/// 5, 1, 1 the turns are a a b a c a a, not a a a a a b c.
#[derive(Debug)]
pub struct Balance {
    weights: Vec<i64>,
    /// How far each address is ahead of its share; they sum up to 0.
    credit: Vec<Cell<i64>>,
}

// === impl Balance ===

impl Balance {
    /// `skip`: turns taken before the first, so that cores do not all begin with the same address.
    pub fn new(weights: impl Iterator<Item = u32>, skip: u32) -> Self {
        let weights: Vec<i64> = weights
            .take(Addresses::BITS as usize)
            .map(|weight| i64::from(weight.max(1)))
            .collect();
        let balance = Balance {
            credit: vec![Cell::new(0); weights.len()],
            weights,
        };
        let all: i64 = balance.weights.iter().sum();
        for _ in 0..i64::from(skip) % all.max(1) {
            balance.next(balance.all());
        }
        balance
    }

    pub fn all(&self) -> Addresses {
        all(self.weights.len())
    }

    /// The next in turn among `these`; `None` where there are none.
    pub fn next(&self, these: Addresses) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (i, credit) in self.credit.iter().enumerate() {
            if these & (1 << i) == 0 {
                continue;
            }
            total += self.weights[i];
            credit.set(credit.get() + self.weights[i]);
            if best.is_none_or(|best| credit.get() > self.credit[best].get()) {
                best = Some(i);
            }
        }
        let best = best?;
        self.credit[best].set(self.credit[best].get() - total);
        Some(best)
    }
}

/// So many addresses, all of them.
pub fn all(count: usize) -> Addresses {
    match count {
        0..16 => (1 << count) - 1,
        _ => Addresses::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(balance: &Balance, these: Addresses, count: usize) -> String {
        let next = |_| balance.next(these).unwrap();
        (0..count)
            .map(next)
            .map(|i| char::from(b'a' + i as u8))
            .collect()
    }

    #[test]
    fn turns_are_weighted_and_smooth() {
        let balance = Balance::new([5, 1, 1].into_iter(), 0);
        assert_eq!(turns(&balance, balance.all(), 14), "aabacaaaabacaa");
    }

    #[test]
    fn an_address_that_is_out_leaves_its_share_to_the_others_by_their_weights() {
        let balance = Balance::new([2, 1, 7].into_iter(), 0);
        turns(&balance, balance.all(), 3);
        let without = turns(&balance, 0b011, 300);
        let of = |address| without.matches(address).count();
        assert!((198..=202).contains(&of('a')), "{} of 300", of('a'));
        assert_eq!(of('c'), 0);
        assert_eq!(balance.next(0), None);
    }

    #[test]
    fn every_core_begins_elsewhere_and_each_keeps_to_the_weights() {
        let firsts: std::collections::BTreeSet<_> = (0..4)
            .map(|skip| {
                let balance = Balance::new([1, 1, 1, 1].into_iter(), skip);
                balance.next(balance.all())
            })
            .collect();
        assert_eq!(firsts.len(), 4);
        let balance = Balance::new([3, 1].into_iter(), 12_345);
        assert_eq!(
            turns(&balance, balance.all(), 400).matches('b').count(),
            100
        );
    }

    #[test]
    fn sixteen_addresses_are_all_reached() {
        let balance = Balance::new(std::iter::repeat_n(100, 20), 0);
        let reached: std::collections::BTreeSet<_> =
            (0..16).map(|_| balance.next(balance.all())).collect();
        assert_eq!(reached.len(), 16);
    }
}
