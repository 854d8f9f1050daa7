//! The sender's builder.

use std::time::Duration;

use transport::{SharedHttpClient, SharedRuntime, SharedWebSocketConnector};

use super::Sender;
use crate::deadline::limit;
use crate::{ConnectionString, Credential, HybridConnection, RelayStream, Result};

/// The builder of a [`Sender`].
#[derive(Debug)]
#[must_use]
pub struct SenderBuilder {
    hybrid_connection: HybridConnection,
    credential: Credential,
    connector: Option<SharedWebSocketConnector>,
    client: Option<SharedHttpClient>,
    runtime: Option<SharedRuntime>,
    timeout: Duration,
    keep_alive: Option<Duration>,
    allow_plain_text: bool,
}

impl SenderBuilder {
    /// Creates a builder from a hybrid connection and a credential that has the right to send.
    pub fn new(hybrid_connection: HybridConnection, credential: Credential) -> Self {
        Self {
            hybrid_connection,
            credential,
            connector: None,
            client: None,
            runtime: None,
            timeout: DEFAULT_TIMEOUT,
            keep_alive: Some(RelayStream::DEFAULT_KEEP_ALIVE),
            allow_plain_text: false,
        }
    }

    /// Creates a builder from a connection string with `EntityPath`. Without a key or
    /// signature the sender is anonymous. `OperationTimeout` sets the
    /// [`timeout`](Self::timeout).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the invalid part.
    ///
    /// ```
    /// use std::time::Duration;
    /// use azwire_relay::SenderBuilder;
    ///
    /// # fn example(connection_string: &str) -> azwire_relay::Result<()> {
    /// let sender = SenderBuilder::from_connection_string(connection_string)?
    ///     .timeout(Duration::from_secs(10))
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn from_connection_string(connection_string: &str) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let credential = Credential::from_connection_string(parsed.credential())?;
        let builder = Self::new(parsed.hybrid_connection()?, credential);
        Ok(match parsed.written_timeout() {
            Some(timeout) => builder.timeout(timeout),
            None => builder,
        })
    }

    /// As [`from_connection_string`](Self::from_connection_string), with the connection string in
    /// the environment variable `RELAY_CONNECTION_STRING`.
    ///
    /// # Errors
    ///
    /// Same as [`Sender::from_env`].
    pub fn from_env() -> Result<Self> {
        crate::environment::connection_string(
            |name| std::env::var_os(name),
            Self::from_connection_string,
        )
    }

    /// Sets the connector for all connections, which handles proxies and trusted
    /// roots; default: that of [`net::Connector`](transport::net::Connector).
    #[cfg(feature = "hyper")]
    pub fn connector(mut self, connector: transport::net::Connector) -> Self {
        let websockets = transport::net::HyperWebSocketConnector::new(connector.clone());
        self.connector = Some(SharedWebSocketConnector::new(websockets));
        self.client = Some(SharedHttpClient::new(transport::net::HyperClient::new(
            connector,
        )));
        self
    }

    /// Sets the WebSocket connector.
    pub fn websocket_connector(mut self, connector: SharedWebSocketConnector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Sets the HTTP client.
    pub fn http_client(mut self, client: SharedHttpClient) -> Self {
        self.client = Some(client);
        self
    }

    /// Allows plaintext to other machines: tokens and data then cross the network
    /// unencrypted. For emulators in containers. Default `false`.
    ///
    /// The default connector then allows it too; a connector that is set must allow it
    /// [itself](transport::net::ConnectorBuilder::allow_plain_text).
    pub fn allow_plain_text(mut self, allow: bool) -> Self {
        self.allow_plain_text = allow;
        self
    }

    /// Sets the runtime whose clock enforces timeouts; default: tokio.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets the timeout of connecting and of a response head. Default:
    /// 70 s, so that the service's own response to a timeout of 60 s arrives first;
    /// zero means none. While a request body is being sent, it limits how long
    /// no bytes of the body may move.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the keep-alive interval of streams that are idle and being read: at least
    /// 10 ms; `None` or zero disables keep-alive. Default:
    /// [`RelayStream::DEFAULT_KEEP_ALIVE`].
    pub fn stream_keep_alive(mut self, interval: Option<Duration>) -> Self {
        self.keep_alive = interval;
        self
    }

    /// Builds the sender.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for plaintext to another
    /// machine without [`allow_plain_text`](Self::allow_plain_text), and for a part that
    /// has no default because the features `hyper` and `rustls-ring` are off.
    pub fn build(self) -> Result<Sender> {
        let allow = self.allow_plain_text;
        crate::defaults::check_plain_text(&self.hybrid_connection, allow)?;
        let connector = || crate::defaults::connector(allow);
        let client = || crate::defaults::http_client(allow);
        Ok(Sender {
            hybrid_connection: self.hybrid_connection,
            credential: self.credential,
            connector: self.connector.map_or_else(connector, Ok)?,
            client: self.client.map_or_else(client, Ok)?,
            runtime: self.runtime.map_or_else(crate::defaults::runtime, Ok)?,
            timeout: limit(self.timeout),
            keep_alive: self.keep_alive,
        })
    }
}

/// The default of the official .NET client, for the same reason.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(70);
