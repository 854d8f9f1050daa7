//! A second look at a malformed frame from the service: which
//! kind of message it is, and its sequence id. Pure.

use super::field;
use crate::protocol::fields::{FieldValue, Fields, Malformed};
use crate::protocol::{Number, ProtocolError};

/// Returns the sequence id of a malformed frame.
pub(in crate::protocol) fn number_of(frame: &[u8]) -> Number {
    let Some((kind, content)) = kind_of(frame) else {
        return Number::None;
    };
    let FieldValue::Bytes(content) = content else {
        return match kind.sequence_id {
            Some(_) => Number::Unreadable,
            None => Number::None,
        };
    };
    let mut number = Number::None;
    for field in Fields::new(content) {
        match field {
            Ok((field, value)) if Some(field) == kind.sequence_id => {
                number = match value {
                    FieldValue::Varint(id) => Number::Id(id),
                    _ => return Number::Unreadable,
                };
            }
            Ok(_) => {}
            Err(Malformed) if kind.sequence_id.is_some() => return Number::Unreadable,
            Err(Malformed) => return Number::None,
        }
    }
    number
}

/// Returns the error for a message of a known kind with a malformed field.
pub(super) fn broken(frame: &[u8]) -> Option<ProtocolError> {
    let (kind, _) = kind_of(frame)?;
    Some(field(
        kind.name,
        "content",
        "must be of the form in the reference",
    ))
}

/// Returns the kind of message that the service sent, and its content.
fn kind_of(frame: &[u8]) -> Option<(&'static Kind, FieldValue<'_>)> {
    let mut found = None;
    for field in Fields::new(frame) {
        let (number, value) = field.ok()?;
        if let Some(kind) = KINDS.iter().find(|kind| kind.field == number) {
            // The last occurrence counts.
            found = Some((kind, value));
        }
    }
    found
}

/// A kind of message from the service: its field number, and that of its sequence id.
struct Kind {
    field: u64,
    name: &'static str,
    sequence_id: Option<u64>,
}

impl Kind {
    const fn new(field: u64, name: &'static str, sequence_id: Option<u64>) -> Self {
        Self {
            field,
            name,
            sequence_id,
        }
    }
}

const KINDS: [Kind; 10] = [
    Kind::new(1, "ack", None),
    Kind::new(2, "message", Some(4)),
    Kind::new(3, "system", None),
    Kind::new(4, "pong", None),
    Kind::new(5, "invokeResponse", None),
    Kind::new(6, "streamAck", None),
    Kind::new(7, "streamNack", None),
    Kind::new(8, "streamClosed", None),
    Kind::new(9, "groupStateUpdate", Some(3)),
    Kind::new(10, "groupStateSnapshot", Some(3)),
];
