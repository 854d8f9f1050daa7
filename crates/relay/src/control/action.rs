//! What the shell must do for a control channel, and what a listener sees of it.

use auth::Secret;
use bytes::Bytes;
use http::Request;
use transport::Message;

use crate::command::Accept;
use crate::exchange::{Pointer, Responder};

/// One thing to do, in the order in which they are polled.
#[derive(Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Action {
    /// Drop the socket and whatever is under way to get one, without a close frame.
    Abort,
    /// Open the control channel with this token, then report with `handle_open` or `handle_closed`.
    Dial(Option<Secret>),
    /// Get a token, then report with `handle_token`. Replaces a fetch that is still under way.
    FetchToken,
    /// Send a message on the socket.
    Transmit(Message),
}

/// One thing that happened, in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The channel is lost, and a try to connect again will follow.
    Connecting,
    /// A sender wants a WebSocket.
    Incoming(Accept),
    /// The channel has ended for good.
    Offline,
    /// The relay sends senders here.
    Online,
    /// A sender sent an HTTP request, which waits at a rendezvous.
    Pointer(Pointer),
    /// A sender sent an HTTP request. Answer with
    /// [`respond`](super::ControlChannel::respond), or by rendezvous and then
    /// [`release`](super::ControlChannel::release).
    Request(Box<Request<Bytes>>, Responder),
}

/// Why a socket is gone, or was never there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// The connection ended, broke, or could not be made.
    Ended,
    /// The opening was answered with this status instead of 101.
    Refused(http::StatusCode),
}
