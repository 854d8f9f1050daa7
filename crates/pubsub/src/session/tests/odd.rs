//! Known messages with broken fields: all of them, with a table of broken values.

use serde_json::Value;
use transport::Message;

use super::rig::{Rig, SECOND, gap, recover};
use crate::protocol::{
    AckError, Data, DataOrigin, DownstreamMessage, GroupStateItem, GroupStates, Metadata,
    ProtocolError, StreamError, StreamFragment, json,
};
use crate::session::DialTarget;
use crate::{Event, SessionOptions};

/// The JSON that replaces a value.
const BROKEN: [&str; 14] = [
    "7",
    "1.5",
    "-1",
    "18446744073709551616",
    "1e400",
    "true",
    r#""yes""#,
    r#""1""#,
    r#""""#,
    r#""\ud800""#,
    "[]",
    "{}",
    "[[1]]",
    r#"{"\ud800":1}"#,
];

/// A message of every kind, with every field that it can have.
fn whole_messages() -> Vec<DownstreamMessage> {
    let error = || AckError {
        name: "Forbidden".to_owned(),
        message: "no".to_owned(),
    };
    let states = || GroupStates {
        group: "g".to_owned(),
        items: vec![GroupStateItem {
            connection_id: "c".to_owned(),
            user_id: Some("u".to_owned()),
            state: Some([("k".to_owned(), "v".to_owned())].into()),
            updated_at_ms: 1,
        }],
        sequence_id: Some(2),
    };
    let metadata = || Metadata::new().with("k", "v").unwrap();
    let messages = vec![
        DownstreamMessage::Connected {
            connection_id: "c1".to_owned(),
            user_id: Some("u".to_owned()),
            reconnection_token: Some(auth::Secret::new("token-c1")),
        },
        DownstreamMessage::Disconnected {
            message: Some("why".to_owned()),
        },
        DownstreamMessage::Ack {
            ack_id: 1,
            result: Err(error()),
        },
        DownstreamMessage::Data {
            from: DataOrigin::Group {
                group: "g".into(),
                from_user_id: Some("u".into()),
            },
            data: Data::Text("x".into()),
            sequence_id: Some(2),
            metadata: metadata(),
            stream: Some(Box::new(StreamFragment {
                stream_id: "s".to_owned(),
                sequence_id: 1,
                is_end: true,
                error: Some(StreamError {
                    name: "UserError".to_owned(),
                    message: Some("m".to_owned()),
                    user_error_code: Some("c".to_owned()),
                }),
            })),
        },
        DownstreamMessage::Pong,
        DownstreamMessage::InvokeResponse {
            invocation_id: "1".to_owned(),
            result: Ok(Some(Data::Text("x".into()))),
            metadata: metadata(),
        },
        DownstreamMessage::InvokeResponse {
            invocation_id: "1".to_owned(),
            result: Err(error()),
            metadata: metadata(),
        },
        DownstreamMessage::CancelInvocation {
            invocation_id: "1".to_owned(),
        },
        DownstreamMessage::StreamAck {
            stream_id: "s".to_owned(),
            expected_sequence_id: 1,
        },
        DownstreamMessage::StreamNack {
            stream_id: "s".to_owned(),
            expected_sequence_id: 1,
            name: "InvalidSequenceId".to_owned(),
            message: Some("m".to_owned()),
        },
        DownstreamMessage::StreamClosed {
            stream_id: "s".to_owned(),
            error: Some(error()),
        },
        DownstreamMessage::GroupStateSnapshot(states()),
        DownstreamMessage::GroupStateUpdate(states()),
    ];
    let mut kinds: Vec<usize> = messages.iter().map(place).collect();
    kinds.dedup();
    assert_eq!(kinds, (0..12).collect::<Vec<_>>(), "every kind is there");
    messages
}

/// The index of a kind in the table above. A new kind must be added here.
fn place(message: &DownstreamMessage) -> usize {
    match message {
        DownstreamMessage::Connected { .. } => 0,
        DownstreamMessage::Disconnected { .. } => 1,
        DownstreamMessage::Ack { .. } => 2,
        DownstreamMessage::Data { .. } => 3,
        DownstreamMessage::Pong => 4,
        DownstreamMessage::InvokeResponse { .. } => 5,
        DownstreamMessage::CancelInvocation { .. } => 6,
        DownstreamMessage::StreamAck { .. } => 7,
        DownstreamMessage::StreamNack { .. } => 8,
        DownstreamMessage::StreamClosed { .. } => 9,
        DownstreamMessage::GroupStateSnapshot(_) => 10,
        DownstreamMessage::GroupStateUpdate(_) => 11,
    }
}

/// The paths to all fields of an object and of the objects in it.
fn paths(value: &Value) -> Vec<Vec<String>> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(n, v)| (n.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    let mut all = Vec::new();
    for (name, member) in members {
        all.push(vec![name.clone()]);
        for mut path in paths(member) {
            path.insert(0, name.clone());
            all.push(path);
        }
    }
    all
}

/// The frame with one value replaced, and with it repeated.
fn spoiled(whole: &Value, path: &[String]) -> Vec<String> {
    const MARK: &str = "\u{1}mark";
    let mut marked = whole.clone();
    let pointer: String = path.iter().map(|name| format!("/{name}")).collect();
    let place = marked.pointer_mut(&pointer).unwrap();
    let value = std::mem::replace(place, Value::String(MARK.to_owned())).to_string();
    let (marked, mark) = (
        marked.to_string(),
        Value::String(MARK.to_owned()).to_string(),
    );
    let mut frames: Vec<String> = BROKEN
        .iter()
        .map(|broken| marked.replace(&mark, broken))
        .collect();
    let name = path.last().unwrap();
    let member = format!("\"{name}\":{mark}");
    let once = format!("\"{name}\":{value}");
    // An item of an array has no name.
    if marked.contains(&member) {
        frames.push(marked.replace(&member, &format!("{once},{once}")));
    }
    frames
}

#[test]
fn a_broken_field_costs_its_message_and_no_more() {
    let mut frames = 0;
    for message in whole_messages() {
        let whole: Value =
            serde_json::from_str(&json::encode_downstream(&message).unwrap()).unwrap();
        let is_numbered = whole.get("sequenceId").is_some();
        for path in paths(&whole) {
            // A message without a type has no kind.
            if path == ["type"] {
                continue;
            }
            let is_number = path == ["sequenceId"];
            for frame in spoiled(&whole, &path) {
                let mut rig = Rig::connected();
                rig.data(1);
                rig.events();
                let socket = rig.socket.unwrap();
                let read =
                    rig.session
                        .handle_message(rig.now, socket, Message::text(frame.as_str()));
                frames += 1;
                if let Err(error) = &read {
                    assert!(
                        !matches!(error, ProtocolError::Format(_)),
                        "{frame}: {error}"
                    );
                }
                if is_number && read.is_err() {
                    // Nothing is lost: the service sends it again.
                    rig.aborted();
                    assert_eq!(rig.dial(), recover("c1"), "{frame}");
                    assert!(
                        matches!(rig.events()[..], [Event::Recovering { .. }]),
                        "{frame}"
                    );
                    continue;
                }
                let delivered = rig.events();
                assert!(
                    !delivered.iter().any(|event| matches!(
                        event,
                        Event::Disconnected { .. } | Event::Recovering { .. } | Event::Stopped
                    )),
                    "{frame}: {delivered:?}"
                );
                assert_eq!(rig.session.poll_action(), None, "{frame}");
                if is_number {
                    continue;
                }
                rig.data(if is_numbered { 3 } else { 2 });
                let events = rig.events();
                let told = gap("c1", 1, Some(3));
                match &events[..] {
                    [Event::GroupMessage { .. }] => {
                        assert!(!is_numbered || !delivered.is_empty(), "{frame}");
                    }
                    [first, Event::GroupMessage { .. }] if is_numbered && read.is_err() => {
                        assert_eq!(*first, told, "{frame}");
                    }
                    other => panic!("{frame}: {other:?}"),
                }
                // Ignored data is acknowledged with the rest.
                rig.advance(SECOND * 2);
                let last = if is_numbered { 3 } else { 2 };
                let ack = format!(r#"{{"type":"sequenceAck","sequenceId":{last}}}"#);
                assert!(rig.sent().contains(&ack), "{frame}");
            }
        }
    }
    assert!(frames > 500, "{frames}");
}

#[test]
fn a_field_that_a_kind_does_not_use_may_be_anything() {
    for frame in [
        r#"{"type":"ack","ackId":1,"success":true,"group":5,"sequenceId":"x","data":1}"#,
        r#"{"type":"ack","ackId":1,"success":true,"streamId":7,"event":[],"event":{}}"#,
        r#"{"\ud800":1,"type":"ack","ackId":1,"success":true}"#,
        r#"{"type":"ack","ackId":1,"success":true,"later":"\ud800"}"#,
    ] {
        let mut rig = Rig::connected();
        rig.session
            .join_group(rig.now, &super::rig::group("g"))
            .unwrap();
        rig.sent();
        rig.receive(frame);
        assert_eq!(rig.replies().len(), 1, "{frame}");
    }
    let mut rig = Rig::connected();
    rig.receive(
        r#"{"ackId":"x","sequenceId":1,"type":"message","from":"server","success":7,"dataType":"text","data":"x"}"#,
    );
    assert!(matches!(
        rig.events()[..],
        [Event::ServerMessage {
            sequence_id: Some(1),
            ..
        }]
    ));
}

const UNREADABLE: &str =
    r#"{"sequenceId":"2","type":"message","from":"server","dataType":"text","data":"x"}"#;

fn receive_unreadable(rig: &mut Rig) {
    let socket = rig.socket.unwrap();
    let error = rig
        .session
        .handle_message(rig.now, socket, Message::text(UNREADABLE));
    assert!(matches!(
        error,
        Err(ProtocolError::Field {
            field: "sequenceId",
            ..
        })
    ));
}

#[test]
fn a_service_that_repeats_an_unreadable_sequence_id_is_given_up_after_a_while() {
    let mut rig = Rig::connected();
    rig.data(1);
    rig.events();
    for _ in 0..2 {
        receive_unreadable(&mut rig);
        assert_eq!(rig.wait_for_dial().1, recover("c1"));
        rig.open();
        // The service repeats what has not been acknowledged.
        rig.data(1);
        let events = rig.events();
        assert!(
            matches!(
                events[..],
                [Event::Recovering { .. }, Event::Recovered { .. }]
            ),
            "{events:?}"
        );
    }
    receive_unreadable(&mut rig);
    let events = rig.events();
    assert_eq!(events[0], gap("c1", 1, None));
    assert!(
        matches!(&events[1..], [Event::Disconnected { reason: Some(reason), .. }] if reason.contains("sequenceId")),
        "{events:?}"
    );
    assert_eq!(rig.wait_for_dial().1, DialTarget::New);
}

#[test]
fn a_connection_without_a_token_ends_with_an_unreadable_sequence_id_and_says_so() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    rig.receive(r#"{"type":"system","event":"connected","connectionId":"c1"}"#);
    rig.settle();
    rig.events();
    receive_unreadable(&mut rig);
    let events = rig.events();
    assert!(
        matches!(
            &events[..],
            [Event::Gap { .. }, Event::Disconnected { reason: Some(reason), .. }]
                if reason.contains("sequenceId")
        ),
        "{events:?}"
    );
    assert_eq!(rig.wait_for_dial().1, DialTarget::New);
}

#[test]
fn new_data_lets_unreadable_sequence_ids_be_recovered_from_again() {
    let mut rig = Rig::connected();
    for id in 1..10 {
        receive_unreadable(&mut rig);
        assert_eq!(rig.wait_for_dial().1, recover("c1"), "{id}");
        rig.open();
        rig.data(id);
    }
    let events = rig.events();
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Gap { .. })),
        "{events:?}"
    );
}

#[test]
fn without_recovery_a_sequence_id_means_nothing() {
    let mut rig = Rig::json();
    rig.connect("c1");
    receive_unreadable(&mut rig);
    assert_eq!((rig.session.poll_action(), rig.events().len()), (None, 0));
    rig.receive(r#"{"type":"message","from":"server","dataType":"text","data":"x"}"#);
    assert_eq!(rig.events().len(), 1);
}

#[cfg(feature = "protobuf")]
mod protobuf {
    use bytes::Bytes;

    use super::*;
    use crate::protocol::Subprotocol;
    use crate::protocol::fields::{FieldValue, Fields};
    use crate::session::Action;

    fn push_varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn push(out: &mut Vec<u8>, number: u64, value: FieldValue<'_>) {
        match value {
            FieldValue::Varint(value) => {
                push_varint(out, number << 3);
                push_varint(out, value);
            }
            FieldValue::Fixed => {
                push_varint(out, number << 3 | 5);
                out.extend([0; 4]);
            }
            FieldValue::Bytes(bytes) => {
                push_varint(out, number << 3 | 2);
                push_varint(out, bytes.len() as u64);
                out.extend(bytes);
            }
        }
    }

    /// The frame with one field of its message replaced.
    fn spoiled(frame: &[u8]) -> Vec<(u64, u64, Bytes)> {
        let (kind, content) = match Fields::new(frame).next() {
            Some(Ok((kind, FieldValue::Bytes(content)))) => (kind, content),
            other => panic!("{other:?}"),
        };
        let fields: Vec<_> = Fields::new(content).map(|field| field.unwrap()).collect();
        let mut frames = Vec::new();
        for (index, (broken, _)) in fields.iter().enumerate() {
            for value in [
                FieldValue::Varint(u64::MAX),
                FieldValue::Fixed,
                FieldValue::Bytes(b"\xff"),
                FieldValue::Bytes(b"\x0a\xff"),
            ] {
                let mut content = Vec::new();
                for (other, (number, kept)) in fields.iter().enumerate() {
                    push(
                        &mut content,
                        *number,
                        if other == index { value } else { *kept },
                    );
                }
                let mut frame = Vec::new();
                push(&mut frame, kind, FieldValue::Bytes(&content));
                frames.push((kind, *broken, frame.into()));
            }
        }
        frames
    }

    #[test]
    fn a_broken_field_costs_its_message_and_no_more() {
        let subprotocol = Subprotocol::ProtobufReliable;
        let connected = |rig: &mut Rig| {
            let message = &whole_messages()[0];
            let frame = subprotocol.encode_downstream(message).unwrap();
            let socket = rig.socket.unwrap();
            rig.session.handle_message(rig.now, socket, frame).unwrap();
        };
        let mut frames = 0;
        for message in whole_messages() {
            let Ok(Message::Binary(whole)) = subprotocol.encode_downstream(&message) else {
                continue;
            };
            for (kind, field, frame) in spoiled(&whole) {
                let mut rig = Rig::new(SessionOptions {
                    subprotocol: Some(subprotocol),
                    ..SessionOptions::default()
                });
                rig.session.start(rig.now);
                rig.dial();
                rig.open();
                connected(&mut rig);
                rig.settle();
                rig.events();
                let socket = rig.socket.unwrap();
                let read =
                    rig.session
                        .handle_message(rig.now, socket, Message::Binary(frame.clone()));
                frames += 1;
                let is_number = matches!((kind, field), (2, 4) | (9 | 10, 3));
                if is_number && read.is_err() {
                    rig.aborted();
                    assert_eq!(rig.dial(), recover("c1"), "{kind} {field}");
                    continue;
                }
                if let Err(error) = &read {
                    assert!(
                        !matches!(error, ProtocolError::Format(_)),
                        "{kind} {field}: {error}"
                    );
                }
                let events = rig.events();
                assert!(
                    !events.iter().any(|event| matches!(
                        event,
                        Event::Disconnected { .. } | Event::Recovering { .. }
                    )),
                    "{kind} {field}: {events:?}"
                );
                while let Some(action) = rig.session.poll_action() {
                    assert!(
                        matches!(action, Action::Transmit(_)),
                        "{kind} {field}: {action:?}"
                    );
                }
            }
        }
        assert!(frames > 80, "{frames}");
    }
}
