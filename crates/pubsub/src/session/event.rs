//! What the application sees of a connection.

use crate::GroupName;
use crate::protocol::{Data, GroupStates, Metadata, StreamFragment};

use super::ack::RequestError;
use super::action::DialError;

/// One thing that happened, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The service knows a new connection, and the groups of the one before are
    /// joined again or have been reported as failed.
    Connected {
        /// The id of the connection; empty on a simple WebSocket, where the service does not tell it.
        connection_id: String,
        /// The user, unless anonymous.
        user_id: Option<String>,
    },
    /// The connection with this id is gone for good. Comes once for each [`Connected`](Self::Connected).
    Disconnected {
        /// The id of the connection.
        connection_id: String,
        /// The service's reason, if it gave one, or what was wrong with a frame of
        /// the service for which this client gave up the connection.
        reason: Option<String>,
    },
    /// The socket was lost; the service keeps the connection for a while. Reliable subprotocols only.
    Recovering {
        /// The id of the connection.
        connection_id: String,
    },
    /// The connection goes on where it was lost: nothing is missing and nothing comes twice.
    Recovered {
        /// The id of the connection.
        connection_id: String,
    },
    /// Data that was sent to this client may be missing. Reliable subprotocols only:
    /// on the others any lost connection may have taken data with it.
    Gap {
        /// The id of the connection.
        connection_id: String,
        /// The last sequence id before the gap; 0 if none came.
        last_sequence_id: u64,
        /// The first sequence id after it; `None` when the connection is gone for good.
        next_sequence_id: Option<u64>,
    },
    /// A message published to a group.
    GroupMessage {
        /// The group.
        group: String,
        /// The user who sent it, unless anonymous or the server; never in protobuf.
        from_user_id: Option<String>,
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
        /// What goes along with the payload.
        metadata: Metadata,
        /// Which part of which stream this is, if it is one.
        stream: Option<Box<StreamFragment>>,
    },
    /// A message from the server.
    ServerMessage {
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
        /// What goes along with the payload.
        metadata: Metadata,
    },
    /// States of members of a group that this client asked for.
    GroupState {
        /// The states.
        states: GroupStates,
        /// Whether these are all members; otherwise those that changed.
        is_snapshot: bool,
    },
    /// A group could not be joined again on a new connection. It is tried again on the next one.
    RejoinGroupFailed {
        /// The group.
        group: GroupName,
        /// Why.
        error: RequestError,
    },
    /// An attempt to replace a lost connection failed. Unless
    /// [`Stopped`](Self::Stopped) follows, there will be another.
    ReconnectFailed {
        /// How many attempts have failed since the last connection that held.
        attempts: u32,
        /// Why this one failed.
        error: DialError,
    },
    /// The client has stopped and will not come back by itself.
    Stopped,
}
