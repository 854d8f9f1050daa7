//! The session's timers: what a deadline is for.

/// What a deadline is for. The number of each is its place in the [`TimerTable`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// A request has waited long enough for its acknowledgement, or for its next try.
    Ack,
    /// The peer has not answered our close frame.
    Closing,
    /// An attempt to connect has taken too long.
    Connect,
    /// The next attempt to connect begins.
    Dial,
    /// An invocation has waited long enough for its response.
    Invocation,
    /// The service should hear from us.
    Ping,
    /// A recovered connection has been open for a while and was not refused.
    Proof,
    /// The service no longer keeps the connection.
    Recovery,
    /// The application is told of the connection although some group was not joined again yet.
    Rejoin,
    /// Received data is acknowledged.
    SequenceAck,
    /// Nothing was heard of the service for too long.
    Silence,
    /// A stream is kept alive, or sends again.
    Stream,
}

impl From<Timer> for usize {
    fn from(timer: Timer) -> Self {
        timer as Self
    }
}

/// One deadline for each timer.
pub(super) type TimerTable =
    transport::_internal::TimerTable<Timer, { Timer::Stream as usize + 1 }>;
