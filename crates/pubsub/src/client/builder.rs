//! The client's builder.

use std::num::NonZeroUsize;
use std::time::Duration;

use transport::{SharedRuntime, SharedWebSocketConnector};

use super::callers::Callers;
use super::control::InvocationKeys;
use super::dial::Dialer;
use super::driver::{Driver, Work};
use super::handle::Handle;
use super::observer::Observer;
use super::queue;
use super::running::Running;
use super::state::StateWriter;
use super::task::Task;
use super::{Client, ClientCredential, Events};
use crate::protocol::Subprotocol;
use crate::session::Session;
#[cfg(feature = "_hmac")]
use crate::{ClientAccessOptions, ConnectionString, Error, HubName};
use crate::{ClientRetryOptions, Result, SessionOptions};

/// A builder for a [`Client`].
///
/// The options have the names and the defaults of the official JavaScript client, except where
/// [`SessionOptions`] says otherwise.
#[derive(Debug)]
#[must_use]
#[doc(alias = "WebPubSubClientOptions")]
pub struct ClientBuilder {
    credential: ClientCredential,
    session: SessionOptions,
    settings: Settings,
    event_capacity: NonZeroUsize,
    seed: Option<u64>,
    runtime: Option<SharedRuntime>,
    connector: Option<SharedWebSocketConnector>,
    allow_plain_text: bool,
}

impl ClientBuilder {
    /// 256 events, as in the official Java client. While as many wait for the application, the
    /// socket is not read.
    pub const DEFAULT_EVENT_CAPACITY: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    pub(super) fn new(credential: ClientCredential) -> Self {
        Self {
            credential,
            session: SessionOptions::default(),
            settings: Settings::default(),
            event_capacity: Self::DEFAULT_EVENT_CAPACITY,
            seed: None,
            runtime: None,
            connector: None,
            allow_plain_text: false,
        }
    }

    /// Same as [`Client::from_connection_string`].
    ///
    /// # Errors
    ///
    /// Same as [`Client::from_connection_string`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_connection_string(
        connection_string: &str,
        hub: impl TryInto<HubName, Error: Into<Error>>,
        access: impl Into<Option<ClientAccessOptions>>,
    ) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let hub = hub.try_into().map_err(Into::into)?;
        let access = access.into().unwrap_or_default();
        ClientCredential::signed(&parsed, hub, access).map(Self::new)
    }

    /// Same as [`Client::from_env`].
    ///
    /// # Errors
    ///
    /// Same as [`Client::from_env`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_env(
        hub: impl TryInto<HubName, Error: Into<Error>>,
        access: impl Into<Option<ClientAccessOptions>>,
    ) -> Result<Self> {
        let hub = hub.try_into().map_err(Into::into)?;
        crate::environment::connection_string(
            |name| std::env::var_os(name),
            |text| Self::from_connection_string(text, hub, access),
        )
    }

    /// Sets the subprotocol; default: [`Subprotocol::JsonReliable`]. `None` means a
    /// simple WebSocket, whose frames are bare payloads.
    pub fn subprotocol(mut self, subprotocol: impl Into<Option<Subprotocol>>) -> Self {
        self.settings.subprotocol = Some(subprotocol.into());
        self
    }

    /// Sets whether a lost connection is replaced; default: `true`.
    #[doc(alias = "autoReconnect")]
    pub fn auto_reconnect(mut self, reconnect: bool) -> Self {
        self.settings.auto_reconnect = Some(reconnect);
        self
    }

    /// Sets whether groups are rejoined on a new connection; default: `true`.
    #[doc(alias = "autoRejoinGroups")]
    pub fn auto_rejoin_groups(mut self, rejoin: bool) -> Self {
        self.settings.auto_rejoin_groups = Some(rejoin);
        self
    }

    /// Sets how requests that failed temporarily are retried; default: 3 times, after 1 s each.
    #[doc(alias = "messageRetryOptions")]
    pub fn message_retry(mut self, options: ClientRetryOptions) -> Self {
        self.settings.message_retry = Some(options);
        self
    }

    /// Sets whether an event that the handler or the service refused temporarily is sent again, which
    /// runs the handler again; default: `false`, see [`SessionOptions::resend_refused_events`].
    pub fn resend_refused_events(mut self, resend: bool) -> Self {
        self.settings.resend_refused_events = Some(resend);
        self
    }

    /// Sets how a lost connection is replaced; default: retried indefinitely, after 1 s up to 30 s.
    #[doc(alias = "reconnectRetryOptions")]
    pub fn reconnect_retry(mut self, options: ClientRetryOptions) -> Self {
        self.settings.reconnect_retry = Some(options);
        self
    }

    /// Sets the ping interval, at least 10 ms; default: 20 s.
    /// `None` and zero turn pings off.
    #[doc(alias = "keepAliveIntervalInMs")]
    pub fn keep_alive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.settings.keep_alive_interval = Some(interval.into());
        self
    }

    /// Sets how long the service may be silent before the connection is dropped; default: 120 s.
    /// `None` and zero mean no limit.
    #[doc(alias = "keepAliveTimeoutInMs")]
    pub fn keep_alive_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.keep_alive_timeout = Some(timeout.into());
        self
    }

    /// Sets how long a request waits for its ack, at least 10 ms; default: 30 s.
    /// Zero means no limit.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.settings.ack_timeout = Some(timeout);
        self
    }

    /// Sets whether messages and events that were sent and not acknowledged are sent again on a new
    /// connection, where they may arrive a second time; default: `false`, they fail with
    /// [`RequestError::ConnectionLost`](crate::RequestError::ConnectionLost).
    pub fn resend_on_new_connection(mut self, resend: bool) -> Self {
        self.settings.resend_on_new_connection = Some(resend);
        self
    }

    /// Sets how long an invocation waits for its response; default: 30 s.
    /// `None` and zero mean no limit.
    pub fn invocation_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.invocation_timeout = Some(timeout.into());
        self
    }

    /// Sets how long an attempt to connect may take until the service has accepted the
    /// connection; default: 30 s. Zero means no limit.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = Some(timeout);
        self
    }

    /// Sets how long [`Client::stop`] waits for the service's close frame; default: 5 s.
    /// Zero does not wait.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = Some(timeout);
        self
    }

    /// Sets for how long after its loss a connection can be recovered; default: 30 s, the time
    /// for which the service keeps it. Zero never recovers one.
    pub fn recovery_window(mut self, window: Duration) -> Self {
        self.settings.recovery_window = Some(window);
        self
    }

    /// Sets the time between two attempts to recover a connection, at least 10 ms; default: 1 s.
    pub fn recovery_interval(mut self, interval: Duration) -> Self {
        self.settings.recovery_interval = Some(interval);
        self
    }

    /// Sets the longest time until the service learns which messages have arrived; default: 1 s.
    /// Zero means at once. Reliable subprotocols only.
    pub fn sequence_ack_interval(mut self, interval: Duration) -> Self {
        self.settings.sequence_ack_interval = Some(interval);
        self
    }

    /// Sets how many requests may wait for their acks at once, 1 to 1,000; default: 256.
    /// Further ones wait to be sent.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.settings.max_in_flight = Some(requests);
        self
    }

    /// Sets all options of the session at once, for an application that keeps them in one value.
    /// The methods of this builder take precedence over these options, regardless of the order of
    /// the calls.
    pub fn session_options(mut self, options: SessionOptions) -> Self {
        self.session = options;
        self
    }

    /// Sets how many events may wait for the application before the socket is read only while a request
    /// waits, see [`max_unread_bytes`](Self::max_unread_bytes); default: [`DEFAULT_EVENT_CAPACITY`](Self::DEFAULT_EVENT_CAPACITY).
    pub fn event_capacity(mut self, events: NonZeroUsize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Sets how much memory further events may take while a request waits for its answer, in bytes;
    /// default: 16 MiB, see [`SessionOptions::max_unread_bytes`].
    pub fn max_unread_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_unread_bytes = Some(bytes);
        self
    }

    /// Sets the seed of the jitter; default: random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the runtime of the driver task; default: tokio's.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Allows `ws://` to machines other than this one; default: `false`. The access
    /// token and messages then cross the network in the clear. For emulators in containers.
    ///
    /// It has no effect with a [`websocket_connector`](Self::websocket_connector), which
    /// decides for itself.
    pub fn allow_plain_text(mut self, allow: bool) -> Self {
        self.allow_plain_text = allow;
        self
    }

    /// Sets the WebSocket connector; default: the one over hyper, which all clients of the
    /// process share.
    pub fn websocket_connector(mut self, connector: SharedWebSocketConnector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Builds the client, which is not yet connected, and its event stream. This
    /// spawns the driver task.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the crate was built without
    /// feature `hyper` and the runtime or the connector is not set.
    pub fn build(self) -> Result<(Client, Events)> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let connector = match self.connector {
            Some(connector) => connector,
            None => crate::defaults::connector(self.allow_plain_text)?,
        };
        // The queue is deliberately short: a caller that waits for room thereby learns that the
        // socket is full.
        let (commands, command_queue) = queue::bounded(COMMAND_CAPACITY);
        let (controls, control_queue) = queue::bounded(COMMAND_CAPACITY);
        // The reader takes the whole queue at once, so that twice its capacity may wait in total.
        let (events, event_queue) = queue::bounded(self.event_capacity.get() / 2);
        let running = Running::default();
        let state = StateWriter::new();
        let observer = Observer::new();
        let counters = observer.counters();
        let watch = state.watch();
        let options = self.settings.apply(self.session);
        let subprotocol = options.subprotocol;
        let seed = self.seed.unwrap_or_else(crate::defaults::seed);
        let mut session = Session::new(options, seed);
        session.watch();
        let driver = Driver {
            dialer: Dialer {
                credential: self.credential,
                connector,
                subprotocol,
                last_url: None,
            },
            session,
            runtime: runtime.clone(),
            commands: Some(command_queue),
            controls: control_queue,
            events: Some(events),
            running: running.clone(),
            state,
            observer,
            work: Work::default(),
            callers: Callers::new(controls.clone()),
        };
        runtime.spawn(Box::pin(Task::new(driver)));
        let client = Client(Handle {
            state: watch,
            counters,
            commands,
            controls,
            invocations: InvocationKeys::default(),
            running,
            subprotocol,
        });
        Ok((client, Events::new(event_queue)))
    }
}

/// The session options that the methods of the builder have set.
#[derive(Debug, Default)]
struct Settings {
    subprotocol: Option<Option<Subprotocol>>,
    auto_reconnect: Option<bool>,
    auto_rejoin_groups: Option<bool>,
    message_retry: Option<ClientRetryOptions>,
    resend_refused_events: Option<bool>,
    reconnect_retry: Option<ClientRetryOptions>,
    keep_alive_interval: Option<Option<Duration>>,
    keep_alive_timeout: Option<Option<Duration>>,
    ack_timeout: Option<Duration>,
    resend_on_new_connection: Option<bool>,
    invocation_timeout: Option<Option<Duration>>,
    connect_timeout: Option<Duration>,
    close_timeout: Option<Duration>,
    recovery_window: Option<Duration>,
    recovery_interval: Option<Duration>,
    sequence_ack_interval: Option<Duration>,
    max_in_flight: Option<usize>,
    max_unread_bytes: Option<usize>,
}

impl Settings {
    fn apply(self, mut options: SessionOptions) -> SessionOptions {
        // A new option must get a method.
        let SessionOptions {
            subprotocol,
            auto_reconnect,
            auto_rejoin_groups,
            message_retry,
            resend_on_new_connection,
            resend_refused_events,
            reconnect_retry,
            keep_alive_interval,
            keep_alive_timeout,
            ack_timeout,
            invocation_timeout,
            connect_timeout,
            close_timeout,
            recovery_window,
            recovery_interval,
            sequence_ack_interval,
            max_in_flight,
            max_unread_bytes,
        } = &mut options;
        set(subprotocol, self.subprotocol);
        set(auto_reconnect, self.auto_reconnect);
        set(auto_rejoin_groups, self.auto_rejoin_groups);
        set(message_retry, self.message_retry);
        set(resend_on_new_connection, self.resend_on_new_connection);
        set(resend_refused_events, self.resend_refused_events);
        set(reconnect_retry, self.reconnect_retry);
        set(keep_alive_interval, self.keep_alive_interval);
        set(keep_alive_timeout, self.keep_alive_timeout);
        set(ack_timeout, self.ack_timeout);
        set(invocation_timeout, self.invocation_timeout);
        set(connect_timeout, self.connect_timeout);
        set(close_timeout, self.close_timeout);
        set(recovery_window, self.recovery_window);
        set(recovery_interval, self.recovery_interval);
        set(sequence_ack_interval, self.sequence_ack_interval);
        set(max_in_flight, self.max_in_flight);
        set(max_unread_bytes, self.max_unread_bytes);
        options
    }
}

fn set<T>(option: &mut T, setting: Option<T>) {
    if let Some(setting) = setting {
        *option = setting;
    }
}

const COMMAND_CAPACITY: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_wins_over_the_options_in_whichever_order() {
        let second = Duration::from_secs(1);
        let options = SessionOptions {
            subprotocol: Some(Subprotocol::Json),
            auto_reconnect: false,
            recovery_window: second,
            ..SessionOptions::default()
        };
        let builder = || Client::builder("ws://h/").subprotocol(None);
        let first = builder()
            .keep_alive_interval(second)
            .session_options(options.clone());
        let last = Client::builder("ws://h/")
            .session_options(options.clone())
            .keep_alive_interval(second)
            .subprotocol(None);
        for builder in [first, last] {
            let expected = SessionOptions {
                subprotocol: None,
                keep_alive_interval: Some(second),
                ..options.clone()
            };
            assert_eq!(builder.settings.apply(builder.session), expected);
        }
    }

    #[test]
    fn every_option_has_a_method() {
        let times = |seconds: u64| Duration::from_secs(100 + seconds);
        let retry = |retries| ClientRetryOptions::default().with_max_retries(retries);
        let built = Client::builder("ws://h/")
            .subprotocol(None)
            .auto_reconnect(false)
            .auto_rejoin_groups(false)
            .message_retry(retry(1))
            .resend_on_new_connection(true)
            .resend_refused_events(true)
            .max_unread_bytes(6)
            .reconnect_retry(retry(2))
            .keep_alive_interval(times(1))
            .keep_alive_timeout(times(2))
            .ack_timeout(times(3))
            .invocation_timeout(times(4))
            .connect_timeout(times(5))
            .close_timeout(times(6))
            .recovery_window(times(7))
            .recovery_interval(times(8))
            .sequence_ack_interval(times(9))
            .max_in_flight(10);
        let expected = SessionOptions {
            subprotocol: None,
            auto_reconnect: false,
            auto_rejoin_groups: false,
            message_retry: retry(1),
            resend_on_new_connection: true,
            resend_refused_events: true,
            max_unread_bytes: 6,
            reconnect_retry: retry(2),
            keep_alive_interval: Some(times(1)),
            keep_alive_timeout: Some(times(2)),
            ack_timeout: times(3),
            invocation_timeout: Some(times(4)),
            connect_timeout: times(5),
            close_timeout: times(6),
            recovery_window: times(7),
            recovery_interval: times(8),
            sequence_ack_interval: times(9),
            max_in_flight: 10,
        };
        assert_eq!(built.settings.apply(built.session), expected);
    }
}
