//! The messages between clients and the service, in any format.

use std::collections::BTreeMap;

use super::{Data, GroupStates, Metadata, SharedStr, StreamEndError, StreamFragment};

/// A message from a client to the service.
///
/// Source: the subprotocol references of Azure Web PubSub and its client protocol specification.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UpstreamMessage {
    /// Joins a group.
    JoinGroup {
        /// The group.
        group: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
    },
    /// Leaves a group.
    LeaveGroup {
        /// The group.
        group: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
    },
    /// Publishes to a group.
    SendToGroup {
        /// The group.
        group: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
        /// Whether the sender's own connection does not receive it.
        no_echo: bool,
        /// The payload.
        data: Data,
        /// How long the service may keep the message, 0 to 300 seconds.
        ttl_seconds: Option<u32>,
        /// The metadata.
        metadata: Metadata,
    },
    /// Sends an event to the application's event handler.
    Event {
        /// The name of the event.
        event: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
        /// The payload.
        data: Data,
        /// The metadata.
        metadata: Metadata,
    },
    /// Acknowledges all data up to a sequence id.
    SequenceAck {
        /// The largest sequence id received.
        sequence_id: u64,
    },
    /// Requests a pong.
    Ping,
    /// Invokes the application's event handler and requests its response.
    Invoke {
        /// The client's id for the invocation, unique among those in flight on the connection.
        invocation_id: String,
        /// The name of the event.
        event: String,
        /// The payload, if any.
        data: Option<Data>,
        /// The metadata; in protobuf only.
        metadata: Metadata,
    },
    /// Cancels an invocation.
    CancelInvocation {
        /// The id of the invocation.
        invocation_id: String,
    },
    /// Responds to an invocation by the service. No service sends any so far; in JSON only.
    InvokeResponse {
        /// The id of the invocation.
        invocation_id: String,
        /// The payload of the response, or the error.
        result: Result<Option<Data>, AckError>,
    },
    /// Starts a stream to a group.
    StreamStart {
        /// The group.
        group: String,
        /// Whether the sender's own connection does not receive it.
        no_echo: bool,
        /// The client's id for the stream, unique among those open on the connection.
        stream_id: String,
        /// The idle timeout in milliseconds, after which the service ends the stream; its default is 300,000.
        idle_timeout_ms: Option<u32>,
    },
    /// Sends a fragment of a stream, or keeps the stream alive.
    StreamData {
        /// The id of the stream.
        stream_id: String,
        /// The number of the fragment, from 1, and its payload; `None` only keeps the stream alive.
        fragment: Option<(u64, Data)>,
    },
    /// Ends a stream.
    StreamEnd {
        /// The id of the stream.
        stream_id: String,
        /// The reason, if it ends early.
        error: Option<StreamEndError>,
    },
    /// Sets or clears the connection's own state in a group.
    SetGroupState {
        /// The group.
        group: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
        /// The state; `None` clears it.
        state: Option<BTreeMap<String, String>>,
    },
    /// Subscribes to the states of a group's members: the current ones and every change.
    SubscribeGroupState {
        /// The group.
        group: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
    },
    /// Unsubscribes from the states of a group's members.
    UnsubscribeGroupState {
        /// The group.
        group: String,
        /// The ack id; `None` for no ack.
        ack_id: Option<u64>,
    },
}

/// A message from the service to a client.
///
/// Source: the subprotocol references of Azure Web PubSub and its client protocol specification.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DownstreamMessage {
    /// The service accepted the connection.
    Connected {
        /// The id of the connection.
        connection_id: String,
        /// The user id; `None` if anonymous.
        user_id: Option<String>,
        /// The reconnection token for recovery, on reliable subprotocols. A secret.
        reconnection_token: Option<auth::Secret>,
    },
    /// The service will close the connection.
    Disconnected {
        /// The reason.
        message: Option<String>,
    },
    /// The ack of a request with an ack id.
    Ack {
        /// The ack id of the request.
        ack_id: u64,
        /// The error, if it was rejected.
        result: Result<(), AckError>,
    },
    /// A data message.
    Data {
        /// The origin.
        from: DataOrigin,
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
        /// The metadata.
        metadata: Metadata,
        /// The stream and fragment number, if it is part of a stream.
        stream: Option<Box<StreamFragment>>,
    },
    /// The response to a ping.
    Pong,
    /// The response to an invocation.
    InvokeResponse {
        /// The id of the invocation.
        invocation_id: String,
        /// The payload of the response, or the error.
        result: Result<Option<Data>, AckError>,
        /// The metadata; in protobuf only.
        metadata: Metadata,
    },
    /// The service cancels its own invocation; in JSON only.
    CancelInvocation {
        /// The id of the invocation.
        invocation_id: String,
    },
    /// The service accepted all fragments before a number; the first such ack also means that the
    /// stream is open.
    StreamAck {
        /// The id of the stream.
        stream_id: String,
        /// The number of the next fragment.
        expected_sequence_id: u64,
    },
    /// The service did not accept a fragment; send again from the expected one.
    StreamNack {
        /// The id of the stream.
        stream_id: String,
        /// The number of the next fragment.
        expected_sequence_id: u64,
        /// `InvalidSequenceId`, or `TransientError`.
        name: String,
        /// The text from the service.
        message: Option<String>,
    },
    /// A stream has ended.
    StreamClosed {
        /// The id of the stream.
        stream_id: String,
        /// The reason, unless the sender ended it: `StreamNotFound`, `Forbidden`, `BadRequest`,
        /// `InternalServerError` or `IdleTimeout`.
        error: Option<AckError>,
    },
    /// The states of all members of a group.
    GroupStateSnapshot(GroupStates),
    /// The states of a group's members that have changed.
    GroupStateUpdate(GroupStates),
}

/// A data message without metadata and outside any stream, as most are: what the fast paths read.
#[derive(Debug)]
pub(crate) struct PlainData {
    pub(crate) from: DataOrigin,
    pub(crate) data: Data,
    pub(crate) sequence_id: Option<u64>,
}

impl From<PlainData> for DownstreamMessage {
    fn from(message: PlainData) -> Self {
        let PlainData {
            from,
            data,
            sequence_id,
        } = message;
        Self::Data {
            from,
            data,
            sequence_id,
            metadata: Metadata::new(),
            stream: None,
        }
    }
}

/// The origin of a data message, `from` on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DataOrigin {
    /// A group: sent by a member, or by the server to the group.
    Group {
        /// The group.
        group: SharedStr,
        /// The id of the user that sent it; `None` for an anonymous user, the server, and in
        /// protobuf.
        from_user_id: Option<SharedStr>,
    },
    /// The server.
    Server,
}

/// The error in an ack or in the response to an invocation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {message}")]
#[non_exhaustive]
pub struct AckError {
    /// The error name, such as `Forbidden`, `InternalServerError` or `Duplicate`.
    pub name: String,
    /// The text from the service.
    pub message: String,
}

impl AckError {
    /// Creates an error.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
        }
    }
}
