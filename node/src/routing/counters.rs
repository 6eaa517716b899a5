//! What became of the calls of one business on this node: counted by the cores, read by `/metrics`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;
use weir_config::access::PublicReason;

use super::latency::{Latency, LatencyFigures};
use crate::forward::Fault;

/// Figures of one business since this node has known it. Every operation is relaxed: each figure is exact
/// by itself.
#[derive(Debug, Default)]
pub struct BusinessCounters {
    link: Use,
    public: [Use; REASONS.len()],
    errors: [AtomicU64; FAULTS.len()],
    /// Made with the first call: most businesses of a large cluster are idle on most nodes.
    latency: OnceLock<Box<Latency>>,
}

/// Calls and their bytes.
#[derive(Debug, Default)]
pub struct Use {
    calls: AtomicU64,
    bytes: AtomicU64,
}

/// Figures of one business, or of several together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BusinessFigures {
    pub link: UseFigures,
    /// In the order of [`REASONS`].
    pub public: [UseFigures; REASONS.len()],
    /// In the order of [`FAULTS`].
    pub errors: [u64; FAULTS.len()],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UseFigures {
    pub calls: u64,
    /// Request and response, heads and bodies; of a call that was sent elsewhere, what is known of its
    /// request.
    pub bytes: u64,
}

/// Why calls take the public link.
pub const REASONS: [PublicReason; 7] = [
    PublicReason::Disconnected,
    PublicReason::VersionNotAttached,
    PublicReason::DevtoolsTooOld,
    PublicReason::SdkTooOld,
    PublicReason::Gray,
    PublicReason::PackageQps,
    PublicReason::PackageBandwidth,
];

/// Whose fault a failed call is, and its name in figures.
pub const FAULTS: [(Fault, &str); 3] = [
    (Fault::Client, "client"),
    (Fault::Gateway, "gateway"),
    (Fault::Origin, "origin"),
];

/// The place of a reason in [`REASONS`].
fn place_of(reason: PublicReason) -> usize {
    match reason {
        PublicReason::Disconnected => 0,
        PublicReason::VersionNotAttached => 1,
        PublicReason::DevtoolsTooOld => 2,
        PublicReason::SdkTooOld => 3,
        PublicReason::Gray => 4,
        PublicReason::PackageQps => 5,
        PublicReason::PackageBandwidth => 6,
    }
}

// === impl BusinessCounters ===

impl BusinessCounters {
    /// Calls on the link.
    pub fn link(&self) -> &Use {
        &self.link
    }

    /// Calls on the public link.
    pub fn public(&self, reason: PublicReason) -> &Use {
        &self.public[place_of(reason)]
    }

    /// A call that ended with an error of the gateway's own.
    pub fn count_error(&self, fault: Fault) {
        let place = match fault {
            Fault::Client => 0,
            Fault::Gateway => 1,
            Fault::Origin => 2,
        };
        self.errors[place].fetch_add(1, Ordering::Relaxed);
    }

    /// A call that went to the origin is over.
    pub fn observe(&self, took: Duration, call_id: Uuid) {
        self.latency
            .get_or_init(Box::default)
            .observe(took, call_id);
    }

    /// How long its calls took.
    pub fn latency(&self) -> LatencyFigures {
        self.latency
            .get()
            .map(|latency| latency.figures())
            .unwrap_or_default()
    }

    pub fn figures(&self) -> BusinessFigures {
        BusinessFigures {
            link: self.link.figures(),
            public: std::array::from_fn(|place| self.public[place].figures()),
            errors: std::array::from_fn(|place| self.errors[place].load(Ordering::Relaxed)),
        }
    }
}

// === impl Use ===

impl Use {
    pub fn count(&self, calls: u64, bytes: u64) {
        if calls > 0 {
            self.calls.fetch_add(calls, Ordering::Relaxed);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn figures(&self) -> UseFigures {
        UseFigures {
            calls: self.calls.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

// === impl BusinessFigures ===

impl std::ops::AddAssign for BusinessFigures {
    fn add_assign(&mut self, other: Self) {
        self.link += other.link;
        for (mine, other) in self.public.iter_mut().zip(other.public) {
            *mine += other;
        }
        for (mine, other) in self.errors.iter_mut().zip(other.errors) {
            *mine += other;
        }
    }
}

// === impl UseFigures ===

impl std::ops::AddAssign for UseFigures {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_every_fault_is_counted_in_its_own_place() {
        let counters = BusinessCounters::default();
        for (place, reason) in REASONS.into_iter().enumerate() {
            counters.public(reason).count(1, 10 + place as u64);
        }
        for (times, (fault, _)) in FAULTS.into_iter().enumerate() {
            (0..=times).for_each(|_| counters.count_error(fault));
        }
        let figures = counters.figures();
        assert_eq!(
            figures.public.map(|used| used.bytes),
            [10, 11, 12, 13, 14, 15, 16]
        );
        assert_eq!(figures.errors, [1, 2, 3]);
        let mut twice = figures;
        twice += figures;
        assert_eq!(
            twice.public[6],
            UseFigures {
                calls: 2,
                bytes: 32
            }
        );
    }
}
