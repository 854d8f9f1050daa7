//! Encoding and decoding of `protobuf.webpubsub.azure.v1` and its reliable twin. Pure.
//!
//! Unknown fields are ignored, unknown kinds are reported as such.
//!
//! Source: `spec/webpubsub.v1.proto`, and the protobuf subprotocol references of Azure Web PubSub.

mod hot;
mod read;
mod scan;
mod unreadable;
mod write;

pub(crate) use hot::{event, send_to_group};
pub(super) use read::decode_any_downstream;
pub use read::{decode_downstream, decode_upstream};
pub(super) use scan::data_message as plain_data;
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
