//! Tests of payloads that become part of a message verbatim: every kind of message with
//! data, in every format.

use super::{
    AckError, Data, DataOrigin, DownstreamMessage, GroupStates, Metadata, ProtocolError,
    Subprotocol, UpstreamMessage,
};

fn bad_data() -> Vec<Data> {
    let mut bad: Vec<Data> = [
        "",
        " ",
        "null",
        "\tnull ",
        "1,\"type\":\"event\",\"group\":\"admin\"",
        "1}",
        "{}}",
        "[1]]",
        "1 2",
        "\"a\"b",
        "{\"a\":1",
        "tru",
        "// x\n1",
    ]
    .into_iter()
    .map(|text| Data::Json(text.into()))
    .collect();
    bad.push(Data::Protobuf(bytes::Bytes::from_static(b"\x08\x01")));
    bad.push(Data::Protobuf(bytes::Bytes::from_static(b"\x0a\x05x")));
    bad
}

fn good_data() -> Vec<Data> {
    vec![
        Data::Json("{\"type\":\"event\",\"a\":[null, 1.0e2]}".into()),
        Data::Json(" \"\\u0022,\" ".into()),
        Data::Text("\",\"type\":\"event".into()),
        Data::Text("null".into()),
        Data::Binary(bytes::Bytes::from_static(b"\"\xff\0")),
        Data::Protobuf(bytes::Bytes::from_static(b"\x0a\x01x\x12\x01\xff")),
    ]
}

/// Every kind of message from a client, with `data` where it has a payload.
fn upstream(data: &Data) -> Vec<UpstreamMessage> {
    let text = || "x\",\"type\":\"event".to_owned();
    let metadata = Metadata::new;
    let messages = vec![
        UpstreamMessage::JoinGroup {
            group: text(),
            ack_id: Some(1),
        },
        UpstreamMessage::LeaveGroup {
            group: text(),
            ack_id: Some(1),
        },
        UpstreamMessage::SendToGroup {
            group: text(),
            ack_id: Some(1),
            no_echo: false,
            data: data.clone(),
            ttl_seconds: Some(1),
            metadata: metadata(),
        },
        UpstreamMessage::Event {
            event: "e".to_owned(),
            ack_id: Some(1),
            data: data.clone(),
            metadata: metadata(),
        },
        UpstreamMessage::SequenceAck { sequence_id: 1 },
        UpstreamMessage::Ping,
        UpstreamMessage::Invoke {
            invocation_id: text(),
            event: "e".to_owned(),
            data: Some(data.clone()),
            metadata: metadata(),
        },
        UpstreamMessage::CancelInvocation {
            invocation_id: text(),
        },
        UpstreamMessage::InvokeResponse {
            invocation_id: text(),
            result: Ok(Some(data.clone())),
        },
        UpstreamMessage::StreamStart {
            group: text(),
            no_echo: false,
            stream_id: text(),
            idle_timeout_ms: Some(1),
        },
        UpstreamMessage::StreamData {
            stream_id: text(),
            fragment: Some((1, data.clone())),
        },
        UpstreamMessage::StreamEnd {
            stream_id: text(),
            error: None,
        },
        UpstreamMessage::SetGroupState {
            group: text(),
            ack_id: Some(1),
            state: Some([(text(), text())].into()),
        },
        UpstreamMessage::SubscribeGroupState {
            group: text(),
            ack_id: Some(1),
        },
        UpstreamMessage::UnsubscribeGroupState {
            group: text(),
            ack_id: Some(1),
        },
    ];
    let kinds: Vec<usize> = messages
        .iter()
        .map(|message| upstream_kind(message).0)
        .collect();
    assert_eq!(kinds, (0..15).collect::<Vec<_>>(), "every kind is covered");
    messages
}

/// The index of a kind in the list above, and whether it has data. A new kind must be added here.
fn upstream_kind(message: &UpstreamMessage) -> (usize, bool) {
    match message {
        UpstreamMessage::JoinGroup { .. } => (0, false),
        UpstreamMessage::LeaveGroup { .. } => (1, false),
        UpstreamMessage::SendToGroup { .. } => (2, true),
        UpstreamMessage::Event { .. } => (3, true),
        UpstreamMessage::SequenceAck { .. } => (4, false),
        UpstreamMessage::Ping => (5, false),
        UpstreamMessage::Invoke { .. } => (6, true),
        UpstreamMessage::CancelInvocation { .. } => (7, false),
        UpstreamMessage::InvokeResponse { .. } => (8, true),
        UpstreamMessage::StreamStart { .. } => (9, false),
        UpstreamMessage::StreamData { .. } => (10, true),
        UpstreamMessage::StreamEnd { .. } => (11, false),
        UpstreamMessage::SetGroupState { .. } => (12, false),
        UpstreamMessage::SubscribeGroupState { .. } => (13, false),
        UpstreamMessage::UnsubscribeGroupState { .. } => (14, false),
    }
}

/// Every kind of message from the service that has data.
fn downstream(data: &Data) -> Vec<DownstreamMessage> {
    let messages = vec![
        DownstreamMessage::Data {
            from: DataOrigin::Server,
            data: data.clone(),
            sequence_id: Some(1),
            metadata: Metadata::new(),
            stream: None,
        },
        DownstreamMessage::InvokeResponse {
            invocation_id: "1".to_owned(),
            result: Ok(Some(data.clone())),
            metadata: Metadata::new(),
        },
    ];
    assert!(messages.iter().all(takes_data));
    messages
}

/// Whether a kind has data. A new kind must be added here.
fn takes_data(message: &DownstreamMessage) -> bool {
    match message {
        DownstreamMessage::Data { .. } | DownstreamMessage::InvokeResponse { .. } => true,
        DownstreamMessage::Ack { .. }
        | DownstreamMessage::CancelInvocation { .. }
        | DownstreamMessage::Connected { .. }
        | DownstreamMessage::Disconnected { .. }
        | DownstreamMessage::GroupStateSnapshot(_)
        | DownstreamMessage::GroupStateUpdate(_)
        | DownstreamMessage::Pong
        | DownstreamMessage::StreamAck { .. }
        | DownstreamMessage::StreamClosed { .. }
        | DownstreamMessage::StreamNack { .. } => false,
    }
}

#[test]
fn data_that_is_not_what_it_says_is_never_written() {
    for subprotocol in Subprotocol::ALL {
        for data in bad_data() {
            for message in upstream(&data) {
                let (kind, takes_data) = upstream_kind(&message);
                let written = subprotocol.encode_upstream(&message);
                match written {
                    Ok(_) => assert!(!takes_data, "{subprotocol} {kind} {data:?}"),
                    Err(ProtocolError::Field { field: "data", .. }) => {
                        assert!(takes_data, "{subprotocol} {kind} {data:?}");
                    }
                    Err(ProtocolError::NotInFormat(_)) => assert_eq!(kind, 8),
                    Err(error) => panic!("{subprotocol} {kind} {data:?}: {error}"),
                }
            }
            for message in downstream(&data) {
                let error = subprotocol.encode_downstream(&message).unwrap_err();
                assert!(matches!(error, ProtocolError::Field { field: "data", .. }));
            }
        }
    }
}

#[test]
fn what_is_written_is_one_message_and_the_same_one() {
    for subprotocol in Subprotocol::ALL {
        for data in good_data() {
            for message in upstream(&data) {
                let Ok(frame) = subprotocol.encode_upstream(&message) else {
                    assert_eq!(upstream_kind(&message).0, 8, "{message:?}");
                    continue;
                };
                let again = subprotocol.decode_upstream(frame).unwrap();
                assert_eq!(trimmed(again), trimmed(message));
            }
            for message in downstream(&data) {
                let frame = subprotocol.encode_downstream(&message).unwrap();
                let again = subprotocol.decode_downstream(frame).unwrap();
                assert_eq!(
                    payload(again).as_bytes().trim_ascii(),
                    data.as_bytes().trim_ascii()
                );
            }
        }
    }
    let error = AckError::new("a\"", "b\\");
    let ack = DownstreamMessage::Ack {
        ack_id: 1,
        result: Err(error),
    };
    let states = DownstreamMessage::GroupStateUpdate(GroupStates::new("g\"", Vec::new()));
    for message in [ack, states] {
        let frame = Subprotocol::Json.encode_downstream(&message).unwrap();
        assert_eq!(Subprotocol::Json.decode_downstream(frame), Ok(message));
    }
}

fn payload(message: DownstreamMessage) -> Data {
    match message {
        DownstreamMessage::Data { data, .. }
        | DownstreamMessage::InvokeResponse {
            result: Ok(Some(data)),
            ..
        } => data,
        other => panic!("{other:?}"),
    }
}

/// JSON is decoded without surrounding whitespace.
fn trimmed(message: UpstreamMessage) -> UpstreamMessage {
    let trim = |data: Data| match data {
        Data::Json(text) => Data::Json(text.trim().into()),
        other => other,
    };
    match message {
        UpstreamMessage::SendToGroup {
            group,
            ack_id,
            no_echo,
            data,
            ttl_seconds,
            metadata,
        } => UpstreamMessage::SendToGroup {
            group,
            ack_id,
            no_echo,
            data: trim(data),
            ttl_seconds,
            metadata,
        },
        UpstreamMessage::Event {
            event,
            ack_id,
            data,
            metadata,
        } => UpstreamMessage::Event {
            event,
            ack_id,
            data: trim(data),
            metadata,
        },
        UpstreamMessage::Invoke {
            invocation_id,
            event,
            data,
            metadata,
        } => UpstreamMessage::Invoke {
            invocation_id,
            event,
            data: data.map(trim),
            metadata,
        },
        UpstreamMessage::InvokeResponse {
            invocation_id,
            result,
        } => UpstreamMessage::InvokeResponse {
            invocation_id,
            result: result.map(|data| data.map(trim)),
        },
        UpstreamMessage::StreamData {
            stream_id,
            fragment,
        } => UpstreamMessage::StreamData {
            stream_id,
            fragment: fragment.map(|(id, data)| (id, trim(data))),
        },
        other => other,
    }
}
