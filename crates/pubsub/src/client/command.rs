//! Commands from handles to the driver.

use futures::channel::oneshot;

use super::control::InvocationKey;
use super::guard::StreamGuard;
use crate::protocol::{Data, StreamEndError};
use crate::session::{Posted, Request};
use crate::{
    AckId, Acknowledged, EventName, GroupName, InvocationError, InvokeEventOptions, RequestError,
    StreamOptions, StreamWriteError,
};

/// The channel that returns an outcome to a caller.
pub(super) type Caller<T, E> = oneshot::Sender<Result<T, E>>;

/// A command, which waits for room in its queue, in order.
pub(super) enum Command {
    Request(Request, Option<AckId>, Caller<Acknowledged, RequestError>),
    Post(Posted),
    Send(Data),
    Invoke {
        key: InvocationKey,
        event: EventName,
        data: Option<Data>,
        options: InvokeEventOptions,
        caller: Caller<Option<Data>, InvocationError>,
    },
    OpenStream {
        group: GroupName,
        options: StreamOptions,
        caller: Caller<StreamGuard, StreamWriteError>,
    },
    WriteStream {
        stream_id: String,
        data: Data,
        caller: Caller<(), StreamWriteError>,
    },
    EndStream {
        stream_id: String,
        error: Option<StreamEndError>,
        caller: Caller<(), StreamWriteError>,
    },
}

impl Command {
    /// Whether somebody waits for the outcome.
    pub(super) fn has_caller(&self) -> bool {
        !matches!(self, Self::Post(_) | Self::Send(_))
    }
}
