//! Payloads of each subprotocol, and group states.

use transport::Message;

use super::super::rig::{Rig, SECOND, group, text};
use crate::protocol::Data;
use crate::session::{Reply, Request, Session};
use crate::{Event, GroupName, RequestError};

#[test]
fn a_simple_websocket_carries_bare_payloads() {
    let mut rig = Rig::bare();
    assert_eq!(rig.replies(), [Reply::Started(Ok(()))]);
    assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
    rig.session.send(rig.now, text("hello")).unwrap();
    assert_eq!(rig.sent(), ["hello"]);
    rig.receive("{not json");
    assert!(matches!(
        &rig.events()[..],
        [Event::ServerMessage { data: Data::Text(text), .. }] if text.as_str() == "{not json"
    ));
    let socket = rig.socket.unwrap();
    let binary = Message::Binary(vec![1, 2].into());
    rig.session.handle_message(rig.now, socket, binary).unwrap();
    assert!(matches!(
        &rig.events()[..],
        [Event::ServerMessage { data: Data::Binary(bytes), .. }] if bytes[..] == [1, 2]
    ));
    rig.advance(SECOND * 20);
    assert_eq!(rig.sent(), ["WebSocket ping"]);
    let refused = rig.session.join_group(rig.now, &group("g"));
    assert_eq!(refused, Err(RequestError::Unsupported));
}

#[test]
fn a_bare_payload_may_be_as_long_as_the_service_accepts() {
    let mut rig = Rig::bare();
    let most = Session::MAX_MESSAGE_LEN;
    for (len, expected) in [(most, Ok(())), (most + 1, Err(RequestError::TooLarge))] {
        let binary = Data::Binary(vec![0; len].into());
        assert_eq!(rig.session.send(rig.now, binary), expected, "{len}");
        assert_eq!(rig.sent().len(), usize::from(len == most));
    }
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_is_spoken_in_binary_frames() {
    use super::super::rig::recover;
    use crate::SessionOptions;
    use crate::protocol::{
        DownstreamMessage, ProtocolError, Subprotocol, UpstreamMessage, protobuf,
    };
    use crate::session::Action;

    let mut rig = Rig::new(SessionOptions {
        subprotocol: Some(Subprotocol::ProtobufReliable),
        ..SessionOptions::default()
    });
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    let connected = DownstreamMessage::Connected {
        connection_id: "c1".to_owned(),
        user_id: None,
        reconnection_token: Some(auth::Secret::new("token-c1")),
    };
    let frame = protobuf::encode_downstream(&connected).unwrap();
    let socket = rig.socket.unwrap();
    rig.session
        .handle_message(rig.now, socket, Message::Binary(frame))
        .unwrap();
    assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
    rig.session.join_group(rig.now, &group("g")).unwrap();
    let Some(Action::Transmit(Message::Binary(frame))) = rig.session.poll_action() else {
        panic!("a binary frame was expected");
    };
    let join = UpstreamMessage::JoinGroup {
        group: "g".to_owned(),
        ack_id: Some(1),
    };
    assert_eq!(protobuf::decode_upstream(frame), Ok(join));
    rig.settle();
    rig.lose();
    assert_eq!(rig.dial(), recover("c1"));
    // This subprotocol has no text frames.
    rig.open();
    let socket = rig.socket.unwrap();
    let error = rig
        .session
        .handle_message(rig.now, socket, Message::text("{}"));
    assert!(matches!(error, Err(ProtocolError::Format(_))));
}

#[test]
fn group_states_are_asked_for_and_delivered() {
    let mut rig = Rig::connected();
    let name = GroupName::new("g").unwrap();
    rig.session
        .request(rig.now, &Request::SubscribeGroupState(name), None)
        .unwrap();
    assert_eq!(
        rig.sent(),
        [r#"{"type":"subscribeGroupState","group":"g","ackId":1}"#]
    );
    rig.receive(r#"{"sequenceId":1,"type":"groupStateSnapshot","group":"g","items":[]}"#);
    rig.receive(r#"{"sequenceId":2,"type":"groupStateUpdate","group":"g","items":[]}"#);
    rig.receive(r#"{"sequenceId":2,"type":"groupStateUpdate","group":"g","items":[]}"#);
    assert!(matches!(
        rig.events()[..],
        [
            Event::GroupState {
                is_snapshot: true,
                ..
            },
            Event::GroupState {
                is_snapshot: false,
                ..
            }
        ]
    ));
}
