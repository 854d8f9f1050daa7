//! The states of a session's connection.

use auth::Secret;

/// The connection state: those of the official clients and one more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Stopped,
    /// The first attempt since the start.
    Connecting,
    Connected,
    /// The service keeps the connection whose socket was lost.
    Recovering,
    /// The connection has ended; a new one is being opened or waited for.
    Disconnected,
    /// Our close frame has been sent.
    Stopping,
}

/// The identity of a connection at the service.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: String,
    pub(super) user_id: Option<String>,
    pub(super) token: Option<Secret>,
}

/// The reason why a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// The session is no longer driven.
    #[cfg_attr(
        not(feature = "client"),
        expect(dead_code, reason = "only a shell uses it")
    )]
    Failure,
    Lost,
    /// The peer violated the subprotocol.
    Protocol,
    Stop,
}

impl Connection {
    /// Sets the reconnection token; without a new one, the last one stays valid.
    pub(super) fn set_token(&mut self, token: Option<Secret>) {
        self.token = token.or_else(|| self.token.take());
    }
}
