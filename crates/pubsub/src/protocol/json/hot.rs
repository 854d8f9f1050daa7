//! Encoding of the two messages that clients send most, from their parts: into one buffer of the right
//! size, with no message in between. Pure.

use transport::Text;

use super::value::{
    data_len, metadata_len, push_data, push_metadata, push_string, push_u64, string_len, u64_len,
};
use crate::protocol::{Data, Metadata, ProtocolError};

/// Encodes an [`UpstreamMessage::SendToGroup`](crate::protocol::UpstreamMessage::SendToGroup) from its parts.
pub(crate) fn send_to_group(
    group: &str,
    ack_id: Option<u64>,
    no_echo: bool,
    data: &Data,
    ttl_seconds: Option<u32>,
    metadata: &Metadata,
) -> Result<Text, ProtocolError> {
    // All of the buffer is used, so that it needs no memory for counting its owners.
    let mut out = String::with_capacity(
        SEND_TO_GROUP.len()
            + string_len(group)
            + number_len(ACK_ID, ack_id)
            + no_echo_member(no_echo).len()
            + data_len(data)
            + number_len(TTL_SECONDS, ttl_seconds.map(u64::from))
            + metadata_len(metadata)
            + 1,
    );
    out.push_str(SEND_TO_GROUP);
    push_string(&mut out, group);
    push_number(&mut out, ACK_ID, ack_id);
    out.push_str(no_echo_member(no_echo));
    push_data(&mut out, data)?;
    push_number(&mut out, TTL_SECONDS, ttl_seconds.map(u64::from));
    push_metadata(&mut out, metadata);
    out.push('}');
    Ok(out.into())
}

/// Encodes an [`UpstreamMessage::Event`](crate::protocol::UpstreamMessage::Event) from its parts.
pub(crate) fn event(
    name: &str,
    ack_id: Option<u64>,
    data: &Data,
    metadata: &Metadata,
) -> Result<Text, ProtocolError> {
    let mut out = String::with_capacity(
        EVENT.len()
            + string_len(name)
            + number_len(ACK_ID, ack_id)
            + data_len(data)
            + metadata_len(metadata)
            + 1,
    );
    out.push_str(EVENT);
    push_string(&mut out, name);
    push_number(&mut out, ACK_ID, ack_id);
    push_data(&mut out, data)?;
    push_metadata(&mut out, metadata);
    out.push('}');
    Ok(out.into())
}

/// Appends a member whose value is a number, if there is one.
pub(super) fn push_number(out: &mut String, head: &str, number: Option<u64>) {
    if let Some(number) = number {
        out.push_str(head);
        push_u64(out, number);
    }
}

/// Returns the length of what [`push_number`] appends.
fn number_len(head: &str, number: Option<u64>) -> usize {
    number.map_or(0, |number| head.len() + u64_len(number))
}

pub(super) fn no_echo_member(no_echo: bool) -> &'static str {
    if no_echo {
        r#","noEcho":true"#
    } else {
        r#","noEcho":false"#
    }
}

pub(super) const SEND_TO_GROUP: &str = r#"{"type":"sendToGroup","group":"#;
const EVENT: &str = r#"{"type":"event","event":"#;
pub(super) const ACK_ID: &str = r#","ackId":"#;
const TTL_SECONDS: &str = r#","ttlSeconds":"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_has_the_right_size() {
        let name = "a\"\u{1}ü";
        let all_data = [
            Data::Text("".into()),
            Data::Text("line\nfeed \\ \u{1f} and more text than that".into()),
            Data::Json("{\"a\": [1, \"\\u0001\"]}".into()),
            Data::Binary(vec![7; 100].into()),
            Data::Binary(vec![7; 101].into()),
            Data::Protobuf(vec![0x0a, 1, b'x'].into()),
        ];
        let one = Metadata::new().with("n", "v\"").unwrap();
        let all_metadata = [Metadata::new(), one.clone(), one.with("other", "").unwrap()];
        for data in &all_data {
            for metadata in &all_metadata {
                for (number, no_echo) in [(None, false), (Some(0), true), (Some(1234), true)] {
                    let written =
                        send_to_group(name, number.map(u64::from), no_echo, data, number, metadata);
                    assert_exact(written.unwrap());
                    assert_exact(event(name, number.map(u64::from), data, metadata).unwrap());
                }
            }
        }
    }

    fn assert_exact(text: Text) {
        let shown = text.to_string();
        // Without another owner, these are the bytes of the buffer.
        let buffer = Vec::from(bytes::BytesMut::from(text.into_bytes()));
        assert_eq!(buffer.capacity(), buffer.len(), "{shown}");
    }
}
