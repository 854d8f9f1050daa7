//! One data message for many connections: encoded once per format, with its
//! bytes shared by every queue. Pure.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use pubsub::protocol::DownstreamMessage;
use pubsub::{Data, Subprotocol};
use transport::{Message, Text};

/// The message format of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// No subprotocol: bare payloads.
    Simple,
    /// JSON in text frames.
    Json,
    /// Protobuf in binary frames.
    Protobuf,
}

impl Format {
    /// Returns the format of a negotiated subprotocol.
    pub(super) fn of(subprotocol: Option<Subprotocol>) -> Self {
        match subprotocol {
            None => Self::Simple,
            Some(subprotocol) if subprotocol.is_json() => Self::Json,
            Some(_) => Self::Protobuf,
        }
    }

    /// Encodes a message for one connection; `None` if its format carries only payloads.
    pub(super) fn encode(self, message: &DownstreamMessage) -> Option<Message> {
        // A message that a format cannot express is not sent, as at the service.
        match (self, message) {
            (Self::Json, _) => Subprotocol::Json.encode_downstream(message).ok(),
            (Self::Protobuf, _) => Subprotocol::Protobuf.encode_downstream(message).ok(),
            (Self::Simple, DownstreamMessage::Data { data, .. }) => payload(data),
            (Self::Simple, _) => None,
        }
    }
}

/// A data message, encoded for each format when the first connection needs it.
#[derive(Debug)]
pub(super) struct Broadcast {
    message: DownstreamMessage,
    expires: Option<Instant>,
    simple: Option<Message>,
    json: Option<Message>,
    protobuf: Option<Message>,
}

impl Broadcast {
    /// Creates a broadcast of a data message without a sequence id.
    pub(super) fn new(message: DownstreamMessage, expires: Option<Instant>) -> Self {
        Self {
            message,
            expires,
            simple: None,
            json: None,
            protobuf: None,
        }
    }

    /// Returns when its time to live ends.
    pub(super) fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// Returns the message in a format; `None` if the format cannot express it.
    pub(super) fn frame(&mut self, format: Format) -> Option<Message> {
        let slot = match format {
            Format::Simple => &mut self.simple,
            Format::Json => &mut self.json,
            Format::Protobuf => &mut self.protobuf,
        };
        if slot.is_none() {
            *slot = format.encode(&self.message);
        }
        slot.clone()
    }
}

/// Inserts a sequence id into an encoded data message that has none: the only
/// part that differs between receivers.
pub(super) fn with_sequence_id(frame: &Message, sequence_id: u64) -> Message {
    match frame {
        Message::Text(text) => {
            // After the opening bracket.
            let mut out = String::with_capacity(text.len() + SEQUENCE_ROOM);
            out.push_str("{\"sequenceId\":");
            out.push_str(&sequence_id.to_string());
            out.push(',');
            out.push_str(text.get(1..).unwrap_or_default());
            Message::Text(Text::from(out))
        }
        Message::Binary(bytes) => Message::Binary(append_sequence_id(bytes, sequence_id)),
        other => other.clone(),
    }
}

/// `DownstreamMessage` is a tag, a length and the message; the sequence id
/// becomes the last field of the latter, which protobuf allows in any order.
fn append_sequence_id(bytes: &Bytes, sequence_id: u64) -> Bytes {
    let Some((&tag, rest)) = bytes.split_first() else {
        return bytes.clone();
    };
    let Some((length, rest)) = read_varint(rest) else {
        return bytes.clone();
    };
    let mut field = BytesMut::with_capacity(11);
    field.put_u8(match tag {
        DATA_MESSAGE => DATA_SEQUENCE_ID,
        _ => GROUP_STATE_SEQUENCE_ID,
    });
    write_varint(&mut field, sequence_id);
    let mut out = BytesMut::with_capacity(bytes.len() + SEQUENCE_ROOM);
    out.put_u8(tag);
    write_varint(&mut out, length + field.len() as u64);
    out.put_slice(rest);
    out.put_slice(&field);
    out.freeze()
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

fn write_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.put_u8(value.to_le_bytes()[0]);
}

/// Returns the frame of a payload for a client without a subprotocol.
fn payload(data: &Data) -> Option<Message> {
    match data {
        Data::Text(text) | Data::Json(text) => Some(Message::Text(text.clone())),
        Data::Binary(bytes) | Data::Protobuf(bytes) => Some(Message::Binary(bytes.clone())),
        _ => None,
    }
}

/// The most that a sequence id adds.
const SEQUENCE_ROOM: usize = 40;
/// Field 2 of `DownstreamMessage`, with a length.
const DATA_MESSAGE: u8 = 2 << 3 | 2;
/// Field 4 of `DataMessage`, a varint.
const DATA_SEQUENCE_ID: u8 = 4 << 3;
/// Field 3 of `GroupStateSnapshotMessage` and `GroupStateUpdateMessage`, a varint.
const GROUP_STATE_SEQUENCE_ID: u8 = 3 << 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Bytes {
        (0..text.len() / 2)
            .map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn sequence_ids_are_put_into_json() {
        let frame =
            Message::text(r#"{"type":"message","from":"server","dataType":"json","data":{"a":1}}"#);
        assert_eq!(
            with_sequence_id(&frame, 7),
            Message::text(
                r#"{"sequenceId":7,"type":"message","from":"server","dataType":"json","data":{"a":1}}"#
            )
        );
    }

    #[test]
    fn sequence_ids_are_put_into_protobuf() {
        // Made with the official protobuf library.
        let frame = Message::Binary(hex("12150a0567726f75701206726f6f6d2d371a040a026869"));
        assert_eq!(
            with_sequence_id(&frame, 5),
            Message::Binary(hex("12170a0567726f75701206726f6f6d2d371a040a0268692005"))
        );
        // Group states have it in another field.
        let item = "12060a0463310000";
        let without = Message::Binary(hex(&format!("4a100a06726f6f6d2d37{item}")));
        let with = Message::Binary(hex(&format!("4a120a06726f6f6d2d37{item}180b")));
        assert_eq!(with_sequence_id(&without, 11), with);
        // A length that grows from one byte to two.
        let mut long = vec![0x12, 127];
        long.extend([0; 127]);
        let Message::Binary(bytes) = with_sequence_id(&Message::binary(long), 300) else {
            panic!("still binary");
        };
        assert_eq!(bytes[..3], [0x12, 130, 1]);
        assert_eq!(bytes[bytes.len() - 3..], [0x20, 0xac, 0x02]);
    }
}
