//! The subprotocols, and the codec of each.

use std::fmt;

use transport::{Message, Text};

#[cfg(feature = "protobuf")]
use super::protobuf;
use super::{
    Data, DownstreamMessage, Metadata, Number, PlainData, ProtocolError, UpstreamMessage, json,
};

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
    /// this client, and of all official ones.
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
    /// The subprotocols that this build supports.
    pub const ALL: &[Self] = &[
        Self::Json,
        Self::JsonReliable,
        #[cfg(feature = "protobuf")]
        Self::Protobuf,
        #[cfg(feature = "protobuf")]
        Self::ProtobufReliable,
    ];

    /// Returns the name for `Sec-WebSocket-Protocol`.
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

    /// Returns the subprotocol called `name`, if this build supports it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|subprotocol| subprotocol.as_str() == name)
    }

    /// Whether connections can be recovered and data has sequence ids.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::JsonReliable => true,
            #[cfg(feature = "protobuf")]
            Self::ProtobufReliable => true,
            _ => false,
        }
    }

    /// Whether messages are JSON in text frames, not protobuf in binary frames.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::JsonReliable)
    }

    /// Decodes a frame from a client. JSON may also arrive in binary frames.
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

    /// Encodes a message from a client as a frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NotInFormat`] for [`UpstreamMessage::InvokeResponse`] in protobuf,
    /// [`ProtocolError::Field`] for data that [`Data::check`](super::Data::check) rejects.
    pub fn encode_upstream(self, message: &UpstreamMessage) -> Result<Message, ProtocolError> {
        match self {
            Self::Json | Self::JsonReliable => json::encode_upstream(message).map(Message::Text),
            #[cfg(feature = "protobuf")]
            Self::Protobuf | Self::ProtobufReliable => {
                protobuf::encode_upstream(message).map(Message::Binary)
            }
        }
    }

    /// Encodes an [`UpstreamMessage::SendToGroup`] from its parts.
    pub(crate) fn encode_send_to_group(
        self,
        group: &str,
        ack_id: Option<u64>,
        no_echo: bool,
        data: &Data,
        ttl_seconds: Option<u32>,
        metadata: &Metadata,
    ) -> Result<Message, ProtocolError> {
        match self {
            Self::Json | Self::JsonReliable => {
                json::send_to_group(group, ack_id, no_echo, data, ttl_seconds, metadata)
                    .map(Message::Text)
            }
            #[cfg(feature = "protobuf")]
            Self::Protobuf | Self::ProtobufReliable => {
                protobuf::send_to_group(group, ack_id, no_echo, data, ttl_seconds, metadata)
                    .map(Message::Binary)
            }
        }
    }

    /// Encodes an [`UpstreamMessage::Event`] from its parts.
    pub(crate) fn encode_event(
        self,
        name: &str,
        ack_id: Option<u64>,
        data: &Data,
        metadata: &Metadata,
    ) -> Result<Message, ProtocolError> {
        match self {
            Self::Json | Self::JsonReliable => {
                json::event(name, ack_id, data, metadata).map(Message::Text)
            }
            #[cfg(feature = "protobuf")]
            Self::Protobuf | Self::ProtobufReliable => {
                protobuf::event(name, ack_id, data, metadata).map(Message::Binary)
            }
        }
    }

    /// Decodes a frame from the service. JSON may also arrive in binary frames.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnknownKind`] for a message unknown to this version, which a
    /// client ignores; another [`ProtocolError`] for an invalid one.
    pub fn decode_downstream(self, frame: Message) -> Result<DownstreamMessage, ProtocolError> {
        match self.plain_data_of(&frame) {
            Some(message) => Ok(message.into()),
            None => self.decode_any_downstream_of(&frame),
        }
    }

    /// Decodes a data message that has no rare parts; `None` for whatever
    /// [`decode_any_downstream_of`](Self::decode_any_downstream_of) is for.
    #[inline]
    pub(crate) fn plain_data_of(self, frame: &Message) -> Option<PlainData> {
        match (self, frame) {
            (Self::Json | Self::JsonReliable, Message::Text(text)) => json::plain_data(text),
            #[cfg(feature = "protobuf")]
            (Self::Protobuf | Self::ProtobufReliable, Message::Binary(bytes)) => {
                protobuf::plain_data(bytes)
            }
            _ => None,
        }
    }

    /// Like [`decode_downstream`](Self::decode_downstream), for callers that look at a malformed
    /// frame again, and have tried [`plain_data_of`](Self::plain_data_of).
    pub(crate) fn decode_any_downstream_of(
        self,
        frame: &Message,
    ) -> Result<DownstreamMessage, ProtocolError> {
        match (self, frame) {
            (Self::Json | Self::JsonReliable, Message::Text(text)) => {
                json::decode_any_downstream(text)
            }
            (Self::Json | Self::JsonReliable, _) => {
                json::decode_downstream(&json_text(frame.clone())?)
            }
            #[cfg(feature = "protobuf")]
            (Self::Protobuf | Self::ProtobufReliable, Message::Binary(bytes)) => {
                protobuf::decode_any_downstream(bytes.clone())
            }
            #[cfg(feature = "protobuf")]
            (Self::Protobuf | Self::ProtobufReliable, _) => Err(wrong_frame()),
        }
    }

    /// Returns the sequence id of a malformed frame.
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

    /// Encodes a message from the service as a frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NotInFormat`] for [`DownstreamMessage::CancelInvocation`] in protobuf,
    /// [`ProtocolError::Field`] for data that [`Data::check`](super::Data::check) rejects.
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
