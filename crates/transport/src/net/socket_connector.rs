//! The [`WebSocketConnector`] over [`Connector`] and the opening handshake. Shell.

use async_trait::async_trait;

use super::{Connector, open_websocket};
use crate::{Handshake, HandshakeRequest, Result, WebSocketConnector};

/// Opens WebSockets over the connections of a [`Connector`].
///
/// The connector's timeout covers everything up to the end of the TLS
/// handshake. The opening handshake that follows has no timeout: drop the
/// future to stop waiting.
///
/// ```no_run
/// use azwire_transport::net::{Connector, HyperWebSocketConnector};
/// use azwire_transport::{HandshakeRequest, Message, WebSocketConnector};
/// use futures_util::{SinkExt, StreamExt};
///
/// # async fn example(connections: Connector) -> Result<(), Box<dyn std::error::Error>> {
/// let connector = HyperWebSocketConnector::new(connections);
/// let request = HandshakeRequest::new("wss://example.com/chat".parse()?);
/// let mut socket = connector.connect(request).await?.socket;
/// socket.send(Message::text("hello")).await?;
/// while let Some(message) = socket.next().await {
///     println!("{:?}", message?);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct HyperWebSocketConnector {
    connector: Connector,
}

impl HyperWebSocketConnector {
    /// Creates a WebSocket connector.
    pub fn new(connector: Connector) -> Self {
        Self { connector }
    }
}

/// WebSockets over [`Connector::default`].
#[cfg(feature = "rustls-ring")]
impl Default for HyperWebSocketConnector {
    fn default() -> Self {
        Self::new(Connector::default())
    }
}

#[async_trait]
impl WebSocketConnector for HyperWebSocketConnector {
    async fn connect(&self, request: HandshakeRequest) -> Result<Handshake> {
        let connection = self.connector.connect(&request.uri).await?;
        open_websocket(connection, request, self.connector.runtime()).await
    }
}
