//! How streams fail.

use super::super::frame::Unfit;
use crate::protocol::AckError;

/// How a stream, or the attempt to open one, ended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamWriteError {
    /// The service ended the stream.
    #[error("the service ended the stream: {0}")]
    Refused(AckError),
    /// The connection was lost for good, or before the stream was open.
    #[error("the connection ended before the stream")]
    ConnectionLost,
    /// There was no connection, or there will be none.
    #[error("the client is not connected")]
    NotConnected,
    /// A stream of this name is open.
    #[error("the stream id is in use")]
    DuplicateId,
    /// The service did not answer in time; the stream is given up.
    #[error("the service did not answer in time")]
    TimedOut,
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
    /// The subprotocol has no streams.
    #[error("the subprotocol has no streams")]
    Unsupported,
    /// The data breaks a rule of the service, which the text names. The fragment was not sent.
    #[error("the data {0}")]
    InvalidData(&'static str),
    /// The frame is longer than [`Session::MAX_MESSAGE_LEN`](crate::session::Session::MAX_MESSAGE_LEN). It was not sent.
    #[error("the message is over the service's limit of 1 MiB")]
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
