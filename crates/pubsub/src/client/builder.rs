//! The client's builder.

use std::num::NonZeroUsize;
use std::time::Duration;

use transport::{SharedRuntime, SharedWebSocketConnector};

use super::callers::Callers;
use super::control::InvocationKeys;
use super::dial::Dialer;
use super::driver::{Driver, Work};
use super::handle::Handle;
use super::queue;
use super::running::Running;
use super::task::Task;
use super::{Client, ClientCredential, Events};
use crate::protocol::Subprotocol;
use crate::session::Session;
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

    /// Sets the options of the session for which this builder has no method, such as
    /// [`recovery_window`](SessionOptions::recovery_window). The methods of this builder take
    /// precedence over these options, regardless of the order of the calls.
    pub fn session_options(mut self, options: SessionOptions) -> Self {
        self.session = options;
        self
    }

    /// Sets how many events may wait for the application before the socket is no longer read;
    /// default: [`DEFAULT_EVENT_CAPACITY`](Self::DEFAULT_EVENT_CAPACITY).
    pub fn event_capacity(mut self, events: NonZeroUsize) -> Self {
        self.event_capacity = events;
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
        let session = self.settings.apply(self.session);
        let subprotocol = session.subprotocol;
        let driver = Driver {
            dialer: Dialer {
                credential: self.credential,
                connector,
                subprotocol,
                last_url: None,
            },
            session: Session::new(session, self.seed.unwrap_or_else(crate::defaults::seed)),
            runtime: runtime.clone(),
            commands: Some(command_queue),
            controls: control_queue,
            events: Some(events),
            running: running.clone(),
            work: Work::default(),
            callers: Callers::new(controls.clone()),
        };
        runtime.spawn(Box::pin(Task::new(driver)));
        let client = Client(Handle {
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
}

impl Settings {
    fn apply(self, options: SessionOptions) -> SessionOptions {
        SessionOptions {
            subprotocol: self.subprotocol.unwrap_or(options.subprotocol),
            auto_reconnect: self.auto_reconnect.unwrap_or(options.auto_reconnect),
            auto_rejoin_groups: self
                .auto_rejoin_groups
                .unwrap_or(options.auto_rejoin_groups),
            message_retry: self.message_retry.unwrap_or(options.message_retry),
            resend_refused_events: self
                .resend_refused_events
                .unwrap_or(options.resend_refused_events),
            reconnect_retry: self.reconnect_retry.unwrap_or(options.reconnect_retry),
            keep_alive_interval: self
                .keep_alive_interval
                .unwrap_or(options.keep_alive_interval),
            keep_alive_timeout: self
                .keep_alive_timeout
                .unwrap_or(options.keep_alive_timeout),
            ack_timeout: self.ack_timeout.unwrap_or(options.ack_timeout),
            ..options
        }
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
}
