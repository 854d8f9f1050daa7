//! The events of a client.

use transport::CloseCode;

use crate::GroupName;
use crate::protocol::{Data, GroupStates, Metadata, SharedStr, StreamFragment};

use super::ack::RequestError;
use super::action::DialError;

/// An event of a client; events arrive in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The service has accepted a new connection, the first since the start or one that replaces another,
    /// and each group of the previous one has been rejoined or reported as failed. A connection that was
    /// recovered is reported by [`Recovered`](Self::Recovered) instead.
    Connected {
        /// The id of the connection; empty on a simple WebSocket, where the service does not send it.
        connection_id: String,
        /// The user id; `None` if anonymous.
        user_id: Option<String>,
        /// The id of the connection that this one replaces; `None` for the first since the start.
        replaces: Option<String>,
    },
    /// The connection with this id has ended and will not be recovered. Follows each
    /// [`Connected`](Self::Connected) exactly once.
    Disconnected {
        /// The id of the connection.
        connection_id: String,
        /// The code of the service's close frame, if it sent one. If the connection was
        /// to be recovered first, the code and the reason are those of its loss.
        close_code: Option<CloseCode>,
        /// The reason from the service, if any, or what was wrong with a frame from
        /// the service that made this client drop the connection.
        reason: Option<String>,
    },
    /// The socket was lost, but the service keeps the connection for a while. Reliable subprotocols
    /// only.
    Recovering {
        /// The id of the connection.
        connection_id: String,
    },
    /// The connection continues where it was lost: nothing is missing or repeated.
    Recovered {
        /// The id of the connection.
        connection_id: String,
    },
    /// Data that was sent to this client may be missing. Reliable subprotocols only:
    /// on the others any lost connection may have lost data.
    Gap {
        /// The id of the connection.
        connection_id: String,
        /// The last sequence id before the gap; 0 if there was none.
        last_sequence_id: u64,
        /// The first sequence id after the gap; `None` if the connection has ended.
        next_sequence_id: Option<u64>,
    },
    /// A message published to a group.
    GroupMessage {
        /// The group.
        group: SharedStr,
        /// The id of the user that sent it; `None` for an anonymous user, the server, and in
        /// protobuf.
        from_user_id: Option<SharedStr>,
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
        /// The metadata.
        metadata: Metadata,
        /// The stream and fragment number, if it is part of a stream.
        stream: Option<Box<StreamFragment>>,
    },
    /// A message from the server.
    ServerMessage {
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
        /// The metadata.
        metadata: Metadata,
    },
    /// The states of members of a group to which this client has subscribed.
    GroupState {
        /// The states.
        states: GroupStates,
        /// Whether these are all members, not only those that changed.
        is_snapshot: bool,
    },
    /// A group could not be rejoined on a new connection. The next connection tries again.
    RejoinGroupFailed {
        /// The group.
        group: GroupName,
        /// The error.
        error: RequestError,
    },
    /// An attempt to replace a lost connection failed. Unless
    /// [`Stopped`](Self::Stopped) follows, there will be another attempt.
    ReconnectFailed {
        /// The number of failed attempts since the last stable connection.
        attempts: u32,
        /// The error of this attempt.
        error: DialError,
    },
    /// The client has stopped and will not reconnect on its own.
    Stopped,
}

impl Event {
    /// Returns the payload of a message, of a group or from the server; `None` for any other
    /// event. The last part of a stream has an empty one.
    ///
    /// ```
    /// use azwire_pubsub::Event;
    ///
    /// fn print(event: &Event) {
    ///     if let Some(text) = event.data().and_then(|data| data.as_str()) {
    ///         println!("{text}");
    ///     }
    /// }
    /// ```
    pub fn data(&self) -> Option<&Data> {
        match self {
            Self::GroupMessage { data, .. } | Self::ServerMessage { data, .. } => Some(data),
            _ => None,
        }
    }

    /// As [`data`](Self::data), by value.
    pub fn into_data(self) -> Option<Data> {
        match self {
            Self::GroupMessage { data, .. } | Self::ServerMessage { data, .. } => Some(data),
            _ => None,
        }
    }
}
