//! What the shell must do for a control channel, and what a listener sees of it.

use auth::Secret;
use transport::Message;

use crate::command::Accept;

/// One thing to do, in the order in which they are polled.
#[derive(Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Action {
    /// Drop the socket, if there is one, without a close frame.
    Abort,
    /// Open the control channel with this token, then report with `handle_open` or `handle_closed`.
    Dial(Option<Secret>),
    /// Get a token, then report with `handle_token`.
    FetchToken,
    /// Send a message on the socket.
    Transmit(Message),
}

/// One thing that happened, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A sender wants a WebSocket.
    Incoming(Accept),
    /// The channel is lost, and a try to connect again will follow.
    Connecting,
    /// The channel has ended for good.
    Offline,
    /// The relay sends senders here.
    Online,
}
