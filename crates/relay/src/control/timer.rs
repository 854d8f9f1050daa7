//! The timers of the control channel.

/// The purpose of a deadline. Its number is its index in the [`TimerTable`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// An attempt to connect has taken too long.
    Attempt,
    /// The peer has not answered our close frame.
    Closing,
    /// Requests are still being answered, but the stop waits no longer.
    Drain,
    /// The token expired so long ago that the service must have noticed.
    Expire,
    /// A ping or pong is due.
    KeepAlive,
    /// The next attempt to connect is due.
    Reconnect,
    /// The token renewal is due.
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
