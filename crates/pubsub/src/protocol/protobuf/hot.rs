//! Encoding of the two messages that clients send most, from their parts: into one buffer of the right
//! size, with no message in between. Pure.

use bytes::Bytes;

use crate::protocol::{Data, Metadata, ProtocolError};

/// Encodes an [`UpstreamMessage::SendToGroup`](crate::protocol::UpstreamMessage::SendToGroup) from its parts.
pub(crate) fn send_to_group(
    group: &str,
    ack_id: Option<u64>,
    no_echo: bool,
    data: &Data,
    ttl_seconds: Option<u32>,
    metadata: &Metadata,
) -> Result<Bytes, ProtocolError> {
    data.check()?;
    Ok(encode(&SendToGroup {
        group,
        ack_id,
        no_echo,
        data,
        ttl_seconds,
        metadata,
    }))
}

/// Encodes an [`UpstreamMessage::Event`](crate::protocol::UpstreamMessage::Event) from its parts.
pub(crate) fn event(
    name: &str,
    ack_id: Option<u64>,
    data: &Data,
    metadata: &Metadata,
) -> Result<Bytes, ProtocolError> {
    data.check()?;
    Ok(encode(&Event {
        name,
        ack_id,
        data,
        metadata,
    }))
}

struct SendToGroup<'a> {
    group: &'a str,
    ack_id: Option<u64>,
    no_echo: bool,
    data: &'a Data,
    ttl_seconds: Option<u32>,
    metadata: &'a Metadata,
}

struct Event<'a> {
    name: &'a str,
    ack_id: Option<u64>,
    data: &'a Data,
    metadata: &'a Metadata,
}

/// The content of a message.
trait Content {
    /// The number of its field in an `UpstreamMessage`.
    const FIELD: u8;

    /// Writes its fields.
    fn write(&self, out: &mut impl Output);
}

impl Content for SendToGroup<'_> {
    const FIELD: u8 = 1;

    fn write(&self, out: &mut impl Output) {
        put_name(out, 1, self.group);
        put_number(out, 2, self.ack_id);
        put_data(out, 3, self.data);
        put_number(out, 4, self.no_echo.then_some(1));
        put_number(out, 5, self.ttl_seconds.map(u64::from));
        put_metadata(out, 6, self.metadata);
    }
}

impl Content for Event<'_> {
    const FIELD: u8 = 5;

    fn write(&self, out: &mut impl Output) {
        put_name(out, 1, self.name);
        put_data(out, 2, self.data);
        put_number(out, 3, self.ack_id);
        put_metadata(out, 4, self.metadata);
    }
}

fn encode<C: Content>(content: &C) -> Bytes {
    let mut length = Length(0);
    content.write(&mut length);
    let mut out = Vec::with_capacity(field_len(length.0));
    put_head(&mut out, C::FIELD, length.0);
    content.write(&mut out);
    // All of the buffer is used, so these are its bytes and nothing else.
    out.into()
}

fn put_name(out: &mut impl Output, field: u8, name: &str) {
    // Protobuf leaves out what is empty.
    if !name.is_empty() {
        put_bytes(out, field, name.as_bytes());
    }
}

fn put_data(out: &mut impl Output, field: u8, data: &Data) {
    let kind = match data {
        Data::Text(_) => 1,
        Data::Binary(_) => 2,
        Data::Protobuf(_) => 3,
        Data::Json(_) => 4,
    };
    let bytes = data.as_bytes();
    put_head(out, field, field_len(bytes.len()));
    put_bytes(out, kind, bytes);
}

fn put_metadata(out: &mut impl Output, field: u8, metadata: &Metadata) {
    for (name, value) in metadata.iter() {
        let mut length = Length(0);
        put_name(&mut length, 1, name);
        put_name(&mut length, 2, value);
        put_head(out, field, length.0);
        put_name(out, 1, name);
        put_name(out, 2, value);
    }
}

fn put_number(out: &mut impl Output, field: u8, number: Option<u64>) {
    if let Some(number) = number {
        out.byte(field << 3);
        out.varint(number);
    }
}

fn put_bytes(out: &mut impl Output, field: u8, bytes: &[u8]) {
    put_head(out, field, bytes.len());
    out.bytes(bytes);
}

/// Begins a field of bytes. Its number is less than 16, so that it fits into one byte.
fn put_head(out: &mut impl Output, field: u8, length: usize) {
    out.byte(field << 3 | 2);
    out.varint(length as u64);
}

/// Returns the length of a field with as many bytes.
fn field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

fn varint_len(number: u64) -> usize {
    let bits = u64::BITS - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Where a message is written to.
trait Output {
    fn byte(&mut self, byte: u8);

    fn bytes(&mut self, bytes: &[u8]);

    fn varint(&mut self, number: u64);
}

impl Output for Vec<u8> {
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }
}

/// Counts what would be written.
struct Length(usize);

impl Output for Length {
    fn byte(&mut self, _: u8) {
        self.0 += 1;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn varint(&mut self, number: u64) {
        self.0 += varint_len(number);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::generated::webpubsub_v1 as wire;
    use wire::upstream_message as up;

    fn payloads() -> Vec<(Data, wire::message_data::Data)> {
        let mut payloads = Vec::new();
        // Lengths that take one byte, two and three.
        for length in [0, 1, 100, 127, 128, 300, 20_000] {
            let text = "x".repeat(length);
            let bytes = Bytes::from(text.clone());
            payloads.push((
                Data::Text(text.as_str().into()),
                wire::message_data::Data::TextData(text.clone()),
            ));
            payloads.push((
                Data::Binary(bytes.clone()),
                wire::message_data::Data::BinaryData(bytes),
            ));
            let json = format!("\"{text}\"");
            payloads.push((
                Data::Json(json.as_str().into()),
                wire::message_data::Data::JsonData(json),
            ));
        }
        let any = Bytes::from_static(b"\x0a\x01x\x12\x01\xff");
        payloads.push((
            Data::Protobuf(any.clone()),
            wire::message_data::Data::ProtobufData(any),
        ));
        payloads
    }

    fn all_metadata() -> [Metadata; 3] {
        let two = Metadata::new().with("empty", "").unwrap();
        let two = two.with("n", "v".repeat(200)).unwrap();
        [
            Metadata::new(),
            Metadata::new().with("src", "cam").unwrap(),
            two,
        ]
    }

    /// All that varies, in turns: ack ids of each length, and what is there or not.
    fn variants() -> Vec<(Option<u64>, bool, Option<u32>)> {
        let numbers = (0..64).map(|bit| Some(1_u64 << bit));
        let numbers = numbers.chain([None, Some(0), Some(u64::MAX)]);
        numbers
            .enumerate()
            .map(|(index, number)| {
                (
                    number,
                    index % 2 == 0,
                    [None, Some(0), Some(300)][index % 3],
                )
            })
            .collect()
    }

    #[test]
    fn a_message_to_a_group_has_the_bytes_that_prost_writes() {
        for (data, payload) in payloads() {
            for metadata in all_metadata() {
                for (ack_id, no_echo, ttl_seconds) in variants() {
                    for group in ["", "g", &"ü".repeat(100)] {
                        let written =
                            send_to_group(group, ack_id, no_echo, &data, ttl_seconds, &metadata);
                        let message = up::SendToGroupMessage {
                            group: group.to_owned(),
                            ack_id,
                            data: Some(wire::MessageData {
                                data: Some(payload.clone()),
                            }),
                            no_echo: no_echo.then_some(true),
                            ttl_seconds,
                            metadata: metadata.clone().into_inner(),
                            stream: None,
                        };
                        let message = up::Message::SendToGroupMessage(message);
                        assert_eq!(written.unwrap(), expected(message));
                    }
                }
            }
        }
    }

    #[test]
    fn an_event_has_the_bytes_that_prost_writes() {
        for (data, payload) in payloads() {
            for metadata in all_metadata() {
                for (ack_id, ..) in variants() {
                    let message = up::EventMessage {
                        event: "message".to_owned(),
                        data: Some(wire::MessageData {
                            data: Some(payload.clone()),
                        }),
                        ack_id,
                        metadata: metadata.clone().into_inner(),
                        stream: None,
                    };
                    let message = up::Message::EventMessage(message);
                    let written = event("message", ack_id, &data, &metadata).unwrap();
                    assert_eq!(written, expected(message));
                }
            }
        }
    }

    fn expected(message: up::Message) -> Vec<u8> {
        let message = Some(message);
        wire::UpstreamMessage { message }.encode_to_vec()
    }

    #[test]
    fn the_buffer_has_the_right_size() {
        for (data, _) in payloads() {
            for metadata in all_metadata() {
                let written = send_to_group("g", Some(7), true, &data, Some(1), &metadata).unwrap();
                // Without another owner, these are the bytes of the buffer.
                let buffer = Vec::from(bytes::BytesMut::from(written));
                assert_eq!(buffer.capacity(), buffer.len());
            }
        }
    }

    #[test]
    fn data_is_checked_before_it_is_written() {
        let bad = Data::Json("1,".into());
        assert!(send_to_group("g", None, false, &bad, None, &Metadata::new()).is_err());
        assert!(event("e", None, &bad, &Metadata::new()).is_err());
    }
}
