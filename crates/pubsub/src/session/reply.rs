//! The answers to what an application asks of a session.

use super::ack::{AckId, Acknowledged, RequestError};
use super::action::DialError;
use super::invoke::InvocationError;
use super::stream::{StreamWriteError, WriteId};
use crate::protocol::Data;

/// The answer to a command, or to [`Session::start`](super::Session::start).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The session is connected, or could not be; then it has stopped.
    Started(Result<(), DialError>),
    /// A request has ended.
    Acknowledged(AckId, Result<Acknowledged, RequestError>),
    /// An invocation has ended, with the response's payload, if any.
    Invoked(String, Result<Option<Data>, InvocationError>),
    /// A stream is open, or could not be opened.
    StreamOpened(String, Result<(), StreamWriteError>),
    /// A fragment has found its place in the stream's window and will be sent until it was taken.
    StreamWritten(WriteId, Result<(), StreamWriteError>),
    /// A stream has ended gracefully: the service has taken every fragment.
    StreamEnded(String, Result<(), StreamWriteError>),
}
