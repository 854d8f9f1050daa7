//! The timers of a session.

/// The purpose of a deadline. Its discriminant is the index in the [`TimerTable`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// A request has waited long enough for its ack, or for its next attempt.
    Ack,
    /// The peer has not responded to our close frame.
    Closing,
    /// An attempt to connect has timed out.
    Connect,
    /// The next attempt to connect is due.
    Dial,
    /// An invocation has waited long enough for its response.
    Invocation,
    /// A ping is due.
    Ping,
    /// A recovered connection has been open for a while without a rejection.
    Proof,
    /// The service no longer keeps the connection.
    Recovery,
    /// The connection is reported although some group has not been rejoined yet.
    Rejoin,
    /// A sequence ack is due.
    SequenceAck,
    /// The service was silent for too long.
    Silence,
    /// The keep-alive or the retransmission of a stream is due.
    Stream,
}

impl From<Timer> for usize {
    fn from(timer: Timer) -> Self {
        timer as Self
    }
}

/// A table with one deadline for each timer.
pub(super) type TimerTable =
    transport::_internal::TimerTable<Timer, { Timer::Stream as usize + 1 }>;
