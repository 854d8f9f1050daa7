//! Encoding and decoding of `json.webpubsub.azure.v1` and its reliable twin. Pure.
//!
//! Unknown fields are ignored, unknown kinds are reported as such.
//!
//! Source: the JSON subprotocol references of Azure Web PubSub.

mod frame;
mod hot;
mod property;
mod read;
mod scan;
mod unreadable;
mod upstream;
mod value;
mod write;

pub(crate) use hot::{event, send_to_group};
pub(super) use read::decode_any_downstream;
pub use read::decode_downstream;
pub(super) use scan::data_message as plain_data;
pub(super) use unreadable::number_of;
pub use upstream::decode_upstream;
pub use write::{encode_downstream, encode_upstream};

#[cfg(test)]
pub(super) fn is_read_the_short_way(text: &transport::Text) -> bool {
    plain_data(text).is_some()
}

#[cfg(test)]
mod tests {
    use transport::Text;

    use super::*;
    use crate::protocol::{DataOrigin, DownstreamMessage};

    #[test]
    fn upstream_frames_are_those_of_the_official_client() {
        for frame in [
            r#"{"type":"joinGroup","group":"g1","ackId":1}"#,
            r#"{"type":"leaveGroup","group":"room-7","ackId":12}"#,
            r#"{"type":"sendToGroup","group":"g1","ackId":2,"noEcho":false,"dataType":"text","data":"hi"}"#,
            r#"{"type":"sendToGroup","group":"g1","noEcho":false,"dataType":"binary","data":"AQID"}"#,
            r#"{"type":"event","event":"ev","ackId":4,"dataType":"json","data":{"x":1}}"#,
            r#"{"type":"invoke","invocationId":"1","target":"event","event":"inv","dataType":"json","data":{"q":1}}"#,
            r#"{"type":"sendToGroup","group":"g1","noEcho":false,"stream":{"streamId":"s-1","idleTimeoutMs":60000}}"#,
            r#"{"type":"streamData","streamId":"s-1","streamSequenceId":1,"dataType":"text","data":"p1"}"#,
            r#"{"type":"streamEnd","streamId":"s-1"}"#,
            r#"{"type":"sequenceAck","sequenceId":3}"#,
            r#"{"type":"ping"}"#,
        ] {
            let message = decode_upstream(&frame.into()).unwrap();
            assert_eq!(encode_upstream(&message).unwrap().as_str(), frame);
        }
    }

    #[test]
    fn payloads_share_the_frames_bytes() {
        // With whitespace it is not decoded by the fast path.
        for end in ["}", " }"] {
            // Short names are copied.
            let (long_group, long_user) = ("g".repeat(24), "u".repeat(24));
            let frame = Text::from(format!(
                r#"{{"type":"message","from":"group","group":"{long_group}","fromUserId":"{long_user}","dataType":"json","data":[1, 2]{end}"#
            ));
            let DownstreamMessage::Data { from, data, .. } = decode_downstream(&frame).unwrap()
            else {
                panic!("a data message was expected");
            };
            let DataOrigin::Group {
                group,
                from_user_id: Some(user),
            } = from
            else {
                panic!("a group and a user were expected");
            };
            assert_eq!(
                (&*group, &*user, data.as_bytes()),
                (&*long_group, &*long_user, &b"[1, 2]"[..])
            );
            let range = frame.as_bytes().as_ptr_range();
            for part in [group.as_bytes(), user.as_bytes(), data.as_bytes()] {
                assert!(range.contains(&part.as_ptr()));
            }
        }
    }

    #[test]
    fn the_reconnection_token_is_not_printed() {
        let frame = r#"{"type":"system","event":"connected","userId":"u","connectionId":"c","reconnectionToken":"very-secret"}"#;
        let message = decode_downstream(&frame.into()).unwrap();
        assert!(!format!("{message:?}").contains("very-secret"));
    }
}
