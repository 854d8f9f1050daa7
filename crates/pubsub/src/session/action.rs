//! The actions that a session requests from its shell.

use std::fmt;

use auth::Secret;
use transport::Message;

/// An action to perform, in the order in which they are polled.
#[derive(Debug, Eq, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Action {
    /// Drop the socket, or stop opening it, without a close frame. Nothing more
    /// needs to be reported about it.
    Abort(SocketId),
    /// Open a socket, then report with `handle_open` or `handle_dial_failed`.
    Dial {
        /// The id under which everything about the socket is reported.
        socket: SocketId,
        /// The address.
        target: DialTarget,
    },
    /// Send a message on the open socket.
    Transmit(Message),
}

/// The id of one socket of a session; ids increase.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SocketId(u64);

impl SocketId {
    pub(super) const FIRST: Self = Self(0);

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The address for a socket.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DialTarget {
    /// A new connection: ask the credential for a client access URL and open it.
    New,
    /// The connection that was lost: open the URL that it was opened with, with the
    /// two query parameters `awps_connection_id` and `awps_reconnection_token` added.
    Recover {
        /// The id of the connection.
        connection_id: String,
        /// The reconnection token of the connection.
        reconnection_token: Secret,
    },
}

/// The reason why a socket could not be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The credential failed to return a client access URL.
    #[error("the credential failed to return a client access URL")]
    Credential,
    /// The service could not be reached, or the handshake failed.
    #[error("the service could not be reached")]
    Transport,
    /// The service rejected the handshake with an HTTP status.
    #[error("the service rejected the connection with status {status}")]
    Refused {
        /// The status.
        status: u16,
        /// Whether the client access URL was the same as in the previous attempt.
        is_same_url: bool,
    },
    /// The service violated the subprotocol before it sent `connected`.
    #[error("the service violated the subprotocol")]
    Protocol,
    /// The service did not accept the subprotocol.
    #[error("the service did not accept the subprotocol")]
    Subprotocol,
    /// The attempt timed out.
    #[error("the attempt to connect timed out")]
    TimedOut,
    /// The connection was closed before the service sent `connected`.
    #[error("the connection was closed before the service accepted it")]
    Closed,
}

impl DialError {
    /// Whether the same URL will always be rejected, for example because its token has expired.
    pub(super) fn is_same_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 401 | 403,
                is_same_url: true
            }
        )
    }
}
