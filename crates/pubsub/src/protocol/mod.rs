//! The messages of the Web PubSub subprotocols, independent of their format, and
//! their codecs. Pure.

pub(crate) mod data;
#[cfg(test)]
mod edges;
pub(crate) mod fields;
mod group_state;
pub mod json;
mod message;
pub(crate) mod name_rule;
mod number;
#[cfg(feature = "protobuf")]
pub mod protobuf;
mod raw_json;
pub(crate) mod shared_str;
#[cfg(test)]
mod splices;
mod stream;
pub(crate) mod subprotocol;
#[cfg(test)]
mod vectors;

pub use data::Metadata;
pub use group_state::{GroupStateItem, GroupStates};
pub use message::{AckError, DataOrigin, DownstreamMessage, UpstreamMessage};
pub use stream::{StreamEndError, StreamError, StreamFragment};

pub(crate) use data::Data;
pub(crate) use message::PlainData;
pub(crate) use number::Number;
pub(crate) use shared_str::SharedStr;
pub(crate) use subprotocol::Subprotocol;

/// The reason why a frame is not a message of its subprotocol.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The frame is not in the format of the subprotocol.
    #[error("not a message of the subprotocol: {0}")]
    Format(String),
    /// A required field is missing, or a field breaks a rule.
    #[error("field `{field}` of `{message}`: {rule}")]
    Field {
        /// The kind of message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The kind of message is unknown to this version.
    #[error("unknown kind of message")]
    UnknownKind(String),
    /// The message does not exist in the format.
    #[error("`{0}` does not exist in protobuf")]
    NotInFormat(&'static str),
}
