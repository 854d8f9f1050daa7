//! Control messages from handles to the driver, which bypass queued commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::channel::oneshot;

use crate::Result;

/// A control message, which is not delayed by commands.
pub(super) enum Control {
    Start(oneshot::Sender<Result<()>>),
    Stop(oneshot::Sender<()>),
    AbandonStream(String),
    CancelInvocation(InvocationKey),
}

/// The key of an invocation, whose id the session chooses later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InvocationKey(u64);

/// A generator of invocation keys, shared by all handles of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct InvocationKeys(Arc<AtomicU64>);

impl InvocationKeys {
    pub(super) fn next(&self) -> InvocationKey {
        InvocationKey(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
