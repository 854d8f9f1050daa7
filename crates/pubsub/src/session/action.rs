//! What the shell must do for a session.

use std::fmt;

use auth::Secret;
use transport::Message;

/// One thing to do, in the order in which they are polled.
#[derive(Debug, Eq, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Action {
    /// Drop the socket, or stop opening it, without a close frame. Nothing more
    /// needs to be reported of it.
    Abort(SocketId),
    /// Open a socket, then report with `handle_open` or `handle_dial_failed`.
    Dial {
        /// The name under which everything about the socket is reported.
        socket: SocketId,
        /// Where to.
        target: DialTarget,
    },
    /// Send a message on the open socket.
    Transmit(Message),
}

/// One socket of a session; later ones are larger.
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

/// Where to open a socket.
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
        /// The token that the service gave for it.
        reconnection_token: Secret,
    },
}

/// Why a socket could not be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The credential gave no client access URL.
    #[error("the credential gave no client access URL")]
    Credential,
    /// The service was not reached, or the handshake failed.
    #[error("the service could not be reached")]
    Transport,
    /// The service answered with an HTTP status.
    #[error("the service refused the connection with status {status}")]
    Refused {
        /// The status.
        status: u16,
        /// Whether the client access URL was the same as at the attempt before.
        is_same_url: bool,
    },
    /// The service sent something that is not of the subprotocol before it said `connected`.
    #[error("the service sent something that is not of the subprotocol")]
    Protocol,
    /// The service did not take the subprotocol.
    #[error("the service did not take the subprotocol")]
    Subprotocol,
    /// It took too long.
    #[error("the attempt to connect took too long")]
    TimedOut,
    /// The connection was closed before the service said `connected`.
    #[error("the connection was closed before the service accepted it")]
    Closed,
}

impl DialError {
    /// Whether the same URL will be refused forever, as an expired token is.
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
