//! Both directions of a pair: a hybrid connection on one side, a local stream on the other. Shell.
//!
//! One task drives a pair, and shares no lock with another. What the WebSocket has received is written to the local
//! side as it lies in its message; what the local side sends is read into the buffer that becomes the message.
//!
//! # Ends
//!
//! The end of one direction is passed on and leaves the other open. The pair ends when both have, and the relay
//! has confirmed it. An end that is not a clean one is told as such, where the other side has a word for it:
//!
//! | what happens | the other side gets |
//! | --- | --- |
//! | the local side resets | a close frame with 1011, which azbridge takes for an end, and we for an abrupt one |
//! | the local side no longer takes data, and has ended its own | nothing: a closed direction has no more words. What arrives is discarded until the close time-out, then the connection is cut |
//! | the hybrid connection is lost, or closed with another code than 1000 | a reset of TCP; other sockets have only an end |
//! | too long idle, or stopped | both of them, with 1001 |
//!
//! aztunnel has no clean end: its first end cuts the connection, and what its peer has not sent by then is lost. So on
//! its wire a loss is taken for the end of both directions, unless a close frame says that the data is not
//! whole ([`LossIs`]).

mod datagrams;
mod farewell;
mod idle;
mod local;
mod stream;

pub(crate) use datagrams::{DatagramSocket, Received, encoded, pump_datagrams};
pub(crate) use farewell::abort;
pub(crate) use local::LocalStream;
pub(crate) use stream::pump;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use transport::SharedRuntime;

use crate::destination::Destination;
use crate::metrics::TargetCounters;
use crate::pairs::StopSignal;

/// What a pump needs beside the two sides.
#[derive(Debug)]
pub(crate) struct PumpTerms {
    pub(crate) runtime: SharedRuntime,
    /// How long the pair may carry nothing; [`Duration::MAX`] for as long as it likes.
    pub(crate) idle: Duration,
    pub(crate) counters: Arc<TargetCounters>,
    pub(crate) loss: LossIs,
    pub(crate) stop: StopSignal,
}

/// What the loss of a hybrid connection means, and a close frame with 1001 instead of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LossIs {
    /// The data is not whole.
    Abrupt,
    /// The other side has ended both directions, as aztunnel does.
    AnEnd,
}

impl LossIs {
    /// What it means on the wire of a destination.
    pub(crate) fn of(destination: &Destination) -> Self {
        match destination {
            Destination::PortName(_) => Self::Abrupt,
            Destination::Target(_) | Destination::Socks5(_) => Self::AnEnd,
        }
    }
}

/// How a pair has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The bytes that were handed to the relay.
    pub(crate) sent: u64,
    /// The bytes that came from the relay and were handed to the local side.
    pub(crate) received: u64,
    pub(crate) cause: EndCause,
}

#[derive(Debug)]
pub(crate) enum EndCause {
    /// Both directions have ended, and everything has arrived.
    Complete,
    /// It carried nothing for too long.
    Idle,
    /// The local side was lost, or takes no more data.
    Local(io::Error),
    /// The hybrid connection was lost, or ended by the other side before its data was whole.
    Relay(io::Error),
    /// It was stopped.
    Stopped,
    /// Both directions have ended, but the relay did not confirm that the last bytes have arrived.
    Unconfirmed(relay::Error),
}
