//! The listener's builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use tracing::Instrument as _;
use transport::{SharedRuntime, SharedWebSocketConnector};
use uuid::Uuid;

use super::admission::Admission;
use super::connect::ListenerParts;
use super::driver::{Driver, Queues};
use super::handler::{NotConfigured, RequestHandler};
use super::http::{HttpOptions, HttpParts};
use super::log::TARGET;
use super::metrics::Counters;
use super::observer::Observer;
use super::permit::Permits;
use super::state::StateCell;
use super::{Listener, ListenerHandle, rejection};
use crate::control::ControlOptions;
use crate::fragment::RendezvousConnector;
use crate::{
    ConnectionString, Credential, Error, ErrorKind, HybridConnection, RelayStream, Result,
};

/// The builder of a [`Listener`]. A clone opens another listener with the same settings.
#[derive(Clone)]
#[must_use]
pub struct ListenerBuilder {
    hybrid_connection: HybridConnection,
    credential: Credential,
    control: ControlOptions,
    http: HttpOptions,
    max_pending: usize,
    handler: Arc<dyn RequestHandler>,
    clock: auth::SharedClock,
    connector: Option<SharedWebSocketConnector>,
    rendezvous: Option<RendezvousConnector>,
    runtime: Option<SharedRuntime>,
    keep_alive: Option<Duration>,
    allow_plain_text: bool,
}

impl ListenerBuilder {
    /// Creates a builder for a hybrid connection; the credential must have the right to listen.
    pub fn new(hybrid_connection: HybridConnection, credential: Credential) -> Self {
        Self {
            hybrid_connection,
            credential,
            control: ControlOptions::default(),
            http: HttpOptions::default(),
            max_pending: DEFAULT_MAX_PENDING,
            handler: Arc::new(NotConfigured),
            clock: auth::SharedClock::default(),
            connector: None,
            rendezvous: None,
            runtime: None,
            keep_alive: Some(RelayStream::DEFAULT_KEEP_ALIVE),
            allow_plain_text: false,
        }
    }

    /// Creates a builder from a connection string with `EntityPath` and a key or signature
    /// with the right to listen.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the invalid part.
    pub fn from_connection_string(connection_string: &str) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let credential = Credential::from_connection_string(parsed.credential())?;
        if credential.is_anonymous() {
            return Err(Error::invalid(
                "connection_string",
                "a listener requires a SharedAccessKey or a SharedAccessSignature",
            ));
        }
        let mut builder = Self::new(parsed.hybrid_connection()?, credential);
        if let Some(timeout) = parsed.written_timeout() {
            builder.control = builder.control.with_attempt_timeout(timeout);
        }
        Ok(builder)
    }

    /// As [`from_connection_string`](Self::from_connection_string), with the connection string in
    /// the environment variable `RELAY_CONNECTION_STRING`.
    ///
    /// # Errors
    ///
    /// Same as [`Listener::from_env`].
    pub fn from_env() -> Result<Self> {
        crate::environment::connection_string(
            |name| std::env::var_os(name),
            Self::from_connection_string,
        )
    }

    /// Returns the hybrid connection to listen on.
    pub fn hybrid_connection(&self) -> &HybridConnection {
        &self.hybrid_connection
    }

    /// Sets the options of the control channel.
    pub fn control(mut self, options: ControlOptions) -> Self {
        self.control = options;
        self
    }

    /// Sets the handler of HTTP requests; default: none, so they are answered with 501.
    pub fn request_handler(mut self, handler: impl RequestHandler) -> Self {
        self.handler = Arc::new(handler);
        self
    }

    /// Sets the options of HTTP requests.
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// Sets how many senders may be pending, neither accepted nor rejected, either in
    /// the queue or on their way. Default: 256; further ones are rejected with 503.
    pub fn max_pending(mut self, count: usize) -> Self {
        // A queue has room for no more.
        self.max_pending = count.clamp(1, usize::MAX >> 3);
        self
    }

    /// Sets the keep-alive interval of accepted streams that are idle and being read:
    /// at least 10 ms; `None` or zero disables keep-alive. Default:
    /// [`RelayStream::DEFAULT_KEEP_ALIVE`]. The control channel has
    /// [its own](ControlOptions::keep_alive).
    pub fn stream_keep_alive(mut self, interval: Option<Duration>) -> Self {
        self.keep_alive = interval;
        self
    }

    /// Sets the clock that determines how long a token is valid; default: the system's.
    pub fn clock(mut self, clock: auth::SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the connector for all connections, which handles proxies and trusted
    /// roots; default: that of [`net::Connector`](transport::net::Connector).
    #[cfg(feature = "hyper")]
    pub fn connector(mut self, connector: transport::net::Connector) -> Self {
        let websockets = transport::net::HyperWebSocketConnector::new(connector.clone());
        self.connector = Some(SharedWebSocketConnector::new(websockets));
        self.rendezvous = Some(RendezvousConnector::over(connector));
        self
    }

    /// Sets a custom connector for all WebSockets.
    ///
    /// Such a socket supports only whole messages, so bodies of HTTP requests and
    /// responses that do not fit on the control channel are kept in memory,
    /// requests up to the connector's own message limit.
    pub fn websocket_connector(mut self, connector: SharedWebSocketConnector) -> Self {
        self.rendezvous = Some(RendezvousConnector::Whole(connector.clone()));
        self.connector = Some(connector);
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

    /// Sets the runtime for the listener's tasks; default: tokio.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Opens the control channel and returns once it is online.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for plaintext to another machine
    /// without [`allow_plain_text`](Self::allow_plain_text);
    /// [`Unauthorized`](ErrorKind::Unauthorized) for a token without the right
    /// to listen; [`EndpointNotFound`](ErrorKind::EndpointNotFound) if the
    /// hybrid connection does not exist; [`QuotaExceeded`](ErrorKind::QuotaExceeded)
    /// if it already has 25 listeners; [`Timeout`](ErrorKind::Timeout) after
    /// [`attempt_timeout`](ControlOptions::attempt_timeout);
    /// [`Connect`](ErrorKind::Connect) if the service cannot be reached, such as for a refused TCP
    /// connection; [`Other`](ErrorKind::Other) if the credential, clock or connector
    /// panics; otherwise the error of the failed connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the listener.
    pub async fn open(self) -> Result<Listener> {
        crate::defaults::check_plain_text(&self.hybrid_connection, self.allow_plain_text)?;
        let (connector, rendezvous) = match (self.connector, self.rendezvous) {
            (Some(connector), Some(rendezvous)) => (connector, rendezvous),
            _ => crate::defaults::connectors(self.allow_plain_text)?,
        };
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let (incoming, incoming_queue) = mpsc::channel(self.max_pending);
        let (commands, command_queue) = mpsc::channel(1);
        let (outcomes, outcome_queue) = mpsc::channel(OUTCOME_BACKLOG);
        let (alive, abandoned) = oneshot::channel();
        let (opened, outcome) = oneshot::channel();
        let state = StateCell::new();
        let id = Uuid::new_v4();
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "relay_listener",
            hybrid_connection = %self.hybrid_connection,
            listener_id = %id
        );
        let counters = Counters::new(self.max_pending, self.http.max_requests);
        let counters = Arc::new(counters);
        let hybrid_connection = Arc::new(self.hybrid_connection);
        let parts = ListenerParts {
            uri: hybrid_connection.listen_uri(&id.to_string())?,
            hybrid_connection: Arc::clone(&hybrid_connection),
            credential: self.credential,
            connector,
            clock: self.clock,
            runtime: runtime.clone(),
            keep_alive: self.keep_alive,
        };
        let (rejections, rejecting) = rejection::queue(&parts);
        let driver = Driver::new(
            parts,
            HttpParts {
                hybrid_connection,
                handler: self.handler,
                rendezvous,
                runtime: runtime.clone(),
                counters: Arc::clone(&counters),
                idle: Permits::new(self.http.max_requests),
                options: self.http,
                outcomes,
            },
            Admission {
                incoming,
                counters: Arc::clone(&counters),
                rejecting: Permits::new(MAX_REJECTIONS),
                rejections,
            },
            self.control,
            Queues {
                commands: command_queue,
                outcomes: outcome_queue,
                abandoned,
                opened: Some(opened),
                state: state.clone(),
            },
            Observer::new(runtime.now(), Arc::clone(&counters)),
            // The id is already random, so its bits serve as the seed.
            id.as_u64_pair().0,
        );
        runtime.spawn(Box::pin(driver.run().instrument(span)));
        runtime.spawn(Box::pin(rejecting));
        let listener = Listener {
            incoming: incoming_queue,
            id: id.to_string(),
            handle: ListenerHandle {
                commands,
                counters,
                state: state.clone(),
            },
            _alive: alive,
        };
        match outcome.await {
            Ok(result) => result.map(|()| listener),
            // The task ended before it could report: the state has the reason.
            Err(_) => Err(state.take_error().unwrap_or_else(|| {
                Error::message(ErrorKind::Closed, "the listener's task has ended")
            })),
        }
    }
}

impl fmt::Debug for ListenerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerBuilder")
            .field("hybrid_connection", &self.hybrid_connection)
            .field("credential", &self.credential)
            .field("control", &self.control)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

const DEFAULT_MAX_PENDING: usize = 256;

/// How many senders over a limit may be in the process of being rejected.
const MAX_REJECTIONS: usize = 256;

/// How many responses may wait for the control channel before handlers wait for it.
const OUTCOME_BACKLOG: usize = 64;
