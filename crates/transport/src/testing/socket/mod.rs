//! Two WebSockets joined in memory, with the same contract as real ones.

mod end;
mod link;

pub use link::SocketLink;

use crate::{Limits, WebSocket};
use end::End;

/// Creates two WebSockets that are joined in memory.
///
/// They keep the contract of [`WebSocket`], and behave like typical sockets beyond it:
/// nothing arrives before a flush, at most 64 KiB are in transit in each
/// direction, and when one is dropped, what it flushed still arrives at the
/// other before the error. [`SocketPair::open`] also returns a handle to break the
/// connection.
///
/// ```
/// use azwire_transport::testing::socket_pair;
/// use azwire_transport::Message;
/// use futures_util::{SinkExt, StreamExt};
///
/// # futures::executor::block_on(async {
/// let (mut left, mut right) = socket_pair();
/// left.send(Message::text("hello")).await?;
/// assert_eq!(right.next().await.unwrap()?, Message::text("hello"));
/// # azwire_transport::Result::<()>::Ok(())
/// # }).unwrap();
/// ```
pub fn socket_pair() -> (Box<dyn WebSocket>, Box<dyn WebSocket>) {
    let pair = SocketPair::open(SocketPairOptions::default());
    (pair.left, pair.right)
}

/// Two joined WebSockets and the connection between them.
#[derive(Debug)]
#[non_exhaustive]
pub struct SocketPair {
    /// One socket.
    pub left: Box<dyn WebSocket>,
    /// The other socket.
    pub right: Box<dyn WebSocket>,
    /// The connection.
    pub link: SocketLink,
}

impl SocketPair {
    /// Creates two joined sockets.
    pub fn open(options: SocketPairOptions) -> Self {
        let link = SocketLink::new();
        let end = |side| -> Box<dyn WebSocket> { Box::new(End::new(side, &link, options)) };
        Self {
            left: end(0),
            right: end(1),
            link,
        }
    }
}

/// The options of both sockets of a pair.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SocketPairOptions {
    /// How many bytes may be in transit in each direction, counting a header of 14 bytes for each message.
    /// A message is accepted if there is any room at all. Default: 64 KiB.
    pub capacity: usize,
    /// The limits of each socket; the frame limit does not matter here.
    pub limits: Limits,
    /// Whether a close frame ends one direction only; see [`HandshakeRequest::with_half_close`](crate::HandshakeRequest::with_half_close).
    pub half_close: bool,
}

impl SocketPairOptions {
    /// Sets how many bytes may be in transit in each direction, at least one.
    #[must_use]
    pub fn with_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes.max(1);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes a close frame end one direction only.
    #[must_use]
    pub fn with_half_close(mut self, half_close: bool) -> Self {
        self.half_close = half_close;
        self
    }
}

impl Default for SocketPairOptions {
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            limits: Limits::default(),
            half_close: false,
        }
    }
}
