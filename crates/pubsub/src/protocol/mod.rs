//! The messages of the PubSub WebSocket subprotocols, free of any format, and
//! their codecs. Pure.

mod data;
pub(crate) mod fields;
mod group_state;
pub mod json;
mod message;
mod number;
#[cfg(feature = "protobuf")]
pub mod protobuf;
#[cfg(test)]
mod splices;
mod stream;
#[cfg(test)]
mod vectors;

pub use data::{Data, Metadata};
pub use group_state::{GroupStateItem, GroupStates};
pub use message::{AckError, DataOrigin, DownstreamMessage, UpstreamMessage};
pub use stream::{StreamEndError, StreamError, StreamFragment};

pub(crate) use number::Number;

use std::fmt;

use transport::{Message, Text};

/// Why a frame is not a message of its subprotocol.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The frame is not of the subprotocol's format.
    #[error("not a message of the subprotocol: {0}")]
    Format(String),
    /// A field that the message needs is absent or breaks a rule.
    #[error("field `{field}` of `{message}`: {rule}")]
    Field {
        /// The kind of message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The kind of message is not known here.
    #[error("unknown kind of message")]
    UnknownKind(String),
    /// The message cannot be written in the format.
    #[error("`{0}` does not exist in protobuf")]
    NotInFormat(&'static str),
}

/// A WebSocket subprotocol of the service.
///
/// ```
/// use azwire_pubsub::Subprotocol;
///
/// assert_eq!(Subprotocol::default().as_str(), "json.reliable.webpubsub.azure.v1");
/// assert_eq!(Subprotocol::from_name("json.webpubsub.azure.v1"), Some(Subprotocol::Json));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Subprotocol {
    /// `json.webpubsub.azure.v1`: JSON in text frames.
    Json,
    /// `json.reliable.webpubsub.azure.v1`: JSON, with recovery. The default of
    /// this client, as of all official ones.
    #[default]
    JsonReliable,
    /// `protobuf.webpubsub.azure.v1`: protobuf in binary frames.
    #[cfg(feature = "protobuf")]
    Protobuf,
    /// `protobuf.reliable.webpubsub.azure.v1`: protobuf, with recovery.
    #[cfg(feature = "protobuf")]
    ProtobufReliable,
}

impl Subprotocol {
    /// Every subprotocol that this build speaks.
    pub const ALL: &[Self] = &[
        Self::Json,
        Self::JsonReliable,
        #[cfg(feature = "protobuf")]
        Self::Protobuf,
        #[cfg(feature = "protobuf")]
        Self::ProtobufReliable,
    ];

    /// The name offered in `Sec-WebSocket-Protocol`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json.webpubsub.azure.v1",
            Self::JsonReliable => "json.reliable.webpubsub.azure.v1",
            #[cfg(feature = "protobuf")]
            Self::Protobuf => "protobuf.webpubsub.azure.v1",
            #[cfg(feature = "protobuf")]
            Self::ProtobufReliable => "protobuf.reliable.webpubsub.azure.v1",
        }
    }

    /// The subprotocol of that name, if this build speaks it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|subprotocol| subprotocol.as_str() == name)
    }

    /// Whether a connection can be recovered and its data is numbered.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::JsonReliable => true,
            #[cfg(feature = "protobuf")]
            Self::ProtobufReliable => true,
            _ => false,
        }
    }

    /// Whether messages are JSON in text frames; otherwise they are protobuf in binary frames.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::JsonReliable)
    }

    /// Reads a frame of a client. JSON may come in binary frames, too.
    ///
    /// # Errors
    ///
    /// A [`ProtocolError`] for anything that the subprotocol does not allow.
    pub fn decode_upstream(self, frame: Message) -> Result<UpstreamMessage, ProtocolError> {
        match self {
            Self::Json | Self::JsonReliable => json::decode_upstream(&json_text(frame)?),
            #[cfg(feature = "protobuf")]
            Self::Protobuf | Self::ProtobufReliable => match frame {
                Message::Binary(bytes) => protobuf::decode_upstream(bytes),
                _ => Err(wrong_frame()),
            },
        }
    }

    /// Writes what a client says as a frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NotInFormat`] for [`UpstreamMessage::InvokeResponse`] in protobuf,
    /// [`ProtocolError::Field`] for data that [`Data::check`] refuses.
    pub fn encode_upstream(self, message: &UpstreamMessage) -> Result<Message, ProtocolError> {
        match self {
            Self::Json | Self::JsonReliable => json::encode_upstream(message).map(Message::Text),
            #[cfg(feature = "protobuf")]
            Self::Protobuf | Self::ProtobufReliable => {
                protobuf::encode_upstream(message).map(Message::Binary)
            }
        }
    }

    /// Reads a frame of the service. JSON may come in binary frames, too.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnknownKind`] for what this version does not know, which a
    /// client ignores; otherwise what is wrong.
    pub fn decode_downstream(self, frame: Message) -> Result<DownstreamMessage, ProtocolError> {
        self.decode_downstream_of(&frame)
    }

    /// As [`decode_downstream`](Self::decode_downstream), for whoever looks at the
    /// frame again when it cannot be read.
    pub(crate) fn decode_downstream_of(
        self,
        frame: &Message,
    ) -> Result<DownstreamMessage, ProtocolError> {
        match (self, frame) {
            (Self::Json | Self::JsonReliable, Message::Text(text)) => json::decode_downstream(text),
            (Self::Json | Self::JsonReliable, _) => {
                json::decode_downstream(&json_text(frame.clone())?)
            }
            #[cfg(feature = "protobuf")]
            (Self::Protobuf | Self::ProtobufReliable, Message::Binary(bytes)) => {
                protobuf::decode_downstream(bytes.clone())
            }
            #[cfg(feature = "protobuf")]
            (Self::Protobuf | Self::ProtobufReliable, _) => Err(wrong_frame()),
        }
    }

    /// The sequence id of a frame that cannot be read as a whole.
    pub(crate) fn number_of(self, frame: &Message) -> Number {
        match (self, frame) {
            (Self::Json | Self::JsonReliable, _) => {
                json_text(frame.clone()).map_or(Number::None, |text| json::number_of(&text))
            }
            #[cfg(feature = "protobuf")]
            (_, Message::Binary(bytes)) => protobuf::number_of(bytes),
            #[cfg(feature = "protobuf")]
            _ => Number::None,
        }
    }

    /// Writes what the service says as a frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NotInFormat`] for [`DownstreamMessage::CancelInvocation`] in protobuf,
    /// [`ProtocolError::Field`] for data that [`Data::check`] refuses.
    pub fn encode_downstream(self, message: &DownstreamMessage) -> Result<Message, ProtocolError> {
        match self {
            Self::Json | Self::JsonReliable => json::encode_downstream(message).map(Message::Text),
            #[cfg(feature = "protobuf")]
            Self::Protobuf | Self::ProtobufReliable => {
                protobuf::encode_downstream(message).map(Message::Binary)
            }
        }
    }
}

impl fmt::Display for Subprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn json_text(frame: Message) -> Result<Text, ProtocolError> {
    match frame {
        Message::Text(text) => Ok(text),
        Message::Binary(bytes) => bytes
            .try_into()
            .map_err(|_| ProtocolError::Format("not UTF-8".to_owned())),
        _ => Err(wrong_frame()),
    }
}

fn wrong_frame() -> ProtocolError {
    ProtocolError::Format("not a frame of the subprotocol's kind".to_owned())
}
