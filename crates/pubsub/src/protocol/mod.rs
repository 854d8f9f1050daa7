//! The messages of the PubSub WebSocket subprotocols, free of any format, and
//! their codecs. Pure.

pub mod json;
mod message;

pub use message::{AckError, Data, DownstreamMessage, Sender, UpstreamMessage};

use std::fmt;

/// Why a frame is not a message of its subprotocol.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The frame is not an object of the subprotocol's format.
    #[error("not a JSON object of the subprotocol: {0}")]
    Format(String),
    /// A field that the message needs is absent or of the wrong type.
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
}

/// A WebSocket subprotocol of the service.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Subprotocol {
    /// `json.webpubsub.azure.v1`: JSON in text frames.
    Json,
}

impl Subprotocol {
    /// The name offered in `Sec-WebSocket-Protocol`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json.webpubsub.azure.v1",
        }
    }

    /// The subprotocol of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        (name == Self::Json.as_str()).then_some(Self::Json)
    }
}

impl fmt::Display for Subprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
