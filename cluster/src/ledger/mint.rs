use std::time::Duration;

use super::{PARTS, WHOLE};

const NANOS_A_SECOND: u128 = 1_000_000_000;

/// Turns time into parts of tokens, exactly: what an interval leaves over of a part is carried on, so that
/// all that was minted is `floor(limit × share × time)` however the time is cut.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Mint {
    /// Below one part, in `1 / (WHOLE × 10^9)` of it.
    carried: u128,
}

/// The greatest limit that is minted, in tokens a second: products stay countable.
pub(super) const LIMIT_MAX: u64 = 1 << 42;

/// The longest time minted at once. The cap is reached long before.
const TIME_MAX: Duration = Duration::from_secs(3_600);

// === impl Mint ===

impl Mint {
    /// The parts of a time that has passed, for `share` of [`WHOLE`].
    pub fn advance(&mut self, limit_per_second: u64, share: u64, elapsed: Duration) -> u64 {
        let parts = u128::from(limit_per_second.min(LIMIT_MAX) * PARTS);
        let nanos = elapsed.min(TIME_MAX).as_nanos();
        // 52, 33 and 42 bits, and what is carried below 62.
        let grown = parts * u128::from(share.min(WHOLE)) * nanos + self.carried;
        let whole = u128::from(WHOLE) * NANOS_A_SECOND;
        self.carried = grown % whole;
        (grown / whole) as u64
    }
}

/// What `parts` in `elapsed` are in a second; 0 for no time.
pub(super) fn per_second(parts: u64, elapsed: Duration) -> u64 {
    let nanos = elapsed.as_nanos().max(1);
    u64::try_from(u128::from(parts) * NANOS_A_SECOND / nanos).unwrap_or(u64::MAX / 4)
}

/// What `rate` a second is in `time`.
pub(super) fn in_time(per_second: u64, time: Duration) -> u64 {
    let nanos = time.min(TIME_MAX).as_nanos();
    u64::try_from(u128::from(per_second) * nanos / NANOS_A_SECOND).unwrap_or(u64::MAX / 4)
}

/// What `share` of [`WHOLE`] is of `amount`.
pub(super) fn part_of(amount: u64, share: u64) -> u64 {
    (u128::from(amount) * u128::from(share.min(WHOLE)) / u128::from(WHOLE)) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_minted_is_the_rate_times_the_time_however_it_is_cut(
            limit in 0u64..10_000_000_000,
            share in 0..=WHOLE,
            cuts in prop::collection::vec(0u64..3_000_000_000, 0..200),
        ) {
            let mut mint = Mint::default();
            let minted: u128 = cuts
                .iter()
                .map(|&ns| u128::from(mint.advance(limit, share, Duration::from_nanos(ns))))
                .sum();
            let total_ns: u128 = cuts.iter().map(|&ns| u128::from(ns)).sum();
            let whole = u128::from(WHOLE) * NANOS_A_SECOND;
            let due = u128::from(limit * PARTS) * u128::from(share) * total_ns / whole;
            prop_assert_eq!(minted, due);
        }
    }

    #[test]
    fn three_a_second_over_five_nodes_are_three_a_second() {
        let mut minted = 0;
        for _node in 0..5 {
            let mut mint = Mint::default();
            minted += (0..500)
                .map(|_| mint.advance(3, WHOLE / 5, Duration::from_millis(20)))
                .sum::<u64>();
        }
        // Of each node less than a part is still carried.
        assert!(
            (3 * 10 * PARTS - 5..=3 * 10 * PARTS).contains(&minted),
            "{minted}"
        );
    }

    #[test]
    fn numbers_beyond_all_packages_do_not_overflow() {
        let hour = Mint::default().advance(u64::MAX, u64::MAX, Duration::MAX);
        assert_eq!(hour, LIMIT_MAX * PARTS * 3_600);
        assert!(per_second(u64::MAX, Duration::ZERO) > 0);
        assert_eq!(in_time(u64::MAX, Duration::MAX), u64::MAX / 4);
    }
}
