//! The actions that the shell performs for a control channel, and the events that a listener sees.

use auth::Secret;
use bytes::Bytes;
use http::Request;
use transport::Message;

use crate::command::Accept;
use crate::exchange::{Pointer, Responder};

/// An action for the shell, to perform in the order in which actions are polled.
#[derive(Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Action {
    /// Drop the socket, or the attempt to open one, without a close frame.
    Abort(AbortReason),
    /// Open the control channel with this token, then report with `handle_open` or `handle_closed`.
    Dial(Option<Secret>),
    /// Get a token, then report with `handle_token`. Replaces a fetch that is still running.
    FetchToken,
    /// Send a message on the socket.
    Transmit(Message),
}

/// Why a socket, or the attempt to open one, is abandoned.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AbortReason {
    /// The attempt took longer than
    /// [`attempt_timeout`](super::ControlOptions::attempt_timeout).
    #[error("the control channel did not open in time")]
    Attempt,
    /// The peer did not answer the close frame in time.
    #[error("the relay did not answer the close frame in time")]
    Closing,
    /// The token has expired, and no other was available in time.
    #[error("the token has expired and was not renewed")]
    Expired,
    /// Nothing was received for longer than the keep-alive allows.
    #[error("the relay has been silent for too long")]
    Silence,
    /// The channel was stopped before it was open.
    #[error("the control channel was stopped")]
    Stopped,
}

/// An event, in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The channel was lost; another attempt to connect follows.
    Connecting,
    /// A sender requests a WebSocket.
    Incoming(Accept),
    /// The channel has ended for good.
    Offline,
    /// The relay sends senders to this channel.
    Online,
    /// A sender sent an HTTP request, which waits at a rendezvous.
    Pointer(Pointer),
    /// A sender sent an HTTP request. Answer it with
    /// [`respond`](super::ControlChannel::respond), or by rendezvous and then
    /// [`release`](super::ControlChannel::release).
    Request(Box<Request<Bytes>>, Responder),
}

/// Why a socket is gone, or was never open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// The connection ended, was lost, or could not be opened.
    Ended,
    /// The opening was answered with this status instead of 101.
    Refused(http::StatusCode),
}
