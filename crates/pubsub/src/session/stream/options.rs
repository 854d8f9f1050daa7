//! The options of a stream.

use std::time::Duration;

/// How a stream is opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// The name of the stream, unique among those open on the connection; default: a free one.
    pub stream_id: Option<String>,
    /// Whether the sender's own connection is left out. Default `false`.
    pub no_echo: bool,
    /// After which time without a fragment the service ends the stream; its own
    /// default of 300 s unless you set one. The session keeps an open stream alive.
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
    /// up: at least one, at most 2,147,483,647 (24 days), as which longer ones count.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }
}

/// An idle timeout on the wire, where it is a number of 32 bits with a sign.
/// Whoever asks for more means "never", which 24 days with a keep-alive of a third
/// are.
pub(super) fn milliseconds(timeout: Duration) -> u32 {
    let count = timeout.as_nanos().div_ceil(1_000_000);
    let most = i32::MAX.unsigned_abs();
    u32::try_from(count).unwrap_or(most).clamp(1, most)
}
