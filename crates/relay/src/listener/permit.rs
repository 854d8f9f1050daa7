//! How many things may be under way at once.

use std::sync::Arc;

/// A number of permits. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    taken: Arc<()>,
    limit: usize,
}

impl Permits {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            taken: Arc::new(()),
            limit,
        }
    }

    /// A permit, if one is free. There must be one caller only.
    pub(super) fn take(&self) -> Option<Permit> {
        (Arc::strong_count(&self.taken) <= self.limit).then(|| Permit(Arc::clone(&self.taken)))
    }
}

/// One thing that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct Permit(#[expect(dead_code, reason = "it is counted, not read")] Arc<()>);
