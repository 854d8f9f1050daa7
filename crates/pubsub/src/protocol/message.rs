//! What clients and the service say to each other, whatever the format.

use std::collections::BTreeMap;

use super::{Data, GroupStates, Metadata, StreamEndError, StreamFragment};

/// What a client says.
///
/// Source: the subprotocol references of Azure Web PubSub and its client protocol specification.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UpstreamMessage {
    /// Join a group.
    JoinGroup {
        /// The group.
        group: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
    },
    /// Leave a group.
    LeaveGroup {
        /// The group.
        group: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
    },
    /// Publish to a group.
    SendToGroup {
        /// The group.
        group: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
        /// Whether the sender's own connection is left out.
        no_echo: bool,
        /// The payload.
        data: Data,
        /// For how long the service may keep the message, 0 to 300 seconds.
        ttl_seconds: Option<u32>,
        /// What goes along with the payload.
        metadata: Metadata,
    },
    /// Send an event to the application's event handler.
    Event {
        /// The event's name.
        event: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
        /// The payload.
        data: Data,
        /// What goes along with the payload.
        metadata: Metadata,
    },
    /// Acknowledge all data up to a sequence id.
    SequenceAck {
        /// The largest sequence id seen.
        sequence_id: u64,
    },
    /// Ask for a pong.
    Ping,
    /// Call the application's event handler and ask for its answer.
    Invoke {
        /// The client's name for the call, unique among those under way on the connection.
        invocation_id: String,
        /// The event's name.
        event: String,
        /// The payload, if any.
        data: Option<Data>,
        /// What goes along with the payload; in protobuf only.
        metadata: Metadata,
    },
    /// Give up an invocation.
    CancelInvocation {
        /// The name of the call.
        invocation_id: String,
    },
    /// Answer a call of the service. No service makes such calls so far; in JSON only.
    InvokeResponse {
        /// The name of the call.
        invocation_id: String,
        /// The answer's payload, or why there is none.
        result: Result<Option<Data>, AckError>,
    },
    /// Begin a stream to a group.
    StreamStart {
        /// The group.
        group: String,
        /// Whether the sender's own connection is left out.
        no_echo: bool,
        /// The client's name for the stream, unique among those open on the connection.
        stream_id: String,
        /// After how many milliseconds without a fragment the service ends the stream; its default is 300,000.
        idle_timeout_ms: Option<u32>,
    },
    /// Send a fragment of a stream, or keep the stream alive.
    StreamData {
        /// The stream.
        stream_id: String,
        /// The fragment's number, from 1, and its payload; `None` only keeps the stream alive.
        fragment: Option<(u64, Data)>,
    },
    /// End a stream.
    StreamEnd {
        /// The stream.
        stream_id: String,
        /// Why it ends early.
        error: Option<StreamEndError>,
    },
    /// Set or clear the connection's own state in a group.
    SetGroupState {
        /// The group.
        group: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
        /// The state; `None` clears it.
        state: Option<BTreeMap<String, String>>,
    },
    /// Ask for the states of a group's members, now and whenever they change.
    SubscribeGroupState {
        /// The group.
        group: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
    },
    /// Ask for no more states.
    UnsubscribeGroupState {
        /// The group.
        group: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
    },
}

/// What the service says.
///
/// Source: the subprotocol references of Azure Web PubSub and its client protocol specification.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DownstreamMessage {
    /// The connection is known to the service.
    Connected {
        /// The id of the connection.
        connection_id: String,
        /// The user, unless anonymous.
        user_id: Option<String>,
        /// The token for recovery, on reliable subprotocols. A secret.
        reconnection_token: Option<auth::Secret>,
    },
    /// The service will close the connection.
    Disconnected {
        /// Why.
        message: Option<String>,
    },
    /// The answer to a request that asked for one.
    Ack {
        /// The id of the request.
        ack_id: u64,
        /// The error, if it was refused.
        result: Result<(), AckError>,
    },
    /// Data.
    Data {
        /// Where it comes from.
        from: DataOrigin,
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
        /// What goes along with the payload.
        metadata: Metadata,
        /// Which part of which stream this is, if it is one.
        stream: Option<Box<StreamFragment>>,
    },
    /// The answer to a ping.
    Pong,
    /// The answer to an invocation.
    InvokeResponse {
        /// The name of the call.
        invocation_id: String,
        /// The answer's payload, or why there is none.
        result: Result<Option<Data>, AckError>,
        /// What goes along with the payload; in protobuf only.
        metadata: Metadata,
    },
    /// The service gives up an invocation of its own; in JSON only.
    CancelInvocation {
        /// The name of the call.
        invocation_id: String,
    },
    /// All fragments before a number were taken; the first such answer also says that the stream is open.
    StreamAck {
        /// The stream.
        stream_id: String,
        /// The number that comes next.
        expected_sequence_id: u64,
    },
    /// A fragment was not taken; send again from the expected one.
    StreamNack {
        /// The stream.
        stream_id: String,
        /// The number that comes next.
        expected_sequence_id: u64,
        /// `InvalidSequenceId`, or `TransientError`.
        name: String,
        /// The service's text.
        message: Option<String>,
    },
    /// A stream has ended.
    StreamClosed {
        /// The stream.
        stream_id: String,
        /// Why, unless the sender ended it: `StreamNotFound`, `Forbidden`, `BadRequest`,
        /// `InternalServerError` or `IdleTimeout`.
        error: Option<AckError>,
    },
    /// The states of all members of a group.
    GroupStateSnapshot(GroupStates),
    /// The states of a group's members that have changed.
    GroupStateUpdate(GroupStates),
}

/// Where a data message comes from: its `from` on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DataOrigin {
    /// A member of a group, or the server to that group.
    Group {
        /// The group.
        group: String,
        /// The user who sent it, unless anonymous or the server; never in protobuf.
        from_user_id: Option<String>,
    },
    /// The server.
    Server,
}

/// Why a request was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {message}")]
#[non_exhaustive]
pub struct AckError {
    /// The error's name, such as `Forbidden`, `InternalServerError` or `Duplicate`.
    pub name: String,
    /// The service's text.
    pub message: String,
}

impl AckError {
    /// Creates an acknowledgement's error.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
        }
    }
}
