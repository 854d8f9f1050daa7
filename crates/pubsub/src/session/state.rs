//! Where a client stands, in the application's words.

/// What a client is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClientState {
    /// There is no connection yet, or one was lost for good and is being replaced. Requests wait.
    Connecting,
    /// The service has accepted the connection; requests are sent at once.
    Connected,
    /// The socket was lost, and the service keeps the connection while the client opens another
    /// one for it. Requests wait. Reliable subprotocols only.
    Recovering,
    /// [`stop`](crate::session::Session::stop) was called, and the close handshake is under way.
    /// Requests are refused.
    Stopping,
    /// Not started, stopped, or given up. Requests are refused. It can be started, again too.
    Stopped,
}
