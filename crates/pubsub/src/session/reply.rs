//! The replies of a session to commands.

use super::ack::{AckId, Acknowledged, RequestError};
use super::action::DialError;
use super::invoke::InvocationError;
use super::stream::{StreamWriteError, WriteId};
use crate::protocol::Data;

/// The reply to a command, or to [`Session::start`](super::Session::start).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The session has connected, or has failed to and stopped.
    Started(Result<(), DialError>),
    /// A request has ended.
    Acknowledged(AckId, Result<Acknowledged, RequestError>),
    /// An invocation has ended, with the payload of the response, if any.
    Invoked(String, Result<Option<Data>, InvocationError>),
    /// A stream is open, or could not be opened.
    StreamOpened(String, Result<(), StreamWriteError>),
    /// A fragment has entered the stream's window and will be sent until it is accepted.
    StreamWritten(WriteId, Result<(), StreamWriteError>),
    /// A stream has ended; `Ok` if the service has accepted every fragment.
    StreamEnded(String, Result<(), StreamWriteError>),
}
