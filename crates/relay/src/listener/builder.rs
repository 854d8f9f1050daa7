//! What a listener is made of.

use futures::channel::{mpsc, oneshot};
use transport::{SharedRuntime, SharedWebSocketConnector};
use uuid::Uuid;

use super::Listener;
use super::driver::{Driver, Parts};
use crate::control::ControlOptions;
use crate::{ConnectionString, Credential, Error, ErrorKind, HybridConnection, Result};

/// Builds a [`Listener`].
#[derive(Debug)]
#[must_use]
pub struct ListenerBuilder {
    hybrid_connection: HybridConnection,
    credential: Credential,
    control: ControlOptions,
    clock: auth::SharedClock,
    connector: Option<SharedWebSocketConnector>,
    runtime: Option<SharedRuntime>,
}

impl ListenerBuilder {
    /// Begins with a hybrid connection and a credential that has the right to listen.
    pub fn new(hybrid_connection: HybridConnection, credential: Credential) -> Self {
        Self {
            hybrid_connection,
            credential,
            control: ControlOptions::default(),
            clock: auth::SharedClock::default(),
            connector: None,
            runtime: None,
        }
    }

    pub(super) fn from_connection_string(connection_string: &str) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let credential = Credential::from_connection_string(parsed.credential())?;
        if credential.is_anonymous() {
            return Err(Error::invalid(
                "connection_string",
                "a listener needs a SharedAccessKey or a SharedAccessSignature",
            ));
        }
        Ok(Self::new(parsed.hybrid_connection()?, credential))
    }

    /// Sets the time limits of the control channel.
    pub fn control(mut self, options: ControlOptions) -> Self {
        self.control = options;
        self
    }

    /// Sets what opens WebSockets; the one over hyper unless set.
    pub fn connector(mut self, connector: SharedWebSocketConnector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Sets the runtime that carries the driver task; tokio's unless set.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Opens the control channel and returns once it is online.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](ErrorKind::Unauthorized) for a token without the right
    /// to listen; [`EndpointNotFound`](ErrorKind::EndpointNotFound) when the
    /// hybrid connection does not exist; [`QuotaExceeded`](ErrorKind::QuotaExceeded)
    /// when 25 listeners are there; what kept the connection from being made otherwise.
    ///
    /// # Cancel safety
    ///
    /// A dropped future ends the listener.
    pub async fn open(self) -> Result<Listener> {
        let connector = match self.connector {
            Some(connector) => connector,
            None => crate::defaults::connector()?,
        };
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let (incoming, incoming_queue) = mpsc::channel(INCOMING_CAPACITY);
        let (commands, command_queue) = mpsc::channel(1);
        let (opened, outcome) = oneshot::channel();
        let driver = Driver::new(
            Parts {
                uri: self
                    .hybrid_connection
                    .listen_uri(&Uuid::new_v4().to_string()),
                hybrid_connection: self.hybrid_connection,
                credential: self.credential,
                connector,
                clock: self.clock,
                runtime: runtime.clone(),
            },
            self.control,
            incoming,
            command_queue,
            opened,
        );
        runtime.spawn(Box::pin(driver));
        let listener = Listener {
            incoming: incoming_queue,
            commands,
        };
        match outcome.await {
            Ok(result) => result.map(|()| listener),
            Err(_) => Err(Error::message(
                ErrorKind::Closed,
                "the runtime dropped the listener's task",
            )),
        }
    }
}

/// How many senders may wait to be accepted before further ones are left to their time-out.
const INCOMING_CAPACITY: usize = 256;
