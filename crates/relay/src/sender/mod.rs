//! The sender: the role that connects.

mod builder;
mod connect;
mod request;
mod upload;

pub use builder::SenderBuilder;
pub use connect::ConnectOptions;
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub use upload::watched;

use std::sync::Arc;
use std::time::Duration;

use auth::Secret;
use http::{Request, Response};
use tracing::Instrument as _;
use transport::{Body, SharedHttpClient, SharedRuntime, SharedWebSocketConnector};

use crate::deadline::within;
use crate::management::{self, RuntimeInformation};
use crate::silence::LastMove;
use crate::{Credential, Error, ErrorKind, HybridConnection, RelayStream, Result};

/// Connects to the listener of a hybrid connection, or sends HTTP requests to
/// it. Cheap to clone.
///
#[doc = concat!("```no_run\n", include_str!("../../doc/sender.rs"), "```")]
#[derive(Clone, Debug)]
#[doc(alias = "HybridConnectionClient")]
pub struct Sender {
    hybrid_connection: HybridConnection,
    credential: Credential,
    connector: SharedWebSocketConnector,
    client: SharedHttpClient,
    runtime: SharedRuntime,
    timeout: Duration,
    keep_alive: Option<Duration>,
}

impl Sender {
    /// Creates a sender from a connection string with `EntityPath`. Without a
    /// key or signature it is anonymous. [`SenderBuilder::from_connection_string`] does the
    /// same with options.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the invalid part.
    pub fn from_connection_string(connection_string: &str) -> Result<Self> {
        SenderBuilder::from_connection_string(connection_string)?.build()
    }

    /// Creates a sender from the connection string, with `EntityPath`, in the environment
    /// variable `RELAY_CONNECTION_STRING`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the variable, if it is missing, empty or
    /// not UTF-8; the same as [`from_connection_string`](Self::from_connection_string) as the
    /// source otherwise.
    pub fn from_env() -> Result<Self> {
        SenderBuilder::from_env()?.build()
    }

    /// Creates a sender over the default transport.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the crate was built
    /// without the features `hyper` and `rustls-ring`; use
    /// [`builder`](Self::builder) in that case.
    pub fn new(hybrid_connection: HybridConnection, credential: Credential) -> Result<Self> {
        Self::builder(hybrid_connection, credential).build()
    }

    /// Returns a builder for a sender over a custom transport.
    pub fn builder(hybrid_connection: HybridConnection, credential: Credential) -> SenderBuilder {
        SenderBuilder::new(hybrid_connection, credential)
    }

    /// Returns the hybrid connection that it sends to.
    pub fn hybrid_connection(&self) -> &HybridConnection {
        &self.hybrid_connection
    }

    /// Connects to a listener; the service picks one at random.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](ErrorKind::Unauthorized) for a token without the
    /// right to send; [`EndpointNotFound`](ErrorKind::EndpointNotFound)
    /// if the hybrid connection does not exist, has no listener, or no listener
    /// accepts in time; mostly [`Rejected`](ErrorKind::Rejected) if the listener rejects, see below;
    /// [`Timeout`](ErrorKind::Timeout) if the service reports a timeout or has not answered after
    /// 70 s; [`Connect`](ErrorKind::Connect) if the service cannot be reached;
    /// [`ServerBusy`](ErrorKind::ServerBusy) and [`Other`](ErrorKind::Other) for the rest;
    /// [`InvalidInput`](ErrorKind::InvalidInput), before anything is sent, for
    /// a path and query over 60 KiB, headers over 32 KiB, or everything together over
    /// 63 KiB. Errors from the service carry its [`Error::tracking_id`].
    ///
    /// # Rejections
    ///
    /// The status and reason that a listener chose arrive like a refusal by the service itself. Only a
    /// tracking id in the reason tells them apart: the service always adds one, a listener does not,
    /// except for the 502 of the official .NET listener when its own handler fails. Without an id, some
    /// statuses may also come from a proxy or gateway:
    ///
    /// | [`Error::status`] | with a tracking id | without |
    /// | --- | --- | --- |
    /// | 401, 407 | [`Unauthorized`](ErrorKind::Unauthorized) | [`Unauthorized`](ErrorKind::Unauthorized) |
    /// | 403 | [`Unauthorized`](ErrorKind::Unauthorized), [`QuotaExceeded`](ErrorKind::QuotaExceeded) | [`Rejected`](ErrorKind::Rejected) |
    /// | 404 | [`EndpointNotFound`](ErrorKind::EndpointNotFound) | [`Rejected`](ErrorKind::Rejected) |
    /// | 408 | [`Timeout`](ErrorKind::Timeout) | [`Rejected`](ErrorKind::Rejected) |
    /// | 409 | [`EndpointAlreadyExists`](ErrorKind::EndpointAlreadyExists) | [`Rejected`](ErrorKind::Rejected) |
    /// | 413, 431 | [`InvalidInput`](ErrorKind::InvalidInput) | [`InvalidInput`](ErrorKind::InvalidInput) |
    /// | 429 | [`ServerBusy`](ErrorKind::ServerBusy) | [`Rejected`](ErrorKind::Rejected) |
    /// | other 4xx | [`Rejected`](ErrorKind::Rejected) | [`Rejected`](ErrorKind::Rejected) |
    /// | 503 | [`ServerBusy`](ErrorKind::ServerBusy) | [`ServerBusy`](ErrorKind::ServerBusy) |
    /// | 504 | [`Timeout`](ErrorKind::Timeout) | [`Timeout`](ErrorKind::Timeout) |
    /// | other 5xx | [`Other`](ErrorKind::Other) | [`Rejected`](ErrorKind::Rejected) |
    ///
    /// A connector of your own that does not show the reason of a
    /// [`HandshakeRejection`](transport::HandshakeRejection) leaves only the last column.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection; the listener may have seen it.
    pub async fn connect(&self) -> Result<RelayStream> {
        self.connect_with(ConnectOptions::default()).await
    }

    /// Connects with a path suffix, a query, headers and subprotocols.
    ///
    /// # Errors
    ///
    /// See [`connect`](Self::connect), also for the statuses of rejections.
    ///
    /// # Cancel safety
    ///
    /// See [`connect`](Self::connect).
    pub async fn connect_with(&self, options: ConnectOptions) -> Result<RelayStream> {
        self.in_time(connect::open(self, options)).await
    }

    /// Sends an HTTP request to a listener and returns its response once the
    /// head has arrived. Bodies are streamed both ways.
    ///
    /// The URI of the request is a path and a query. They continue the path of
    /// the hybrid connection unchanged, slashes included, except for a bare `/`,
    /// which is the hybrid connection itself. Any method except CONNECT is allowed.
    /// `Connection` and the headers that it names are removed, except for `close`. The token travels in
    /// a header of the relay; an `Authorization` header of the caller
    /// reaches the listener unchanged. A listener must answer within 60 s; the
    /// [`timeout`](SenderBuilder::timeout) counts from the last piece of the
    /// body that the connection accepted, so that a running upload is not cut off.
    ///
    /// # Errors
    ///
    /// A status that the listener chose is not an error. A refusal by the service
    /// itself, recognized by the missing `Via` header of relayed responses, is one:
    /// [`Unauthorized`](ErrorKind::Unauthorized),
    /// [`EndpointNotFound`](ErrorKind::EndpointNotFound) if there is no listener,
    /// [`Timeout`](ErrorKind::Timeout) if the listener does not answer (504),
    /// [`ServerBusy`](ErrorKind::ServerBusy), [`Other`](ErrorKind::Other) if
    /// the listener aborted; [`Connect`](ErrorKind::Connect) if the service cannot be reached; with [`Error::status`] and [`Error::tracking_id`].
    /// [`InvalidInput`](ErrorKind::InvalidInput), before anything is sent, for
    /// CONNECT, for a path with a segment `..`, for a path and query over 60 KiB
    /// (including the hybrid connection's own path, escaped), for headers over the
    /// 32 KiB that the service accepts, and for everything together over 63 KiB, which is
    /// too large for a command of the relay.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the request; the listener may have seen it.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let last_move = Arc::new(LastMove::new(&self.runtime));
        let request = request.map(|body| watched(body, &last_move));
        let sending = request::send(self, request);
        let sent = last_move.unless_silent(self.timeout, sending).await;
        sent.unwrap_or_else(late)
    }

    /// Queries the management endpoint for the number of listeners, whether
    /// senders need a token, and the metadata.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](ErrorKind::Unauthorized) for a token that lacks the
    /// required right; [`EndpointNotFound`](ErrorKind::EndpointNotFound) if the
    /// hybrid connection does not exist; [`Connect`](ErrorKind::Connect) if the service cannot be
    /// reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the query.
    pub async fn runtime_information(&self) -> Result<RuntimeInformation> {
        let own = &self.hybrid_connection;
        let span = tracing::debug_span!(
            "relay",
            operation = "runtime_information",
            hybrid_connection = %own
        );
        let asking = async {
            let token = self.token().await?;
            management::runtime_information(&self.client, own, token.as_ref()).await
        };
        self.in_time(asking.instrument(span))
            .await
            .map_err(|error| self.refused(error))
    }

    /// Updates the token cache after a refusal and adds the expected audience to the error.
    fn refused(&self, error: Error) -> Error {
        let audience = self.hybrid_connection.audience();
        self.credential.handle_refusal(&audience, &error);
        error.expecting(&audience)
    }

    async fn token(&self) -> Result<Option<Secret>> {
        let audience = self.hybrid_connection.audience();
        let token = self.credential.token(&audience).await?;
        Ok(token.map(|token| token.token().clone()))
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = within(&self.runtime, self.timeout, call).await;
        outcome.unwrap_or_else(late)
    }
}

fn late<T>() -> Result<T> {
    Err(Error::message(
        ErrorKind::Timeout,
        "the relay did not answer in time",
    ))
}
