//! What a handle asks of the driver.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures::channel::oneshot;

use super::queue::Sender;
use super::stream::StreamGuard;
use crate::protocol::{Data, StreamEndError};
use crate::session::{
    AckId, Acknowledged, InvocationError, InvokeEventOptions, Posted, Request, RequestError,
    StreamOptions, StreamWriteError,
};
use crate::{EventName, GroupName, Result};

/// What waits for room in its queue, in order.
pub(super) enum Command {
    Request(
        Request,
        Option<AckId>,
        ReplySender<Acknowledged, RequestError>,
    ),
    Post(Posted),
    Send(Data),
    Invoke {
        key: InvocationKey,
        event: EventName,
        data: Option<Data>,
        options: InvokeEventOptions,
        reply: ReplySender<Option<Data>, InvocationError>,
    },
    OpenStream {
        group: GroupName,
        options: StreamOptions,
        reply: ReplySender<StreamGuard, StreamWriteError>,
    },
    WriteStream {
        stream_id: String,
        data: Data,
        reply: ReplySender<(), StreamWriteError>,
    },
    EndStream {
        stream_id: String,
        error: Option<StreamEndError>,
        reply: ReplySender<(), StreamWriteError>,
    },
}

/// What is never kept waiting by commands.
pub(super) enum Control {
    Start(oneshot::Sender<Result<()>>),
    Stop(oneshot::Sender<()>),
    AbandonStream(String),
    CancelInvocation(InvocationKey),
}

/// What a caller calls its invocation, whose id the session chooses later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InvocationKey(u64);

/// The keys of all handles of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct InvocationKeys(Arc<AtomicU64>);

impl InvocationKeys {
    pub(super) fn next(&self) -> InvocationKey {
        InvocationKey(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// An invocation that is given up when nobody waits for its response any more.
pub(super) struct InvocationGuard {
    controls: Sender<Control>,
    key: InvocationKey,
    is_ended: bool,
}

impl InvocationGuard {
    pub(super) fn new(controls: Sender<Control>, key: InvocationKey) -> Self {
        Self {
            controls,
            key,
            is_ended: false,
        }
    }

    pub(super) fn end(mut self) {
        self.is_ended = true;
    }
}

impl Drop for InvocationGuard {
    fn drop(&mut self) {
        if !self.is_ended {
            // Without a driver there is no invocation.
            let _ = self.controls.push(Control::CancelInvocation(self.key));
        }
    }
}

/// The way back for an outcome.
pub(super) type ReplySender<T, E> = oneshot::Sender<Result<T, E>>;

/// Whether the client is started, for handles that do not wait for a reply, and
/// what ended its task.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<RunningState>);

#[derive(Debug, Default)]
struct RunningState {
    is_set: AtomicBool,
    failure: OnceLock<&'static str>,
}

impl Running {
    pub(super) fn set(&self, is_running: bool) {
        self.0.is_set.store(is_running, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::Relaxed)
    }

    /// The task has ended although nobody stopped the client.
    pub(super) fn fail(&self, failure: &'static str) {
        // Only the first one can have ended it.
        let _ = self.0.failure.set(failure);
        self.set(false);
    }

    pub(super) fn failure(&self) -> Option<&'static str> {
        self.0.failure.get().copied()
    }
}
