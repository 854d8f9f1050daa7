//! Limits to the byte, rare spellings, and what the errors of malformed frames name.

use bytes::Bytes;
use transport::Message;

use super::name_rule::check_event;
use super::{
    Data, DownstreamMessage, GroupStateItem, GroupStates, Metadata, Number, ProtocolError,
    Subprotocol, UpstreamMessage,
};

fn downstream(json: &str) -> Result<DownstreamMessage, ProtocolError> {
    Subprotocol::JsonReliable.decode_downstream(Message::text(json))
}

fn upstream(json: &str) -> Result<UpstreamMessage, ProtocolError> {
    Subprotocol::JsonReliable.decode_upstream(Message::text(json))
}

/// The field that the error names, and its rule.
#[track_caller]
fn broken<T: std::fmt::Debug>(result: Result<T, ProtocolError>) -> (&'static str, &'static str) {
    match result {
        Err(ProtocolError::Field { field, rule, .. }) => (field, rule),
        other => panic!("expected a broken field, got {other:?}"),
    }
}

#[test]
fn metadata_is_limited_to_the_byte() {
    let mut metadata = Metadata::new();
    assert!(metadata.insert("n".repeat(257), "").is_err());
    metadata.insert("n".repeat(256), "v".repeat(768)).unwrap();
    for index in 0..7 {
        metadata
            .insert(index.to_string(), "v".repeat(1023))
            .unwrap();
    }
    // These are 8 times 1024 bytes.
    assert!(metadata.insert("x", "").is_err());
    assert_eq!(metadata.len(), 8);
    assert_eq!(metadata.get("0").map(str::len), Some(1023));
    assert_eq!(metadata.get("x"), None);
}

#[test]
fn names_of_events_are_limited_to_the_character() {
    assert_eq!(check_event(&"e".repeat(128)), Ok(()));
    for len in [129, 130, 1000] {
        assert!(check_event(&"e".repeat(len)).is_err(), "{len}");
    }
}

#[test]
fn payloads_and_metadata_are_shown_by_their_size_and_names() {
    let data = Data::Text("secret".into());
    assert_eq!(format!("{data:?}"), "Data(text, 6 bytes)");
    let metadata = Metadata::new().with("name", "secret").unwrap();
    assert_eq!(format!("{metadata:?}"), r#"{"name"}"#);
    let name = "json.reliable.webpubsub.azure.v1";
    assert_eq!(Subprotocol::JsonReliable.to_string(), name);
}

#[test]
fn of_an_any_the_two_fields_have_their_types() {
    let check = |bytes: Vec<u8>| Data::Protobuf(Bytes::from(bytes)).check();
    // 1: a string of 128 bytes, whose length takes two.
    let long = [&[0x0a, 0x80, 0x01][..], &[b'a'; 128]].concat();
    assert!(check(long).is_ok());
    // 2: a number; 3: a number, of a later version.
    assert!(check(vec![0x10, 0x01]).is_err());
    assert!(check(vec![0x18, 0x01]).is_ok());
}

#[test]
fn a_message_with_metadata_needs_no_payload() {
    let frame = r#"{"type":"message","from":"group","group":"g","metadata":{"a":"1"}}"#;
    let Ok(DownstreamMessage::Data { data, metadata, .. }) = downstream(frame) else {
        panic!("{:?}", downstream(frame))
    };
    assert_eq!(data, Data::Text("".into()));
    assert_eq!(metadata.get("a"), Some("1"));
    let bare = r#"{"type":"message","from":"group","group":"g"}"#;
    assert_eq!(broken(downstream(bare)).0, "data");
}

#[test]
fn a_malformed_frame_is_named_by_its_kind() {
    let frame = r#"{"type":"system","event":"connected","userId":5,"connectionId":"c"}"#;
    assert_eq!(broken(downstream(frame)).0, "userId");
    let stream = r#"{"type":"streamAck","streamId":"","expectedSequenceId":1}"#;
    assert_eq!(
        broken(downstream(stream)),
        ("streamId", "must be present and not empty")
    );
    let ack = Message::text(r#"{"type":"ack","ackId":"x","sequenceId":5}"#);
    assert_eq!(Subprotocol::JsonReliable.number_of(&ack), Number::None);
}

#[test]
fn the_rule_that_a_frame_breaks_is_the_one_that_is_named() {
    for (frame, field, rule) in [
        (
            r#"{"type":"streamData","streamId":"s","dataType":"text"}"#,
            "data",
            "must come with streamSequenceId and dataType, or all of them be absent",
        ),
        (
            r#"{"type":"streamData","streamId":"s","streamSequenceId":0,"dataType":"text","data":"d"}"#,
            "streamSequenceId",
            "must be at least 1",
        ),
        (
            r#"{"type":"sendToGroup","group":"g","dataType":"json","data":null}"#,
            "data",
            "must not be null",
        ),
    ] {
        assert_eq!(broken(upstream(frame)), (field, rule), "{frame}");
    }
}

#[test]
fn an_error_of_an_invocation_keeps_its_name() {
    let frame = r#"{"type":"invokeResponse","invocationId":"1","success":false,"error":{"name":"N","message":"m"}}"#;
    let Ok(UpstreamMessage::InvokeResponse { result, .. }) = upstream(frame) else {
        panic!("{:?}", upstream(frame))
    };
    let error = result.unwrap_err();
    assert_eq!((error.name.as_str(), error.message.as_str()), ("N", "m"));
}

#[test]
fn control_characters_have_their_short_escapes() {
    let message = UpstreamMessage::JoinGroup {
        group: "\t\"\\\u{1}".to_owned(),
        ack_id: None,
    };
    let frame = Subprotocol::Json.encode_upstream(&message).unwrap();
    let expected = r#"{"type":"joinGroup","group":"\t\"\\\u0001"}"#;
    assert_eq!(frame, Message::text(expected));
    let message = UpstreamMessage::SendToGroup {
        group: "g".to_owned(),
        ack_id: None,
        no_echo: false,
        data: Data::Text("a\r\n".into()),
        ttl_seconds: None,
        metadata: Metadata::new(),
    };
    let Message::Text(frame) = Subprotocol::Json.encode_upstream(&message).unwrap() else {
        panic!("JSON is text")
    };
    assert!(frame.contains(r#""data":"a\r\n""#), "{}", &*frame);
}

#[test]
fn the_states_of_several_members_are_a_list() {
    let items = ["c1", "c2", "c3"].map(|id| GroupStateItem::new(id, 7));
    let states = GroupStates::new("g", items.into());
    let message = DownstreamMessage::GroupStateSnapshot(states);
    let frame = Subprotocol::Json.encode_downstream(&message).unwrap();
    assert_eq!(
        Subprotocol::Json.decode_downstream(frame).as_ref(),
        Ok(&message)
    );
}

#[cfg(feature = "protobuf")]
mod protobuf {
    use super::*;
    use prost::Message as _;

    use crate::generated::webpubsub_v1 as wire;

    #[test]
    fn a_message_with_metadata_needs_no_payload() {
        use wire::downstream_message::{DataMessage, Message as Down};

        let frame = |metadata: &[(&str, &str)]| {
            let entries = metadata.iter();
            let message = DataMessage {
                from: "group".to_owned(),
                group: Some("g".to_owned()),
                metadata: entries
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect(),
                ..DataMessage::default()
            };
            let frame = wire::DownstreamMessage {
                message: Some(Down::DataMessage(message)),
            };
            let bytes = frame.encode_to_vec();
            Subprotocol::Protobuf.decode_downstream(Message::binary(bytes))
        };
        let Ok(DownstreamMessage::Data { data, .. }) = frame(&[("a", "1")]) else {
            panic!("{:?}", frame(&[("a", "1")]))
        };
        assert_eq!(data, Data::Text("".into()));
        assert_eq!(broken(frame(&[])).0, "data");
    }

    #[test]
    fn a_message_from_a_group_names_it() {
        use wire::downstream_message::{DataMessage, Message as Down};

        let frame = |group: &str| {
            let text = wire::message_data::Data::TextData("d".to_owned());
            let message = DataMessage {
                from: "group".to_owned(),
                group: Some(group.to_owned()),
                data: Some(wire::MessageData { data: Some(text) }),
                ..DataMessage::default()
            };
            let frame = wire::DownstreamMessage {
                message: Some(Down::DataMessage(message)),
            };
            let bytes = frame.encode_to_vec();
            Subprotocol::Protobuf.decode_downstream(Message::binary(bytes))
        };
        assert!(frame("g").is_ok());
        assert_eq!(broken(frame("")).0, "group");
    }

    #[test]
    fn a_time_to_live_is_limited_to_the_second() {
        let frame = |seconds| {
            let message = UpstreamMessage::SendToGroup {
                group: "g".to_owned(),
                ack_id: None,
                no_echo: false,
                data: Data::Text("d".into()),
                ttl_seconds: Some(seconds),
                metadata: Metadata::new(),
            };
            let frame = Subprotocol::Protobuf.encode_upstream(&message).unwrap();
            (message, Subprotocol::Protobuf.decode_upstream(frame))
        };
        let (sent, read) = frame(300);
        assert_eq!(read, Ok(sent));
        assert_eq!(broken(frame(301).1).1, "must be at most 300");
    }

    #[test]
    fn malformed_content_has_a_number_only_in_kinds_with_one() {
        let number = |frame: &[u8]| {
            let frame = Message::binary(frame.to_vec());
            Subprotocol::ProtobufReliable.number_of(&frame)
        };
        // 2: a message, of which 4 is the sequence id; 1: an ack.
        assert_eq!(number(&[0x12, 0x01, 0xff]), Number::Unreadable);
        assert_eq!(number(&[0x12, 0x02, 0x20, 0x09]), Number::Id(9));
        assert_eq!(number(&[0x0a, 0x01, 0xff]), Number::None);
        assert_eq!(number(&[0x0a, 0x02, 0x20, 0x09]), Number::None);
    }
}
