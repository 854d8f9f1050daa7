//! The words for where a session stands.

use auth::Secret;

/// Where a session stands; the official clients' states and one more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Stopped,
    /// For the first time since the start.
    Connecting,
    Connected,
    /// The service keeps the connection whose socket was lost.
    Recovering,
    /// The connection is gone; another one is tried or waited for.
    Disconnected,
    /// Our close frame is under way.
    Stopping,
}

/// What the service calls the connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: String,
    pub(super) token: Option<Secret>,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Nobody drives the session any more.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "a shell's word"))]
    Failure,
    Lost,
    /// The peer does not speak the subprotocol.
    Protocol,
    Stop,
}

impl Connection {
    /// The service gave a token to recover the connection with, or leaves the last one in force.
    pub(super) fn set_token(&mut self, token: Option<Secret>) {
        self.token = token.or_else(|| self.token.take());
    }
}
