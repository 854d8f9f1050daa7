//! The client's builder.

use std::num::NonZeroUsize;
use std::time::Duration;

use transport::{SharedRuntime, SharedWebSocketConnector};

use super::command::{InvocationKeys, Running};
use super::dial::Dialer;
use super::driver::{Driver, Replies, Work};
use super::queue;
use super::task::Task;
use super::{Client, ClientCredential, Events};
use crate::Result;
use crate::protocol::Subprotocol;
use crate::session::{ClientRetryOptions, Session, SessionOptions};

/// Builds a [`Client`].
///
/// The options have the names and the defaults of the official JS client unless
/// [`SessionOptions`] says otherwise.
#[derive(Debug)]
#[must_use]
#[doc(alias = "WebPubSubClientOptions")]
pub struct ClientBuilder {
    credential: ClientCredential,
    session: SessionOptions,
    event_capacity: NonZeroUsize,
    seed: Option<u64>,
    runtime: Option<SharedRuntime>,
    connector: Option<SharedWebSocketConnector>,
}

impl ClientBuilder {
    /// 256 events may wait for the application before the socket is no longer read;
    /// as many as in the official Java client.
    pub const DEFAULT_EVENT_CAPACITY: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    pub(super) fn new(credential: ClientCredential) -> Self {
        Self {
            credential,
            session: SessionOptions::default(),
            event_capacity: Self::DEFAULT_EVENT_CAPACITY,
            seed: None,
            runtime: None,
            connector: None,
        }
    }

    /// Sets the subprotocol; default: [`Subprotocol::JsonReliable`]. `None` is the
    /// simple WebSocket, whose frames are bare payloads.
    pub fn subprotocol(mut self, subprotocol: impl Into<Option<Subprotocol>>) -> Self {
        self.session.subprotocol = subprotocol.into();
        self
    }

    /// Sets whether a lost connection is replaced; default: `true`.
    #[doc(alias = "autoReconnect")]
    pub fn auto_reconnect(mut self, reconnect: bool) -> Self {
        self.session.auto_reconnect = reconnect;
        self
    }

    /// Sets whether joined groups are joined again on a new connection; default: `true`.
    #[doc(alias = "autoRejoinGroups")]
    pub fn auto_rejoin_groups(mut self, rejoin: bool) -> Self {
        self.session.auto_rejoin_groups = rejoin;
        self
    }

    /// Sets when a request that failed temporarily is sent again; default: 3 times after 1 s.
    #[doc(alias = "messageRetryOptions")]
    pub fn message_retry(mut self, options: ClientRetryOptions) -> Self {
        self.session.message_retry = options;
        self
    }

    /// Sets when a lost connection is opened again; default: without end, from 1 s up to 30 s.
    #[doc(alias = "reconnectRetryOptions")]
    pub fn reconnect_retry(mut self, options: ClientRetryOptions) -> Self {
        self.session.reconnect_retry = options;
        self
    }

    /// Sets how often the service hears a ping, at the most every 10 ms; default: 20 s,
    /// `None` and zero turn pings off.
    #[doc(alias = "keepAliveIntervalInMs")]
    pub fn keep_alive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.session.keep_alive_interval = interval.into();
        self
    }

    /// Sets how long the connection may be silent before it is dropped; default: 120 s, `None`
    /// and zero turn it off.
    #[doc(alias = "keepAliveTimeoutInMs")]
    pub fn keep_alive_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.session.keep_alive_timeout = timeout.into();
        self
    }

    /// Sets how long a request waits for its acknowledgement, at least 10 ms; 30 s
    /// by default, zero is no limit.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.session.ack_timeout = timeout;
        self
    }

    /// Sets every option of the session at once.
    pub fn session_options(mut self, options: SessionOptions) -> Self {
        self.session = options;
        self
    }

    /// Sets how many events may wait for the application; default: 256.
    pub fn event_capacity(mut self, events: NonZeroUsize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Sets the seed of the jitter; default: random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the runtime that carries the driver task; default: tokio's.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets what opens WebSockets; default: the one over hyper.
    pub fn websocket_connector(mut self, connector: SharedWebSocketConnector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Builds the client, not connected, and the stream of its events. The
    /// driver task is spawned here.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the crate was built without
    /// feature `hyper` and the runtime or the connector is not set.
    pub fn build(self) -> Result<(Client, Events)> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let connector = match self.connector {
            Some(connector) => connector,
            None => crate::defaults::connector()?,
        };
        // The queue is short on purpose: a caller that waits for room knows that the socket is full.
        let (commands, command_queue) = queue::bounded(COMMAND_CAPACITY);
        let (controls, control_queue) = queue::bounded(COMMAND_CAPACITY);
        // The reader takes the whole queue at once, so that twice as much may wait in all.
        let (events, event_queue) = queue::bounded(self.event_capacity.get() / 2);
        let running = Running::default();
        let subprotocol = self.session.subprotocol;
        let driver = Driver {
            dialer: Dialer {
                credential: self.credential,
                connector,
                subprotocol,
                last_url: None,
            },
            session: Session::new(
                self.session,
                self.seed.unwrap_or_else(crate::defaults::seed),
            ),
            runtime: runtime.clone(),
            commands: Some(command_queue),
            controls: control_queue,
            own_controls: controls.clone(),
            events: Some(events),
            running: running.clone(),
            work: Work::default(),
            replies: Replies::default(),
        };
        runtime.spawn(Box::pin(Task::new(driver)));
        let client = Client {
            commands,
            controls,
            invocations: InvocationKeys::default(),
            running,
            subprotocol,
        };
        Ok((client, Events::new(event_queue)))
    }
}

const COMMAND_CAPACITY: usize = 256;
