//! Encoding and decoding of `protobuf.webpubsub.azure.v1` and its reliable twin. Pure.
//!
//! Unknown fields are ignored, unknown kinds are reported as such.
//!
//! Source: `spec/webpubsub.v1.proto`, and the protobuf subprotocol references of Azure Web PubSub.

mod read;
mod unreadable;
mod write;

pub use read::{decode_downstream, decode_upstream};
pub(super) use unreadable::number_of;
pub use write::{encode_downstream, encode_upstream};

use super::ProtocolError;

fn field(message: &'static str, field: &'static str, rule: &'static str) -> ProtocolError {
    ProtocolError::Field {
        message,
        field,
        rule,
    }
}
