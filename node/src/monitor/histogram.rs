//! Histograms that can be added up: over seconds, over nodes, over businesses. A percentile of a sum is read from the
//! sum; percentiles themselves are never averaged.
//!
//! Log-linear: values below 32 are exact, each power of two above has 32 buckets of the same width. A value that is
//! read back is the middle of its bucket, and so is at most [`RELATIVE_ERROR`] of the true one away from it. Only
//! buckets with something in them take room.

use super::varint;

/// Buckets of one power of two.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values are counted up to here, greater ones as this: 2^36 microseconds are 19 hours.
const GREATEST: u64 = (1 << 36) - 1;
/// The most that a read value differs from the true one, as a part of that: half a bucket.
pub const RELATIVE_ERROR: f64 = 1.0 / (2.0 * STEPS as f64);

/// Counts of values by size.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Histogram {
    /// Bucket and count, in the order of the buckets; none is 0.
    buckets: Vec<(u16, u64)>,
}

/// The bucket of a value.
fn bucket_of(value: u64) -> u16 {
    let value = value.min(GREATEST);
    if value < STEPS {
        return value as u16;
    }
    let octave = value.ilog2() - STEP_BITS;
    let step = (value >> octave) - STEPS;
    ((u64::from(octave) + 1) * STEPS + step) as u16
}

/// The least value of a bucket, and how many values it has.
fn bounds_of(bucket: u16) -> (u64, u64) {
    let bucket = u64::from(bucket);
    if bucket < STEPS {
        return (bucket, 1);
    }
    let (octave, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step) << octave, 1 << octave)
}

// === impl Histogram ===

impl Histogram {
    pub fn record(&mut self, value: u64) {
        self.add(bucket_of(value), 1);
    }

    fn add(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    pub fn merge(&mut self, other: &Histogram) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        for &(bucket, count) in &other.buckets {
            self.add(bucket, count);
        }
    }

    pub fn count(&self) -> u64 {
        let counts = self.buckets.iter().map(|&(_, count)| count);
        counts.fold(0, u64::saturating_add)
    }

    /// The value below or at which a part of all values lies (nearest rank), `part` from 0 to 1; `None` without
    /// values.
    pub fn percentile(&self, part: f64) -> Option<f64> {
        let count = self.count();
        let rank = ((count as f64 * part).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0u64;
        let found = self.buckets.iter().find(|&&(_, count)| {
            seen = seen.saturating_add(count);
            seen >= rank
        });
        found.map(|&(bucket, _)| {
            let (least, width) = bounds_of(bucket);
            least as f64 + (width - 1) as f64 / 2.0
        })
    }

    /// The buckets with something in them: the greatest value of each, and its count; for exports that want bounds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.buckets.iter().map(|&(bucket, count)| {
            let (least, width) = bounds_of(bucket);
            (least + width - 1, count)
        })
    }

    /// How many buckets, and of each how far it is from the one before and its count.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        varint::write(out, self.buckets.len() as u64);
        let mut before = 0;
        for &(bucket, count) in &self.buckets {
            varint::write(out, u64::from(bucket - before));
            varint::write(out, count);
            before = bucket;
        }
    }

    /// `None` where the bytes are not a histogram's.
    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = varint::read(bytes)?;
        let last = bucket_of(GREATEST);
        let mut histogram = Histogram::default();
        let mut bucket = 0u64;
        for index in 0..length {
            let distance = varint::read(bytes)?;
            bucket = bucket.checked_add(distance)?;
            if bucket > last.into() || (index > 0 && distance == 0) {
                return None;
            }
            histogram
                .buckets
                .push((bucket as u16, varint::read(bytes)?));
        }
        Some(histogram)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The true percentile, by nearest rank.
    fn exact(values: &mut [u64], part: f64) -> u64 {
        values.sort_unstable();
        let rank = (values.len() as f64 * part).ceil() as usize;
        values[rank.clamp(1, values.len()) - 1]
    }

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        histogram
    }

    fn any_value() -> impl Strategy<Value = u64> {
        (0u32..36, any::<u64>()).prop_map(|(bits, dice)| dice % (2 << bits))
    }

    proptest! {
        #[test]
        fn a_percentile_is_within_the_stated_error_of_the_exact_one(
            mut values in prop::collection::vec(any_value(), 1..300), part in 0.0..=1.0f64,
        ) {
            let read = histogram(&values).percentile(part).unwrap();
            let exact = exact(&mut values, part).min(GREATEST) as f64;
            prop_assert!((read - exact).abs() <= exact * RELATIVE_ERROR, "{read} for {exact}");
        }

        #[test]
        fn the_sum_of_histograms_is_the_histogram_of_all_values(
            some in prop::collection::vec(any_value(), 0..100), others in prop::collection::vec(any_value(), 0..100),
        ) {
            let mut sum = histogram(&some);
            sum.merge(&histogram(&others));
            prop_assert_eq!(sum, histogram(&[some, others].concat()));
        }

        #[test]
        fn a_histogram_comes_back_from_its_bytes(values in prop::collection::vec(any_value(), 0..100)) {
            let mut bytes = Vec::new();
            histogram(&values).write(&mut bytes);
            prop_assert_eq!(Histogram::read(&mut bytes.as_slice()), Some(histogram(&values)));
        }

        #[test]
        fn bytes_that_are_no_histogram_are_refused_and_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Some(read) = Histogram::read(&mut bytes.as_slice()) {
                prop_assert!(read.buckets.len() <= bytes.len());
            }
        }
    }

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        let last = bucket_of(GREATEST);
        let mut next = 0;
        for bucket in 0..=last {
            let (least, width) = bounds_of(bucket);
            assert_eq!((least, bucket_of(least)), (next, bucket));
            assert_eq!(bucket_of(least + width - 1), bucket);
            next = least + width;
        }
        assert_eq!(next, GREATEST + 1);
        assert_eq!(bucket_of(u64::MAX), last);
    }
}
