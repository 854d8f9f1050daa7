//! The options of a session, and the sources of their defaults.

use std::time::Duration;

use transport::_internal::grown;

use crate::protocol::Subprotocol;

/// The options of a session.
///
/// Unless stated otherwise, a time limit of zero means no limit, and an interval of zero means
/// never. The shortest interval is 10 ms; shorter ones count as 10 ms.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The subprotocol; `None` means a simple WebSocket, whose frames are bare
    /// payloads. Default: [`Subprotocol::JsonReliable`], as in all official clients.
    pub subprotocol: Option<Subprotocol>,
    /// Whether a lost connection is replaced. Default: `true`, as in all official clients.
    pub auto_reconnect: bool,
    /// Whether groups that this session joined are rejoined on a new
    /// connection. Default: `true`, as in all official clients.
    pub auto_rejoin_groups: bool,
    /// How requests that failed temporarily are retried, with the same
    /// ack id. Requests that were sent later may then take effect earlier.
    /// Default: 3 times, after 1 s each, as in the official JavaScript client.
    pub message_retry: ClientRetryOptions,
    /// Whether messages and events that were sent but not acknowledged before the
    /// connection ended are sent again on the new one. They may already have taken effect,
    /// and so may arrive twice. Default: `false`; they fail
    /// with [`RequestError::ConnectionLost`](crate::RequestError::ConnectionLost).
    pub resend_on_new_connection: bool,
    /// Whether an event that the service refuses with `InternalServerError` or `Timeout` is
    /// retried like other requests, see [`message_retry`](Self::message_retry). Each retry runs the event
    /// handler again, after the service itself has retried what failed with a 5xx. Default: `false`; the
    /// official clients retry.
    ///
    /// An event whose ack is lost is always sent again, with the same ack id, by which the service
    /// recognizes an event that the handler has accepted. It does not remember refused ones, so a
    /// handler whose refusal was lost runs again; this side cannot tell one from the other. An
    /// [invocation](crate::session::Session::invoke_event) is never sent twice.
    pub resend_refused_events: bool,
    /// How a lost connection is replaced. Default: retried indefinitely, with delays from 1 s, doubled
    /// up to 30 s. The official JavaScript client always waits for 1 s.
    /// The first attempt follows at once if the previous connection lasted for 5 s, otherwise after the
    /// first delay.
    pub reconnect_retry: ClientRetryOptions,
    /// The ping interval; `None` turns pings off. Default: 20 s, as
    /// in the official JavaScript client.
    pub keep_alive_interval: Option<Duration>,
    /// How long the service may be silent before the connection is dropped; `None` means
    /// no limit. Default: 120 s, as in the official JavaScript client.
    pub keep_alive_timeout: Option<Duration>,
    /// How long a request waits for a connection, and then for its ack each time it is sent; likewise the
    /// opening of a stream, and its end for the service's response. Default: 30 s, as in the official Python and Java clients.
    pub ack_timeout: Duration,
    /// How long an invocation waits for its response; `None` means indefinitely, as in the
    /// official JavaScript client. Default: 30 s.
    pub invocation_timeout: Option<Duration>,
    /// How long an attempt to connect may take, until the service has sent `connected`.
    /// Default: 30 s, the `start_timeout` of the official Python client.
    pub connect_timeout: Duration,
    /// How long a stop waits for the peer's close frame; zero means not at all.
    /// Default: 5 s; the official clients wait from 0.1 s to indefinitely.
    pub close_timeout: Duration,
    /// How long after its loss a connection can be recovered; zero turns recovery
    /// off. Default: 30 s, the time for which the service keeps it.
    pub recovery_window: Duration,
    /// The delay between two attempts to recover, at least 10 ms, also before the first one if the
    /// connection has not lasted for 5 s. Default: 1 s, as in
    /// the official JavaScript, .NET and Python clients.
    pub recovery_interval: Duration,
    /// The longest delay before received data is acknowledged; zero means
    /// at once. Default: 1 s, as in the official JavaScript, .NET and Python clients.
    pub sequence_ack_interval: Duration,
    /// The maximum number of requests that wait for their acks at once, 1 to 1,000;
    /// further ones wait to be sent. The service remembers 1,000 ack ids
    /// to detect repetitions; it also ends a connection with 1,000
    /// unacknowledged messages, including its own. Default: 256.
    pub max_in_flight: usize,
    /// How much memory unread events may take while a request waits for its answer, in bytes; see
    /// [`Events`](crate::Events). Beyond it, requests fail with
    /// [`RequestError::EventsNotRead`](crate::RequestError::EventsNotRead) until events are read. Zero fails
    /// them as soon as there is no room for an event. Default: 16 MiB, as much as the service keeps for a
    /// connection.
    pub max_unread_bytes: usize,
}

impl SessionOptions {
    /// The default of [`ack_timeout`](Self::ack_timeout).
    pub const DEFAULT_ACK_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default of [`close_timeout`](Self::close_timeout).
    pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// The default of [`connect_timeout`](Self::connect_timeout).
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default of [`invocation_timeout`](Self::invocation_timeout).
    pub const DEFAULT_INVOCATION_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default of [`keep_alive_interval`](Self::keep_alive_interval).
    pub const DEFAULT_KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
    /// The default of [`keep_alive_timeout`](Self::keep_alive_timeout).
    pub const DEFAULT_KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(120);
    /// The default of [`max_in_flight`](Self::max_in_flight).
    pub const DEFAULT_MAX_IN_FLIGHT: usize = 256;
    /// The default of [`max_unread_bytes`](Self::max_unread_bytes).
    pub const DEFAULT_MAX_UNREAD_BYTES: usize = 16 * 1024 * 1024;
    /// The default of [`recovery_interval`](Self::recovery_interval).
    pub const DEFAULT_RECOVERY_INTERVAL: Duration = Duration::from_secs(1);
    /// The default of [`recovery_window`](Self::recovery_window).
    pub const DEFAULT_RECOVERY_WINDOW: Duration = Duration::from_secs(30);
    /// The default of [`sequence_ack_interval`](Self::sequence_ack_interval).
    pub const DEFAULT_SEQUENCE_ACK_INTERVAL: Duration = Duration::from_secs(1);

    /// Returns the options in the form that a session uses: with "off" values resolved, and
    /// intervals raised to the minimum.
    pub(super) fn effective(mut self) -> Self {
        let some = |option: Option<Duration>| option.filter(|time| !time.is_zero());
        let limit = |option: Duration| match option {
            Duration::ZERO => Duration::MAX,
            time => time,
        };
        self.keep_alive_interval =
            some(self.keep_alive_interval).map(|interval| interval.max(SHORTEST_INTERVAL));
        self.keep_alive_timeout = some(self.keep_alive_timeout);
        self.invocation_timeout = some(self.invocation_timeout);
        self.connect_timeout = limit(self.connect_timeout);
        // A request may be repeated indefinitely, each time this elapses.
        self.ack_timeout = limit(self.ack_timeout).max(SHORTEST_INTERVAL);
        self.recovery_interval = self.recovery_interval.max(SHORTEST_INTERVAL);
        for retry in [&mut self.message_retry, &mut self.reconnect_retry] {
            retry.retry_delay = retry.retry_delay.max(SHORTEST_INTERVAL);
            retry.max_retry_delay = retry.max_retry_delay.max(SHORTEST_INTERVAL);
        }
        self
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.subprotocol.is_some_and(Subprotocol::is_reliable)
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            subprotocol: Some(Subprotocol::JsonReliable),
            auto_reconnect: true,
            auto_rejoin_groups: true,
            message_retry: ClientRetryOptions::default(),
            resend_on_new_connection: false,
            resend_refused_events: false,
            reconnect_retry: ClientRetryOptions {
                max_retries: None,
                mode: RetryMode::Exponential,
                ..ClientRetryOptions::default()
            },
            keep_alive_interval: Some(Self::DEFAULT_KEEP_ALIVE_INTERVAL),
            keep_alive_timeout: Some(Self::DEFAULT_KEEP_ALIVE_TIMEOUT),
            ack_timeout: Self::DEFAULT_ACK_TIMEOUT,
            invocation_timeout: Some(Self::DEFAULT_INVOCATION_TIMEOUT),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            close_timeout: Self::DEFAULT_CLOSE_TIMEOUT,
            recovery_window: Self::DEFAULT_RECOVERY_WINDOW,
            recovery_interval: Self::DEFAULT_RECOVERY_INTERVAL,
            sequence_ack_interval: Self::DEFAULT_SEQUENCE_ACK_INTERVAL,
            max_in_flight: Self::DEFAULT_MAX_IN_FLIGHT,
            max_unread_bytes: Self::DEFAULT_MAX_UNREAD_BYTES,
        }
    }
}

/// The retry policy of a client: how many retries, and the delays between them.
///
/// The names are those of the official JavaScript client.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[doc(alias = "WebPubSubRetryOptions")]
pub struct ClientRetryOptions {
    /// The maximum number of retries, not counting the first attempt; `None` means no limit.
    /// Default: 3.
    pub max_retries: Option<u32>,
    /// The delay before the first retry, at least 10 ms. Default: 1 s.
    pub retry_delay: Duration,
    /// The longest delay, at least 10 ms. Default: 30 s.
    pub max_retry_delay: Duration,
    /// How delays grow. Default: [`RetryMode::Fixed`].
    pub mode: RetryMode,
}

impl ClientRetryOptions {
    /// Sets [`max_retries`](Self::max_retries).
    #[must_use]
    pub fn with_max_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.max_retries = retries.into();
        self
    }

    /// Sets [`retry_delay`](Self::retry_delay).
    #[must_use]
    pub fn with_retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay;
        self
    }

    /// Sets [`max_retry_delay`](Self::max_retry_delay).
    #[must_use]
    pub fn with_max_retry_delay(mut self, delay: Duration) -> Self {
        self.max_retry_delay = delay;
        self
    }

    /// Sets [`mode`](Self::mode).
    #[must_use]
    pub fn with_mode(mut self, mode: RetryMode) -> Self {
        self.mode = mode;
        self
    }

    /// Returns the delay before retry number `retry`, from 1; `None` if there is no such retry.
    pub(super) fn delay(&self, retry: u32) -> Option<Duration> {
        if self.max_retries.is_some_and(|max| retry > max) {
            return None;
        }
        let factor = match self.mode {
            RetryMode::Fixed => 1,
            RetryMode::Exponential => 2,
        };
        let times = retry.saturating_sub(1);
        Some(grown(self.retry_delay, factor, times, self.max_retry_delay))
    }
}

impl Default for ClientRetryOptions {
    fn default() -> Self {
        Self {
            max_retries: Some(3),
            retry_delay: Duration::from_secs(1),
            max_retry_delay: Duration::from_secs(30),
            mode: RetryMode::Fixed,
        }
    }
}

/// How delays grow from one retry to the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RetryMode {
    /// Each delay is twice the previous one.
    Exponential,
    /// All delays are equal.
    Fixed,
}

/// The shortest interval: with a shorter one, a session would do nothing else.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    /// `@azure/web-pubsub-client` 1.1.0: `autoReconnect`, `autoRejoinGroups`,
    /// `messageRetryOptions`, `keepAliveIntervalInMs`, `keepAliveTimeoutInMs`.
    #[test]
    fn defaults_are_those_of_the_official_clients() {
        let options = SessionOptions::default();
        let second = Duration::from_secs(1);
        assert_eq!(options.subprotocol, Some(Subprotocol::JsonReliable));
        assert!(options.auto_reconnect && options.auto_rejoin_groups);
        let retry = ClientRetryOptions {
            max_retries: Some(3),
            retry_delay: second,
            max_retry_delay: second * 30,
            mode: RetryMode::Fixed,
        };
        assert_eq!(options.message_retry, retry);
        assert_eq!(options.keep_alive_interval, Some(second * 20));
        assert_eq!(options.keep_alive_timeout, Some(second * 120));
        // Python: `ack_timeout` and `start_timeout`.
        assert_eq!(options.ack_timeout, second * 30);
        assert_eq!(options.connect_timeout, second * 30);
        assert_eq!(options.recovery_window, second * 30);
        assert_eq!(options.recovery_interval, second);
        assert_eq!(options.sequence_ack_interval, second);
        // Indefinitely, as there; unlike any official client with growing delays, to avoid
        // reconnect storms.
        assert_eq!(options.reconnect_retry.max_retries, None);
        assert_eq!(options.reconnect_retry.retry_delay, second);
        assert_eq!(options.reconnect_retry.mode, RetryMode::Exponential);
    }

    #[test]
    fn every_part_of_a_retry_policy_can_be_set() {
        let second = Duration::from_secs(1);
        let retry = ClientRetryOptions::default()
            .with_max_retries(7)
            .with_mode(RetryMode::Exponential)
            .with_retry_delay(second * 2)
            .with_max_retry_delay(second * 5);
        let expected = ClientRetryOptions {
            max_retries: Some(7),
            retry_delay: second * 2,
            max_retry_delay: second * 5,
            mode: RetryMode::Exponential,
        };
        assert_eq!(retry, expected);
        let delays = [1, 2, 3, 7, 8].map(|number| retry.delay(number));
        let seconds = [Some(2), Some(4), Some(5), Some(5), None];
        assert_eq!(
            delays,
            seconds.map(|count| count.map(|count| second * count))
        );
        assert_eq!(retry.with_max_retries(None).max_retries, None);
    }

    #[test]
    fn delays_follow_the_official_formula() {
        let second = Duration::from_secs(1);
        let fixed = ClientRetryOptions::default();
        assert_eq!(
            [1, 3, 4].map(|retry| fixed.delay(retry)),
            [Some(second), Some(second), None]
        );
        let growing = SessionOptions::default().reconnect_retry;
        assert_eq!(
            [1, 2, 5, 6, 40, u32::MAX].map(|retry| growing.delay(retry)),
            [1, 2, 16, 30, 30, 30].map(|seconds| Some(second * seconds))
        );
    }
}
