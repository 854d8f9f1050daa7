//! The control channel's timers: what a deadline is for.

/// What a deadline is for. The number of each is its place in the [`TimerTable`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// A try to connect has taken too long.
    Attempt,
    /// The peer has not answered our close frame.
    Closing,
    /// Requests are still being answered, but the stop waits no longer.
    Drain,
    /// The token has been over for so long that the service must have noticed.
    Expire,
    /// A ping or pong is to be sent.
    KeepAlive,
    /// The next try to connect is to begin.
    Reconnect,
    /// The token is to be renewed.
    Renew,
    /// Nothing has been received for so long that the peer must be gone.
    Silence,
}

impl From<Timer> for usize {
    fn from(timer: Timer) -> Self {
        timer as Self
    }
}

/// One deadline for each timer.
pub(super) type TimerTable =
    transport::_internal::TimerTable<Timer, { Timer::Silence as usize + 1 }>;
