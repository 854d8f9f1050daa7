//! Stream errors.

use super::super::frame::Unfit;
use crate::protocol::AckError;

/// The error of a stream, or of opening one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamWriteError {
    /// The service ended the stream.
    #[error("the service ended the stream: {0}")]
    Refused(AckError),
    /// The connection ended, or was lost before the stream was open.
    #[error("the connection ended before the stream")]
    ConnectionLost,
    /// The application does not read its events: more of them wait than
    /// [`max_unread_bytes`](crate::SessionOptions::max_unread_bytes) allows, and the answer is behind them.
    /// A stream goes on after a fragment that was not sent.
    #[error("events are not being read: more of them wait than `max_unread_bytes` allows")]
    EventsNotRead {
        /// Whether it may have taken effect; otherwise it was not sent.
        was_sent: bool,
    },
    /// There is no connection, and none will follow in time. Nothing was sent.
    #[error("the client is not connected")]
    NotConnected,
    /// The client is not started, or has stopped. Nothing was sent.
    #[error("the client is not started")]
    NotStarted,
    /// A stream with this id is open.
    #[error("the stream id is in use")]
    DuplicateId,
    /// The service did not respond in time; the stream is abandoned.
    #[error("the service did not respond in time")]
    TimedOut,
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
    /// The subprotocol does not support streams.
    #[error("the subprotocol does not support streams")]
    Unsupported,
    /// The data breaks a rule of the service, which the error text names. The fragment was not
    /// sent.
    #[error("the data {0}")]
    InvalidData(&'static str),
    /// The message is longer than
    /// [`Session::MAX_MESSAGE_LEN`](crate::session::Session::MAX_MESSAGE_LEN). It was not sent.
    #[error("the message exceeds the service's limit of 1 MiB")]
    TooLarge,
}

impl From<Unfit> for StreamWriteError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::InvalidData(rule) => Self::InvalidData(rule),
            Unfit::TooLarge => Self::TooLarge,
            Unfit::Unsupported => Self::Unsupported,
        }
    }
}
