//! The options of a control channel.

use std::time::Duration;

use crate::deadline::{SHORTEST_INTERVAL, limit};

/// The keep-alive and the timeouts of a control channel.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ControlOptions {
    /// How to detect a dead peer and keep a silent path open. Default: a ping after 30 s.
    pub keep_alive: KeepAlive,
    /// The timeout of one attempt to connect, including its token. Default: 60 s; zero means none.
    pub attempt_timeout: Duration,
    /// How long a stop waits for requests that are being answered. Default: 60 s; zero does not wait.
    pub drain_timeout: Duration,
    /// How long a stop waits for the peer's close frame. Default: 5 s; zero does not wait.
    pub close_timeout: Duration,
    /// How long the hybrid connection may be unknown (404) to the service,
    /// after it has been known, before the channel ends for good. Default: 30 minutes; zero ends it immediately.
    pub not_found_patience: Duration,
}

impl ControlOptions {
    /// 60 s, the operation timeout of the official .NET client.
    pub const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
    /// 60 s, after which the service abandons a sender anyway.
    pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
    /// 5 s.
    pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// 30 minutes. The official .NET listener has no such limit and ends at a 404 that would have been temporary.
    pub const DEFAULT_NOT_FOUND_PATIENCE: Duration = Duration::from_secs(30 * 60);

    /// Sets how to detect a dead peer and keep a silent path open.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets the timeout of one attempt to connect; zero means none.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Sets how long a stop waits for requests that are being answered; zero does not wait.
    #[must_use]
    pub fn with_drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Sets how long a stop waits for the peer's close frame; zero does not wait.
    #[must_use]
    pub fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets how long to retry after 404; zero makes it final.
    #[must_use]
    pub fn with_not_found_patience(mut self, patience: Duration) -> Self {
        self.not_found_patience = patience;
        self
    }
}

impl ControlOptions {
    /// Returns the options in the form that a channel uses: without values that mean "off",
    /// and without an interval that would leave no time for anything else.
    pub(super) fn effective(mut self) -> Self {
        self.attempt_timeout = limit(self.attempt_timeout);
        self.keep_alive = match self.keep_alive {
            KeepAlive::Ping { interval, .. } | KeepAlive::Pong { interval }
                if interval.is_zero() =>
            {
                KeepAlive::Off
            }
            KeepAlive::Ping { interval, grace } => KeepAlive::Ping {
                interval: interval.max(SHORTEST_INTERVAL),
                grace,
            },
            KeepAlive::Pong { interval } => KeepAlive::Pong {
                interval: interval.max(SHORTEST_INTERVAL),
            },
            KeepAlive::Off => KeepAlive::Off,
        };
        self
    }
}

impl Default for ControlOptions {
    fn default() -> Self {
        Self {
            keep_alive: KeepAlive::default(),
            attempt_timeout: Self::DEFAULT_ATTEMPT_TIMEOUT,
            drain_timeout: Self::DEFAULT_DRAIN_TIMEOUT,
            close_timeout: Self::DEFAULT_CLOSE_TIMEOUT,
            not_found_patience: Self::DEFAULT_NOT_FOUND_PATIENCE,
        }
    }
}

/// What to send on a silent channel. The path to Azure drops a silent connection after about 4
/// minutes, often without notice.
///
/// An interval of zero is [`Off`](Self::Off); one under 10 ms counts as 10 ms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeepAlive {
    /// Nothing. A peer that vanishes is detected by a renewal at the earliest.
    Off,
    /// A ping after `interval` of silence. A peer that is still silent `grace` later is considered dead.
    Ping {
        /// How long the channel may be silent before a ping is sent.
        interval: Duration,
        /// How long the peer may take to answer; zero means no limit.
        grace: Duration,
    },
    /// An unsolicited pong every `interval`, like the official .NET listener:
    /// it keeps the path open, but does not detect a peer that vanished.
    Pong {
        /// The time between two pongs.
        interval: Duration,
    },
}

impl KeepAlive {
    /// 30 s, well under the 4 minutes of the path.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
    /// 15 s.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(15);
}

impl Default for KeepAlive {
    /// A ping after 30 s, and 15 s to answer.
    fn default() -> Self {
        Self::Ping {
            interval: Self::DEFAULT_INTERVAL,
            grace: Self::DEFAULT_GRACE,
        }
    }
}
