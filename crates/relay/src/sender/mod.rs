//! The party that connects.

use std::fmt;

use http::{HeaderName, HeaderValue, Uri};
use transport::{ConnectRequest, SharedWebSocketConnector, WebSocketConnector};
use uuid::Uuid;

use crate::header::SERVICE_BUS_AUTHORIZATION;
use crate::sign_in::token_header;
use crate::{ConnectionString, Credential, HybridConnection, RelayStream, Result};

/// Connects to the listener of a hybrid connection. Cheap to clone.
///
/// ```no_run
/// use azwire_relay::Sender;
/// use futures::AsyncWriteExt;
///
/// # async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::from_connection_string(connection_string)?;
/// let mut stream = sender.connect().await?;
/// stream.write_all(b"hello").await?;
/// stream.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "HybridConnectionClient")]
pub struct Sender {
    hybrid_connection: HybridConnection,
    credential: Credential,
    connector: SharedWebSocketConnector,
}

impl Sender {
    /// Creates a sender from a connection string with `EntityPath`. Without a
    /// key or signature it is anonymous.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the part that is wrong.
    pub fn from_connection_string(connection_string: &str) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let credential = Credential::from_connection_string(parsed.credential())?;
        Self::new(parsed.hybrid_connection()?, credential)
    }

    /// Creates a sender over the default transport.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the crate was built
    /// without the features `hyper` and `rustls-ring`; use
    /// [`with_connector`](Self::with_connector) then.
    pub fn new(hybrid_connection: HybridConnection, credential: Credential) -> Result<Self> {
        let connector = crate::defaults::connector()?;
        Ok(Self::with_connector(
            hybrid_connection,
            credential,
            connector,
        ))
    }

    /// Creates a sender that opens WebSockets with `connector`.
    pub fn with_connector(
        hybrid_connection: HybridConnection,
        credential: Credential,
        connector: SharedWebSocketConnector,
    ) -> Self {
        Self {
            hybrid_connection,
            credential,
            connector,
        }
    }

    /// Connects to a listener; the service picks one at random.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) for a token without the
    /// right to send; [`EndpointNotFound`](crate::ErrorKind::EndpointNotFound)
    /// when the hybrid connection does not exist or nobody listens;
    /// [`Rejected`](crate::ErrorKind::Rejected) with [`Error::status`](crate::Error::status) when the
    /// listener refuses; [`Timeout`](crate::ErrorKind::Timeout) when it does not
    /// answer; [`ServerBusy`](crate::ErrorKind::ServerBusy) and
    /// [`Other`](crate::ErrorKind::Other) for the rest.
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the connection; the listener may have seen it.
    pub async fn connect(&self) -> Result<RelayStream> {
        self.connect_with(ConnectOptions::default()).await
    }

    /// Connects with a path suffix, a query, headers and subprotocols.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(&self, options: ConnectOptions) -> Result<RelayStream> {
        let id = Uuid::new_v4().to_string();
        let uri = self
            .hybrid_connection
            .connect_uri(&options.path_suffix, &options.query, &id);
        let opened = open(
            &self.connector,
            &self.hybrid_connection,
            &self.credential,
            uri,
            options,
        )
        .await?;
        Ok(RelayStream::new(opened.socket, opened.subprotocol))
    }
}

/// What a sender may tell the listener while connecting.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Continues the path of the hybrid connection.
    pub path_suffix: String,
    /// The application's own query, without `?`.
    pub query: String,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The subprotocols to offer, the preferred one first.
    pub subprotocols: Vec<String>,
}

impl ConnectOptions {
    /// Continues the path of the hybrid connection.
    #[must_use]
    pub fn with_path_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.path_suffix = suffix.into();
        self
    }

    /// Sets the application's own query, without `?`.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Offers a subprotocol, after those offered before.
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Query and headers are the application's and may be secret.
        f.debug_struct("ConnectOptions")
            .field("path_suffix", &self.path_suffix)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

async fn open(
    connector: &SharedWebSocketConnector,
    hybrid_connection: &HybridConnection,
    credential: &Credential,
    uri: Uri,
    options: ConnectOptions,
) -> Result<transport::Opened> {
    let mut request = ConnectRequest::new(uri).with_half_close(true);
    for (name, value) in options.headers {
        request = request.with_header(name, value);
    }
    for subprotocol in options.subprotocols {
        request = request.with_subprotocol(subprotocol);
    }
    if let Some(token) = credential.token(&hybrid_connection.audience()).await? {
        request = request.with_header(SERVICE_BUS_AUTHORIZATION, token_header(token.token())?);
    }
    Ok(connector.connect(request).await?)
}
