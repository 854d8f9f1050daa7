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

/// A command, which waits for room in its queue, in order. Messages without an answer are the most
/// frequent, and each is moved several times: what is much larger is boxed.
pub(super) enum Command {
    Request(
        Box<Request>,
        Option<AckId>,
        Caller<Acknowledged, RequestError>,
    ),
    Post(Posted),
    Send(Data),
    Invoke {
        key: InvocationKey,
        event: EventName,
        data: Option<Data>,
        options: Box<InvokeEventOptions>,
        caller: Caller<Option<Data>, InvocationError>,
    },
    OpenStream {
        group: GroupName,
        options: Box<StreamOptions>,
        caller: Caller<StreamGuard, StreamWriteError>,
    },
    WriteStream {
        stream_id: String,
        data: Data,
        caller: Caller<(), StreamWriteError>,
    },
    EndStream {
        stream_id: String,
        error: Option<Box<StreamEndError>>,
        caller: Caller<(), StreamWriteError>,
    },
}

impl Command {
    /// Whether somebody waits for the outcome.
    pub(super) fn has_caller(&self) -> bool {
        !matches!(self, Self::Post(_) | Self::Send(_))
    }

    /// Reports to the caller that this was not sent because events are not read.
    pub(super) fn refuse(self) {
        let was_sent = false;
        let stream_error = StreamWriteError::EventsNotRead { was_sent };
        // A caller may have stopped waiting.
        match self {
            Self::Post(_) | Self::Send(_) => {}
            Self::Request(_, _, caller) => {
                let _ = caller.send(Err(RequestError::EventsNotRead { was_sent }));
            }
            Self::Invoke { caller, .. } => {
                let _ = caller.send(Err(InvocationError::EventsNotRead { was_sent }));
            }
            Self::OpenStream { caller, .. } => {
                let _ = caller.send(Err(stream_error));
            }
            Self::WriteStream { caller, .. } | Self::EndStream { caller, .. } => {
                let _ = caller.send(Err(stream_error));
            }
        }
    }
}
