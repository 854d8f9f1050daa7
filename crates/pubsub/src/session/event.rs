//! What the application sees of a connection.

use crate::protocol::Data;

/// One thing that happened, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The service knows the connection.
    Connected {
        /// The id of the connection.
        connection_id: String,
        /// The user, unless anonymous.
        user_id: Option<String>,
    },
    /// The connection with this id is gone.
    Disconnected {
        /// The id of the connection.
        connection_id: String,
        /// The service's reason, if it gave one.
        reason: Option<String>,
    },
    /// A message published to a group.
    GroupMessage {
        /// The group.
        group: String,
        /// The user who sent it, unless anonymous or the server.
        from_user_id: Option<String>,
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
    },
    /// A message from the server.
    ServerMessage {
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
    },
    /// The client has stopped and will not come back by itself.
    Stopped,
}
