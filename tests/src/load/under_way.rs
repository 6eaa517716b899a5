use std::sync::Arc;

/// Counts calls under way. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<()>);

/// One call under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Call(
    #[allow(dead_code, reason = "it counts by being there")] std::sync::Weak<()>,
);

// === impl UnderWay ===

impl UnderWay {
    pub fn begin(&self) -> Call {
        Call(Arc::downgrade(&self.0))
    }

    pub fn count(&self) -> usize {
        Arc::weak_count(&self.0)
    }
}
