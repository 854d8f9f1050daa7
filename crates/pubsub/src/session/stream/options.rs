//! The options of a stream.

use std::time::Duration;

/// The options of a stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// The stream id, unique among those open on the connection; default: a free one.
    pub stream_id: Option<String>,
    /// Whether the sender's own connection does not receive the stream. Default: `false`.
    pub no_echo: bool,
    /// The idle timeout, after which the service ends a stream without fragments; default: that of the
    /// service, 300 s. The session keeps an open stream alive.
    pub idle_timeout: Option<Duration>,
}

impl StreamOptions {
    /// Sets [`stream_id`](Self::stream_id).
    #[must_use]
    pub fn with_stream_id(mut self, stream_id: impl Into<String>) -> Self {
        self.stream_id = Some(stream_id.into());
        self
    }

    /// Sets [`no_echo`](Self::no_echo).
    #[must_use]
    pub fn with_no_echo(mut self, no_echo: bool) -> Self {
        self.no_echo = no_echo;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout), in whole milliseconds, rounded
    /// up: at least one, and capped at 2,147,483,647 (24 days).
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }
}

/// Converts an idle timeout to its form on the wire, a signed 32-bit number. Larger values mean
/// "never", which 24 days, with a keep-alive every third of that, amount to.
pub(super) fn milliseconds(timeout: Duration) -> u32 {
    let count = timeout.as_nanos().div_ceil(1_000_000);
    let most = i32::MAX.unsigned_abs();
    u32::try_from(count).unwrap_or(most).clamp(1, most)
}
