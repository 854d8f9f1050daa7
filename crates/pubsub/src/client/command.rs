//! What a handle asks of the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::oneshot;

use super::stream::StreamGuard;
use crate::protocol::{Data, StreamEndError};
use crate::session::{
    AckId, Acknowledged, InvocationError, InvokeEventOptions, Request, RequestError, StreamOptions,
    StreamWriteError,
};
use crate::{EventName, GroupName, Result};

/// What waits for room in its queue, in order.
pub(super) enum Command {
    Request(Request, Option<AckId>, Reply<Acknowledged, RequestError>),
    Post(Request),
    Send(Data),
    Invoke {
        event: EventName,
        data: Option<Data>,
        options: InvokeEventOptions,
        reply: Reply<Option<Data>, InvocationError>,
    },
    OpenStream {
        group: GroupName,
        options: StreamOptions,
        reply: Reply<StreamGuard, StreamWriteError>,
    },
    WriteStream {
        stream_id: String,
        data: Data,
        reply: Reply<(), StreamWriteError>,
    },
    EndStream {
        stream_id: String,
        error: Option<StreamEndError>,
        reply: Reply<(), StreamWriteError>,
    },
}

/// What is never kept waiting by commands.
pub(super) enum Control {
    Start(oneshot::Sender<Result<()>>),
    Stop(oneshot::Sender<()>),
    AbandonStream(String),
}

/// The way back for an outcome.
pub(super) type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// Whether the client is started, for handles that do not wait for a reply.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<AtomicBool>);

impl Running {
    pub(super) fn set(&self, is_running: bool) {
        self.0.store(is_running, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
