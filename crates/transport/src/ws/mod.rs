//! The WebSocket seam: a socket is a stream and a sink of [`Message`]s, and a
//! connector opens one.

mod adapter;
mod close;
#[cfg(any(feature = "hyper", feature = "_internal"))]
pub mod frame;
mod limits;
mod message;
#[cfg(feature = "_internal")]
pub(crate) mod writer;

pub use adapter::WebSocketAdapter;
pub use close::{CloseCode, CloseFrame};
pub use limits::Limits;
pub use message::{Message, Text};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;
use futures_sink::Sink;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{Error, Result};

/// An open WebSocket.
///
/// Reading:
/// - Text is validated as UTF-8, and fragments are joined. A ping is answered by the
///   implementation and still delivered, as is a pong.
/// - The peer's close frame arrives as [`Message::Close`], then the stream ends.
///   A connection that ends without one yields an error of kind
///   [`Closed`](crate::ErrorKind::Closed), then the stream ends.
/// - An error ends the stream. The close frame that the error calls for (1002,
///   1007, 1009) has been queued by then; closing the socket makes sure that it is sent.
///
/// Writing:
/// - `poll_ready` waits while more than [`Limits::max_pending_write`] bytes are
///   queued; `start_send` queues; `poll_flush` writes everything. Feed a batch
///   and flush once: a flush is a system call.
/// - Sending [`Message::Close`] starts the closing handshake: nothing more can
///   be sent, but reading continues.
/// - After the peer's close frame nothing more can be sent either, unless the socket
///   was opened [for half-close](HandshakeRequest::with_half_close).
/// - The sink reports a failed write with [`Closed`](crate::ErrorKind::Closed).
///   Reading continues with what the peer had sent before, which may explain the failure.
/// - `poll_close` sends close code 1000 if none was sent, flushes, discards
///   incoming messages until the peer's close frame (after an error, and with
///   [half-close](HandshakeRequest::with_half_close), also until the peer ends the
///   connection), and ends the connection. It waits as long as the peer takes:
///   put a deadline around it, then drop the socket.
///
/// Dropping the socket ends the connection immediately, without a close frame: if bytes from
/// the peer have not been read, the system resets the connection, and what was
/// flushed last may not arrive. Only `poll_close` preserves it.
///
/// A single task should drive both directions, polling both each time it wakes, or each whenever
/// a waker of its own was called. Never `select!` over a send and a receive: two peers that do so
/// while both send wait for each other forever.
///
/// [`WebSocketAdapter`] makes one of the socket of another library.
///
/// # Cancel safety
///
/// `next()` loses nothing when dropped. A dropped `send()` may or may not have
/// queued its message.
pub trait WebSocket:
    Stream<Item = Result<Message>> + Sink<Message, Error = Error> + fmt::Debug + Send + Unpin
{
}

impl<T> WebSocket for T where
    T: Stream<Item = Result<Message>> + Sink<Message, Error = Error> + fmt::Debug + Send + Unpin
{
}

/// Opens WebSockets.
///
/// ```no_run
/// use azwire_transport::{HandshakeRequest, Message, Result, WebSocketConnector};
/// use futures_util::{SinkExt, StreamExt};
///
/// # async fn example(connector: impl WebSocketConnector, uri: http::Uri) -> Result<()> {
/// let request = HandshakeRequest::new(uri).with_subprotocol("echo.v1");
/// let mut socket = connector.connect(request).await?.socket;
/// socket.send(Message::text("hello")).await?;
/// while let Some(message) = socket.next().await {
///     println!("{:?}", message?);
/// }
/// socket.close().await?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait WebSocketConnector: fmt::Debug + Send + Sync + 'static {
    /// Performs the opening handshake of RFC 6455 §4.1.
    ///
    /// # Errors
    ///
    /// A response other than 101 is an error of kind
    /// [`Rejected`](crate::ErrorKind::Rejected) that contains the whole response; an invalid
    /// 101 is [`Protocol`](crate::ErrorKind::Protocol).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection; the peer may have seen the request.
    async fn connect(&self, request: HandshakeRequest) -> Result<Handshake>;
}

/// A cheap, shared handle to a [`WebSocketConnector`].
#[derive(Clone, Debug)]
pub struct SharedWebSocketConnector(Arc<dyn WebSocketConnector>);

impl SharedWebSocketConnector {
    /// Creates a shared handle to `connector`.
    pub fn new(connector: impl WebSocketConnector) -> Self {
        Self(Arc::new(connector))
    }
}

#[async_trait]
impl WebSocketConnector for SharedWebSocketConnector {
    async fn connect(&self, request: HandshakeRequest) -> Result<Handshake> {
        self.0.connect(request).await
    }
}

/// The request to open a WebSocket: the address, additional headers, subprotocols in order of
/// preference, and limits.
#[derive(Clone)]
#[non_exhaustive]
pub struct HandshakeRequest {
    /// The absolute `ws://` or `wss://` address.
    pub uri: Uri,
    /// The additional headers of the opening request.
    pub headers: HeaderMap,
    /// The subprotocols to offer, the preferred one first.
    pub subprotocols: Vec<String>,
    /// The limits of the socket.
    pub limits: Limits,
    /// Whether a close frame from the peer ends only the peer's direction; see [`with_half_close`](Self::with_half_close). Default: `false`.
    pub half_close: bool,
}

impl HandshakeRequest {
    /// Creates a request without additional headers or subprotocols.
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            headers: HeaderMap::new(),
            subprotocols: Vec::new(),
            limits: Limits::default(),
            half_close: false,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Offers a subprotocol, after those already offered.
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes a close frame from the peer end only the peer's direction. Default: off.
    ///
    /// RFC 6455 §5.5.1 requires an immediate answer to a close frame. Azure Relay instead
    /// relays it as the end of one direction of a stream. When this is on, the
    /// peer's close frame is delivered as [`Message::Close`] and the stream
    /// ends, but nothing is answered: sending remains possible until a
    /// [`Message::Close`] is sent, or `poll_close` sends one.
    ///
    /// A connector whose library always answers may ignore this: then sending fails with
    /// [`Closed`](crate::ErrorKind::Closed) after the peer's close frame.
    #[must_use]
    pub fn with_half_close(mut self, half_close: bool) -> Self {
        self.half_close = half_close;
        self
    }
}

impl fmt::Debug for HandshakeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query and the headers carry tokens.
        f.debug_struct("HandshakeRequest")
            .field("host", &self.uri.host())
            .field("path", &self.uri.path())
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

/// An opened WebSocket and the peer's response.
#[derive(Debug)]
#[non_exhaustive]
pub struct Handshake {
    /// The socket.
    pub socket: Box<dyn WebSocket>,
    /// The subprotocol that the peer chose, one of those offered.
    pub subprotocol: Option<String>,
    /// The headers of the 101 response.
    pub headers: HeaderMap,
}

impl Handshake {
    /// Creates a handshake from an opened socket and the response; for other implementations of the trait.
    pub fn new(
        socket: Box<dyn WebSocket>,
        subprotocol: Option<String>,
        headers: HeaderMap,
    ) -> Self {
        Self {
            socket,
            subprotocol,
            headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_text_of_a_request_says_where_it_goes_and_shows_no_token() {
        let uri = Uri::from_static("wss://hub.example/client/hubs/chat?access_token=secret");
        let token = HeaderValue::from_static("Bearer secret");
        let request = HandshakeRequest::new(uri)
            .with_header(http::header::AUTHORIZATION, token)
            .with_subprotocol("json.example");
        let text = format!("{request:?}");
        for shown in [
            "HandshakeRequest",
            "hub.example",
            "/client/hubs/chat",
            "json.example",
        ] {
            assert!(text.contains(shown), "{text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }
}
