//! What the shell must do for a session.

use transport::Message;

/// One thing to do, in the order in which they are polled.
#[derive(Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Action {
    /// Drop the socket, if there is one, without a close frame.
    Abort,
    /// Ask the credential for a client access URL and open it, then report with
    /// `handle_open` or `handle_closed`.
    Dial,
    /// Send a message on the socket.
    Transmit(Message),
}
