//! The frames in `tests/vectors`, decoded and encoded in both directions.

#[cfg(feature = "protobuf")]
mod protobuf;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use transport::{Message, Text};

use crate::protocol::{ProtocolError, Subprotocol, json};

#[derive(Deserialize)]
struct JsonVectors<'a> {
    #[serde(borrow)]
    upstream: Vec<JsonVector<'a>>,
    #[serde(borrow)]
    downstream: Vec<JsonVector<'a>>,
    refused_upstream: Vec<String>,
}

#[derive(Deserialize)]
struct JsonVector<'a> {
    #[serde(borrow)]
    frame: &'a RawValue,
    canonical: Option<Value>,
}

impl JsonVector<'_> {
    /// Checks that the re-encoded message has the same meaning.
    fn check(&self, written: &Text) {
        let expected = match &self.canonical {
            Some(canonical) => canonical.clone(),
            None => serde_json::from_str(self.frame.get()).unwrap(),
        };
        let written: Value = serde_json::from_str(written).unwrap();
        assert_eq!(written, expected);
    }
}

fn json_vectors() -> JsonVectors<'static> {
    serde_json::from_str(include_str!("../../../tests/vectors/json.json")).unwrap()
}

#[test]
fn json_frames_mean_the_same_when_written_again() {
    let vectors = json_vectors();
    for vector in &vectors.upstream {
        let message = json::decode_upstream(&vector.frame.get().into()).unwrap();
        let written = json::encode_upstream(&message).unwrap();
        vector.check(&written);
        assert_eq!(json::decode_upstream(&written).unwrap(), message);
    }
    for vector in &vectors.downstream {
        let message = json::decode_downstream(&vector.frame.get().into()).unwrap();
        let written = json::encode_downstream(&message).unwrap();
        vector.check(&written);
        assert_eq!(json::decode_downstream(&written).unwrap(), message);
    }
    assert_eq!((vectors.upstream.len(), vectors.downstream.len()), (19, 21));
}

#[test]
fn json_frames_that_the_service_refuses_are_refused() {
    for frame in json_vectors().refused_upstream {
        assert!(
            json::decode_upstream(&frame.as_str().into()).is_err(),
            "{frame}"
        );
    }
    for frame in [
        "",
        "{",
        r#"{"type":"ping"} x"#,
        r#"{"type":"sendToGroup","group":"g","data":1,"stream":{"streamId":"s"}}"#,
        r#"{"type":"sendToGroup","group":"g","stream":{"streamId":""}}"#,
        r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s","idleTimeoutMs":0}}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"xml","data":"x"}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"protobuf","data":"CAE="}"#,
        r#"{"type":"sendToGroup","group":"g","data":1,"metadata":{"a":"1","a":"2"}}"#,
        r#"{"type":"sendToGroup","group":"g","data":1,"metadata":{"a b":"1"}}"#,
        r#"{"type":"sendToGroup","group":"g","data":1,"metadata":{"a":1}}"#,
        r#"{"type":"streamData","streamId":"s","streamSequenceId":0,"data":1}"#,
        r#"{"type":"streamData","streamId":"s","streamSequenceId":1}"#,
        r#"{"type":"streamData","streamId":"s","data":1}"#,
        r#"{"type":"streamEnd"}"#,
        r#"{"type":"invoke","invocationId":"i","target":"group","event":"e"}"#,
        r#"{"type":"invoke","target":"event","event":"e"}"#,
        r#"{"type":"setGroupState","group":"g","state":{"a":1}}"#,
    ] {
        assert!(json::decode_upstream(&frame.into()).is_err(), "{frame}");
    }
}

#[test]
fn a_client_tells_what_it_does_not_know_from_what_is_wrong() {
    for frame in [
        r#"{"type":"surprise"}"#,
        r#"{"type":"system","event":"migrated"}"#,
        r#"{"type":"message","from":"moon","dataType":"text","data":"x"}"#,
        r#"{"type":"message","from":"server","dataType":"cbor","data":"x"}"#,
    ] {
        let error = json::decode_downstream(&frame.into()).unwrap_err();
        assert!(matches!(error, ProtocolError::UnknownKind(_)), "{frame}");
    }
    for frame in [
        r#"{"type":"ack","success":true}"#,
        r#"{"type":"system","event":"connected"}"#,
        r#"{"type":"message","from":"server","dataType":"text"}"#,
        r#"{"type":"message","from":"group","dataType":"text","data":"x"}"#,
        r#"{"type":"invokeResponse","invocationId":"i","dataType":"text","data":"x"}"#,
        r#"{"type":"streamAck","streamId":"s"}"#,
    ] {
        let error = json::decode_downstream(&frame.into()).unwrap_err();
        assert!(matches!(error, ProtocolError::Field { .. }), "{frame}");
    }
}

#[test]
fn kinds_that_are_not_known_may_have_any_fields() {
    for frame in [
        r#"{"type":"surprise","ackId":"x","group":{},"success":1}"#,
        r#"{"type":"surprise","message":{},"name":[],"streamId":7}"#,
        r#"{"type":"system","event":"migrated","message":{},"userId":7}"#,
    ] {
        let error = json::decode_downstream(&frame.into()).unwrap_err();
        assert!(matches!(error, ProtocolError::UnknownKind(_)), "{frame}");
    }
    for frame in [
        r#"{"type":"ack","ackId":"x","success":true}"#,
        r#"{"type":"ack","ackId":-1,"success":true}"#,
        r#"{"type":"ack","ackId":1,"ackId":1,"success":true}"#,
    ] {
        let error = json::decode_downstream(&frame.into()).unwrap_err();
        let expected = ("ack", "ackId");
        assert!(
            matches!(&error, ProtocolError::Field { message, field, .. } if (*message, *field) == expected),
            "{frame}: {error:?}"
        );
    }
    for frame in [r#"{"type":7}"#, r#"{"kind":"ack"}"#, r#"["ack"]"#] {
        let error = json::decode_downstream(&frame.into()).unwrap_err();
        assert!(matches!(error, ProtocolError::Format(_)), "{frame}");
    }
}

#[test]
fn unknown_fields_and_the_order_of_fields_do_not_matter() {
    let usual = r#"{"type":"ack","ackId":1,"success":true}"#;
    let odd = r#" {"success":true, "later":{"x":[1]}, "ackId":1, "error":null, "type":"ack"} "#;
    assert_eq!(
        json::decode_downstream(&usual.into()),
        json::decode_downstream(&odd.into())
    );
}

#[test]
fn json_may_come_in_binary_frames() {
    let text = r#"{"type":"ping"}"#;
    let binary = Subprotocol::Json.decode_upstream(Message::binary(text.as_bytes()));
    assert_eq!(binary, json::decode_upstream(&text.into()));
    let latin = Subprotocol::Json.decode_upstream(Message::binary(&b"\xff"[..]));
    assert!(matches!(latin, Err(ProtocolError::Format(_))));
}

#[test]
fn subprotocols_are_found_by_their_names() {
    let names: BTreeSet<_> = Subprotocol::ALL.iter().map(|s| s.as_str()).collect();
    assert_eq!(names.len(), Subprotocol::ALL.len());
    for subprotocol in Subprotocol::ALL {
        let name = subprotocol.as_str();
        assert_eq!(Subprotocol::from_name(name), Some(*subprotocol));
        assert_eq!(subprotocol.is_reliable(), name.contains("reliable"));
        assert_eq!(subprotocol.is_json(), name.starts_with("json"));
    }
    assert_eq!(Subprotocol::default(), Subprotocol::JsonReliable);
    assert_eq!(Subprotocol::from_name("mqtt"), None);
}

/// A seeded stand-in for the fuzz target `pubsub_json`, for machines without a fuzzer.
#[test]
fn no_json_frame_makes_the_codec_panic() {
    let vectors = json_vectors();
    let frames = vectors.upstream.iter().chain(&vectors.downstream);
    let mut random = 1_u64;
    let frames = frames
        .map(|vector| vector.frame.get())
        .chain(DATA_MESSAGES.iter().copied());
    for frame in frames {
        for _ in 0..200 {
            let mut bytes = frame.as_bytes().to_vec();
            mutate(&mut bytes, &mut random);
            fuzz_json(&bytes);
        }
    }
}

/// Data messages whose form decides between the fast and the slow path.
const DATA_MESSAGES: &[&str] = &[
    r#"{"type":"message","from":"server","dataType":"json","data":[1,2.5e3,"x"]}"#,
    r#"{"type":"message","from":"server","dataType":"json","data":null}"#,
    r#"{"type":"message","from":"server","dataType":"json","data":"a\"b"}"#,
    r#"{"type":"message","from":"server","dataType":"json","data": 1 }"#,
    r#"{"type":"message","from":"server","dataType":"text","data":"a\u00e4\n"}"#,
    r#"{"type":"message","from":"server","dataType":"text","data":"ä 连接"}"#,
    r#"{"type":"message","from":"server","dataType":"text","data":1}"#,
    r#"{"type":"message","from":"server","dataType":"TEXT","data":"x"}"#,
    r#"{"type":"message","from":"server","dataType":"binary","data":"AQID"}"#,
    r#"{"type":"message","from":"server","data":{"a":1}}"#,
    r#"{"type":"message","from":"group","group":"","dataType":"text","data":"x"}"#,
    r#"{"type":"message","from":"group","group":"a\tb","dataType":"text","data":"x"}"#,
    r#"{"type":"message","from":"group","group":"g","group":"h","dataType":"text","data":"x"}"#,
    r#"{"type":"message","from":"group","group":"g","fromUserId":null,"dataType":"text","data":"x"}"#,
    r#"{"type":"message","from":"group","group":"g","fromUserId":"","dataType":"text","data":"x"}"#,
    r#"{"type":"message","from":"group","group":"g","dataType":"text","data":"x","later":[]}"#,
    r#"{"sequenceId":00,"type":"message","from":"server","dataType":"text","data":"x"}"#,
    r#"{"sequenceId":1.0,"type":"message","from":"server","dataType":"text","data":"x"}"#,
    r#"{"sequenceId":-1,"type":"message","from":"server","dataType":"text","data":"x"}"#,
    r#"{"sequenceId":null,"type":"message","from":"server","dataType":"text","data":"x"}"#,
    r#"{"sequenceId":18446744073709551615,"type":"message","from":"server","dataType":"text","data":"x"}"#,
    r#"{"sequenceId":18446744073709551616,"type":"message","from":"server","dataType":"text","data":"x"}"#,
    r#"{"data":[],"dataType":"json","from":"server","type":"message","sequenceId":7}"#,
    r#"{"type":"message","from":"server","dataType":"text","data":"x"} "#,
    r#"{"type":"message","from":"server","dataType":"text","data":"x",}"#,
    r#"{"type":"message","from":"server","dataType":"text","data":"x"}x"#,
    r#"{"type":"message","from":"server","dataType":"json","data":{"a":[}}"#,
];

#[test]
fn data_messages_are_read_the_same_in_both_ways() {
    for frame in DATA_MESSAGES {
        fuzz_json(frame.as_bytes());
    }
    // Most are usual ones, which only the fast path decodes.
    let usual = DATA_MESSAGES
        .iter()
        .filter(|frame| json::is_read_the_short_way(&(**frame).into()));
    assert_eq!(usual.count(), 6);
}

/// Whatever decodes must encode and decode to the same message again.
fn fuzz_json(bytes: &[u8]) {
    let Ok(text) = Text::try_from(bytes::Bytes::copy_from_slice(bytes)) else {
        return;
    };
    if let Ok(message) = json::decode_upstream(&text) {
        let again = json::decode_upstream(&json::encode_upstream(&message).unwrap());
        assert_eq!(again, Ok(message));
    }
    // The fast and the slow path agree on everything, including errors.
    assert_eq!(
        json::decode_downstream(&text),
        json::decode_any_downstream(&text)
    );
    if let Ok(message) = json::decode_downstream(&text) {
        let again = json::decode_downstream(&json::encode_downstream(&message).unwrap());
        assert_eq!(again, Ok(message));
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut u64) {
    let mut below = |limit: usize| {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) as usize % limit.max(1)
    };
    for _ in 0..=below(3) {
        let at = below(bytes.len());
        match below(4) {
            0 if !bytes.is_empty() => bytes[at] = below(256) as u8,
            1 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            2 => bytes.insert(at, b"{}[]\",:0-9\\nul"[below(14)]),
            _ => bytes.truncate(bytes.len() - below(bytes.len()) / 4),
        }
    }
}
