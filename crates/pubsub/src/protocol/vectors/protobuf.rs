//! The protobuf frames, which must mean the same as those in JSON.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::{
    DataOrigin, DownstreamMessage, ProtocolError, UpstreamMessage, json, protobuf,
};

#[derive(Deserialize)]
struct Vectors<'a> {
    #[serde(borrow)]
    upstream: Vec<Vector<'a>>,
    #[serde(borrow)]
    downstream: Vec<Vector<'a>>,
    #[serde(borrow)]
    read_only_upstream: Vec<Vector<'a>>,
    #[serde(borrow)]
    refused_upstream: Vec<Refused<'a>>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    name: String,
    hex: &'a str,
    #[serde(borrow)]
    json: &'a RawValue,
}

#[derive(Deserialize)]
struct Refused<'a> {
    name: &'a str,
    hex: &'a str,
    error: &'a str,
}

fn vectors() -> Vectors<'static> {
    serde_json::from_str(include_str!("../../../tests/vectors/protobuf.json")).unwrap()
}

fn bytes(hex: &str) -> Bytes {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn frames_give_the_same_bytes_when_written_again_and_mean_what_the_json_means() {
    let vectors = vectors();
    for vector in &vectors.upstream {
        let frame = bytes(vector.hex);
        let message = protobuf::decode_upstream(frame.clone()).unwrap();
        assert_eq!(
            message,
            json::decode_upstream(&vector.json.get().into()).unwrap(),
            "{}",
            vector.name
        );
        let written = protobuf::encode_upstream(&message).unwrap();
        assert_eq!(written, frame, "{}", vector.name);
    }
    for vector in &vectors.downstream {
        let frame = bytes(vector.hex);
        let message = protobuf::decode_downstream(frame.clone()).unwrap();
        assert_eq!(
            message,
            json::decode_downstream(&vector.json.get().into()).unwrap(),
            "{}",
            vector.name
        );
        let written = protobuf::encode_downstream(&message).unwrap();
        assert_eq!(written, frame, "{}", vector.name);
    }
    assert_eq!((vectors.upstream.len(), vectors.downstream.len()), (26, 22));
}

#[test]
fn what_other_writers_add_is_read() {
    for vector in vectors().read_only_upstream {
        let message = protobuf::decode_upstream(bytes(vector.hex)).unwrap();
        let same = json::decode_upstream(&vector.json.get().into()).unwrap();
        assert_eq!(message, same, "{}", vector.name);
    }
}

#[test]
fn frames_that_the_service_refuses_are_refused() {
    for vector in vectors().refused_upstream {
        let error = protobuf::decode_upstream(bytes(vector.hex)).unwrap_err();
        let kind = match error {
            ProtocolError::Field { .. } => "Field",
            ProtocolError::Format(_) => "Format",
            _ => "UnknownKind",
        };
        assert_eq!(kind, vector.error, "{}", vector.name);
    }
}

#[test]
fn a_client_tells_what_it_does_not_know_from_what_is_wrong() {
    for hex in [
        "",
        "7a00",
        "12080a046d6f6f6e1a00",
        "1a00",
        "120a0a067365727665722005",
    ] {
        let error = protobuf::decode_downstream(bytes(hex)).unwrap_err();
        let unknown = matches!(error, ProtocolError::UnknownKind(_));
        assert_eq!(unknown, !hex.starts_with("120a"), "{hex}: {error}");
    }
}

/// A seeded stand-in for the fuzz target `pubsub_protobuf`, for machines without a fuzzer.
#[test]
fn no_frame_makes_the_codec_panic() {
    let vectors = vectors();
    let mut random = 1_u64;
    for vector in vectors.upstream.iter().chain(&vectors.downstream) {
        for _ in 0..200 {
            let mut frame = bytes(vector.hex).to_vec();
            super::mutate(&mut frame, &mut random);
            let frame = Bytes::from(frame);
            // JSON is checked when it becomes part of another message.
            if let Ok(message) = protobuf::decode_upstream(frame.clone())
                && let Ok(written) = protobuf::encode_upstream(&message)
            {
                assert_eq!(protobuf::decode_upstream(written), Ok(message));
            }
            // The fast and the slow path agree on everything, including errors.
            assert_eq!(
                protobuf::decode_downstream(frame.clone()),
                protobuf::decode_any_downstream(frame.clone())
            );
            if let Ok(message) = protobuf::decode_downstream(frame)
                && let Ok(written) = protobuf::encode_downstream(&message)
            {
                assert_eq!(protobuf::decode_downstream(written), Ok(message));
            }
        }
    }
}

#[test]
fn what_protobuf_lacks_is_told() {
    let answer = UpstreamMessage::InvokeResponse {
        invocation_id: "i".to_owned(),
        result: Ok(None),
    };
    assert_eq!(
        protobuf::encode_upstream(&answer),
        Err(ProtocolError::NotInFormat("invokeResponse"))
    );
    let cancel = DownstreamMessage::CancelInvocation {
        invocation_id: "i".to_owned(),
    };
    assert_eq!(
        protobuf::encode_downstream(&cancel),
        Err(ProtocolError::NotInFormat("cancelInvocation"))
    );
}

#[test]
fn data_messages_share_the_frames_bytes_and_are_read_the_same_in_both_ways() {
    // A short one is copied.
    let long_name = "g".repeat(24);
    let origins = [
        format!(r#""group","group":"{long_name}""#),
        r#""server""#.to_owned(),
    ];
    for data in [
        r#""text","data":"Räume""#,
        r#""json","data":[1, 2]"#,
        r#""binary","data":"AQID""#,
        r#""protobuf","data":"CgF4""#,
    ] {
        for (origin, id) in origins
            .iter()
            .flat_map(|origin| ["", r#","sequenceId":300"#].map(|id| (origin, id)))
        {
            let json = format!(r#"{{"type":"message","from":{origin},"dataType":{data}{id}}}"#);
            let message = json::decode_downstream(&json.as_str().into()).unwrap();
            let frame = protobuf::encode_downstream(&message).unwrap();
            let read = protobuf::decode_downstream(frame.clone()).unwrap();
            assert_eq!(read, message, "{json}");
            assert_eq!(protobuf::decode_any_downstream(frame.clone()), Ok(message));
            let DownstreamMessage::Data { from, data, .. } = read else {
                panic!("{read:?}");
            };
            let is_shared = |part: &[u8]| frame.as_ptr_range().contains(&part.as_ptr());
            assert!(is_shared(data.as_bytes()), "{json}");
            if let DataOrigin::Group { group, .. } = from {
                assert!(is_shared(group.as_bytes()), "{json}");
            }
        }
    }
}

#[test]
fn a_senders_user_is_left_out() {
    let json = r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"text","data":"x"}"#;
    let message = json::decode_downstream(&json.into()).unwrap();
    let written = protobuf::encode_downstream(&message).unwrap();
    let read = protobuf::decode_downstream(written).unwrap();
    assert!(matches!(
        read,
        DownstreamMessage::Data {
            from: DataOrigin::Group {
                from_user_id: None,
                ..
            },
            ..
        }
    ));
}
