//! What the retained versions of objects tell: which came from which, which lost unseen, what changed, and
//! how the configuration was at a moment.
//!
//! Versions are immutable and every node holds the same set of them, so these answers are the same on every
//! node.

mod diff;
mod lineage;
mod retention;

pub use diff::{FieldChange, diff};
pub use lineage::{Version, conflicts, lineage};
pub use retention::Retention;

use crate::catalog::Catalog;
use crate::object::Record;
use crate::stamp::Stamp;

/// A point in the cluster's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Just after this change.
    Version(Stamp),
    /// At the end of this millisecond since 1970-01-01 UTC.
    Ms(u64),
}

/// The configuration as it was at a moment: of each object the greatest version not after it.
pub fn catalog_at(versions: impl IntoIterator<Item = Record>, at: &Moment) -> Catalog {
    let mut catalog = Catalog::default();
    for record in versions {
        if at.includes(&record.stamp) {
            catalog.merge(record);
        }
    }
    catalog
}

// === impl Moment ===

impl Moment {
    /// Whether a change had been made by then.
    pub fn includes(&self, stamp: &Stamp) -> bool {
        match self {
            Moment::Version(last) => stamp <= last,
            Moment::Ms(ms) => stamp.wall_ms <= *ms,
        }
    }
}
