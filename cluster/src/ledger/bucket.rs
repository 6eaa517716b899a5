use std::time::Duration;

const NANOS_A_SECOND: u128 = 1_000_000_000;

/// A token bucket's source: turns elapsed time into tokens, exactly. It has no clock; whoever drives it
/// says how much time has passed, and adds what was minted to a [`Meter`](super::Meter), which holds the
/// balance and stops it at the burst.
///
/// What an interval leaves over of a token is carried on, so that the sum of all that was minted is
/// `floor(rate × time)` whatever the intervals. Source: `QUOTA.md` "Cap".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bucket {
    rate_per_second: u64,
    burst: u64,
    /// Billionths of a token, below one token.
    carried: u128,
}

// === impl Bucket ===

impl Bucket {
    /// A source of `rate_per_second` tokens (bytes, requests) whose balance stops at `burst` tokens.
    pub fn new(rate_per_second: u64, burst: u64) -> Self {
        Bucket {
            rate_per_second,
            burst,
            carried: 0,
        }
    }

    /// The tokens of a time that has passed.
    pub fn advance(&mut self, elapsed: Duration) -> u64 {
        // Five centuries at 2^64 tokens a second fit; beyond that the product stops at its maximum.
        let grown = elapsed
            .as_nanos()
            .saturating_mul(u128::from(self.rate_per_second));
        let grown = grown.saturating_add(self.carried);
        self.carried = grown % NANOS_A_SECOND;
        u64::try_from(grown / NANOS_A_SECOND).unwrap_or(u64::MAX)
    }

    /// Tokens a second.
    pub fn rate_per_second(&self) -> u64 {
        self.rate_per_second
    }

    /// Where the balance stops, in tokens.
    pub fn burst(&self) -> u64 {
        self.burst
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Meter;

    proptest! {
        #[test]
        fn what_is_minted_is_the_rate_times_the_time_however_it_is_cut(
            rate in 0u64..10_000_000_000,
            cuts in prop::collection::vec(0u64..3_000_000_000, 0..200),
        ) {
            let mut bucket = Bucket::new(rate, rate);
            let minted: u128 =
                cuts.iter().map(|&ns| u128::from(bucket.advance(Duration::from_nanos(ns)))).sum();
            let total_ns: u128 = cuts.iter().map(|&ns| u128::from(ns)).sum();
            prop_assert_eq!(minted, u128::from(rate) * total_ns / NANOS_A_SECOND);
        }

        #[test]
        fn a_meter_fed_by_a_bucket_never_holds_more_than_the_burst(
            rate in 1u64..1_000_000,
            steps in prop::collection::vec((0u64..5_000, 0u64..1_000_000), 1..100),
        ) {
            let mut bucket = Bucket::new(rate, rate);
            let meter = Meter::new();
            meter.lift_request_limit();
            let mut carried = 0u128;
            let mut elapsed_ms = 0u128;
            for (pause_ms, bytes) in steps {
                elapsed_ms += u128::from(pause_ms);
                meter.mint_bytes(bucket.advance(Duration::from_millis(pause_ms)), bucket.burst());
                prop_assert!(meter.balance_bytes() <= rate as i64);
                if let Ok(charge) = meter.admit(0) {
                    charge.add(bytes);
                    carried += u128::from(bytes);
                }
                // Beyond what was minted, at most the debt of one call.
                prop_assert!(carried <= u128::from(rate) * elapsed_ms / 1_000 + 1_000_000);
            }
        }
    }

    #[test]
    fn a_slow_source_mints_its_first_token_exactly_when_it_is_whole() {
        let mut bucket = Bucket::new(3, 3);
        assert_eq!(bucket.advance(Duration::from_nanos(333_333_333)), 0);
        assert_eq!(bucket.advance(Duration::from_nanos(1)), 1);
    }

    #[test]
    fn a_time_beyond_all_counting_does_not_overflow() {
        assert_eq!(Bucket::new(u64::MAX, 1).advance(Duration::MAX), u64::MAX);
    }
}
