//! What clients and the service say to each other, whatever the format.

use std::fmt;

use bytes::Bytes;
use transport::Text;

/// A payload and its type.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Plain text.
    Text(Text),
    /// JSON, as it was written.
    Json(Text),
    /// Bytes.
    Binary(Bytes),
    /// A serialised `google.protobuf.Any`.
    Protobuf(Bytes),
}

impl Data {
    /// Creates JSON data from anything that serialises.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`, for maps whose keys are not strings and the like.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::Json(serde_json::to_string(value)?.into()))
    }

    /// Reads JSON data into a type.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`; data of another type than JSON is an error too.
    pub fn to_json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        match self {
            Self::Json(text) => serde_json::from_str(text),
            other => Err(serde::de::Error::custom(format_args!(
                "the data is {}, not JSON",
                other.type_name()
            ))),
        }
    }

    /// The payload's bytes: those of the text, the JSON text, or the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Json(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Protobuf(bytes) => bytes,
        }
    }

    /// The name of the type on the wire: `text`, `json`, `binary` or `protobuf`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Json(_) => "json",
            Self::Binary(_) => "binary",
            Self::Protobuf(_) => "protobuf",
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads belong to the application.
        write!(
            f,
            "Data({}, {} bytes)",
            self.type_name(),
            self.as_bytes().len()
        )
    }
}

/// What a client says.
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
    },
    /// Send an event to the application's event handler.
    Event {
        /// The event's name.
        event: String,
        /// Asks for an acknowledgement under this id.
        ack_id: Option<u64>,
        /// The payload.
        data: Data,
    },
    /// Acknowledge all data up to a sequence id.
    SequenceAck {
        /// The largest sequence id seen.
        sequence_id: u64,
    },
    /// Ask for a pong.
    Ping,
}

/// What the service says.
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
        /// Who sent it.
        from: Sender,
        /// The payload.
        data: Data,
        /// The sequence id, on reliable subprotocols.
        sequence_id: Option<u64>,
    },
    /// The answer to a ping.
    Pong,
}

/// Who sent a data message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Sender {
    /// A member of a group, or the server to that group.
    Group {
        /// The group.
        group: String,
        /// The user who sent it, unless anonymous or the server.
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
