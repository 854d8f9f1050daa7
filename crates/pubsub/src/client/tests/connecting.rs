//! The start, the credential, recovery and the end.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, SinkExt};
use transport::testing::ManualRuntime;
use transport::{
    CloseCode, CloseFrame, Handshake, HandshakeRequest, Message, SharedWebSocketConnector,
    WebSocketConnector,
};

use super::world::{URL, World, text};
use crate::client::{Client, ClientCredential};
use crate::protocol::Subprotocol;
use crate::{ErrorKind, Event, SendToGroupOptions};

#[test]
fn connects_and_carries_requests_and_events() {
    let mut world = World::connected();
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    assert_eq!(
        world.hear_text(),
        r#"{"type":"joinGroup","group":"g","ackId":1}"#
    );
    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
    assert!(!world.poll(&mut join).unwrap().unwrap().is_duplicate);
    world.data(1);
    assert!(matches!(world.event(), Some(Event::ServerMessage { .. })));
}

#[test]
fn a_refused_start_tells_why_and_leaves_no_event() {
    let mut world = World::new(|builder| builder);
    let refusal = transport::Error::message(transport::ErrorKind::Connect, "no way");
    world.script.0.lock().unwrap().failures.push_back(refusal);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    let error = world.poll(&mut start).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(world.event().is_none());
    // It can be tried again.
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept("c1");
    assert!(world.poll(&mut start).unwrap().is_ok());
    let client = world.client.clone();
    let mut again = Box::pin(async move { client.start().await });
    let error = world.poll(&mut again).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_failing_credential_is_told() {
    let credential = ClientCredential::from_fn(|| async {
        Err::<String, _>(std::io::Error::other("the login has expired"))
    });
    let world = World::with_credential(credential, |builder| builder);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    let error = world.poll(&mut start).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
}

#[test]
fn a_lost_socket_is_recovered_with_the_same_url() {
    let mut world = World::connected();
    world.runtime.advance(Duration::from_secs(6));
    world.data(1);
    world.event();
    world.peer.as_ref().unwrap().1.cut();
    world.runtime.run();
    assert!(matches!(world.event(), Some(Event::Recovering { .. })));
    world.accept("c1");
    assert!(matches!(world.event(), Some(Event::Recovered { .. })));
    let requests = world.script.0.lock().unwrap().requests.clone();
    assert_eq!(requests[0], URL);
    assert_eq!(
        requests[1],
        format!("{URL}&awps_connection_id=c1&awps_reconnection_token=t%2B1")
    );
    assert_eq!(
        world.hear_text(),
        r#"{"type":"sequenceAck","sequenceId":1}"#
    );
}

#[test]
fn the_credential_is_asked_for_each_new_connection_and_for_no_recovery() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let credential = ClientCredential::from_fn(move || {
        *count.lock().unwrap() += 1;
        async { Ok::<_, std::io::Error>(URL) }
    });
    let mut world = World::with_credential(credential, |builder| builder);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept("c1");
    world.runtime.advance(Duration::from_secs(6));
    world.peer.as_ref().unwrap().1.cut();
    world.accept("c1");
    assert_eq!(*asked.lock().unwrap(), 1);
    world.runtime.advance(Duration::from_secs(6));
    let (peer, _) = world.peer.as_mut().unwrap();
    let refused = CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone");
    let closing = peer.send(Message::Close(Some(refused)));
    closing.now_or_never().unwrap().unwrap();
    world.accept("c2");
    assert_eq!(*asked.lock().unwrap(), 2);
    let mut events = Vec::new();
    while let Some(event) = world.event() {
        events.push(event);
    }
    assert!(
        matches!(
            &events[..],
            [
                Event::Connected { .. },
                Event::Recovering { .. },
                Event::Recovered { .. },
                Event::Gap { .. },
                Event::Disconnected { reason: Some(reason), .. },
                Event::Connected { connection_id, .. }
            ] if reason == "gone" && connection_id == "c2"
        ),
        "{events:?}"
    );
}

#[test]
fn a_stop_ends_an_attempt_that_hangs() {
    let world = World::new(|builder| builder);
    world.script.0.lock().unwrap().hang = true;
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_some());
    let error = world.poll(&mut start).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn a_stop_closes_in_order() {
    let mut world = World::connected();
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    let heard = world.hear();
    assert!(
        matches!(&heard, Some(Message::Close(Some(frame))) if frame.code == CloseCode::NORMAL),
        "{heard:?}"
    );
    world.peer = None;
    assert!(world.poll(&mut stop).is_some());
    assert!(matches!(world.event(), Some(Event::Disconnected { .. })));
    assert!(matches!(world.event(), Some(Event::Stopped)));
}

#[test]
fn a_stop_passes_by_requests_that_have_no_room() {
    let world = World::connected();
    world.peer.as_ref().unwrap().1.stall();
    let mut sends = Vec::new();
    // More than the socket, the session and the queue hold together.
    for _ in 0..2000 {
        let client = world.client.clone();
        let mut send = Box::pin(async move {
            let options = SendToGroupOptions::default();
            client
                .send_to_group("g", text(&"x".repeat(1000)), options)
                .await
        });
        assert!(world.poll(&mut send).is_none());
        sends.push(send);
    }
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    world.runtime.advance(Duration::from_secs(5));
    assert!(world.poll(&mut stop).is_some());
    for mut send in sends {
        assert!(world.poll(&mut send).unwrap().is_err());
    }
}

#[test]
fn the_connection_is_closed_with_the_last_handle() {
    let mut world = World::connected();
    let second = world.client.clone();
    world.client = World::new(|builder| builder).client;
    assert!(world.hear().is_none());
    drop(second);
    assert!(matches!(world.hear(), Some(Message::Close(_))));
    world.peer = None;
    world.runtime.run();
    assert_eq!(world.runtime.tasks(), 0);
    assert!(matches!(world.event(), Some(Event::Disconnected { .. })));
    assert!(matches!(world.event(), Some(Event::Stopped)));
    assert!(world.event().is_none(), "the stream has ended");
}

#[test]
fn a_start_may_be_dropped_and_goes_on() {
    let mut world = World::new(|builder| builder);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    drop(start);
    world.accept("c1");
    assert!(matches!(world.event(), Some(Event::Connected { .. })));
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    drop(stop);
    assert!(matches!(world.hear(), Some(Message::Close(_))));
}

#[test]
fn a_subprotocol_that_was_not_taken_fails_the_start() {
    #[derive(Debug)]
    struct Deaf;

    #[async_trait]
    impl WebSocketConnector for Deaf {
        async fn connect(&self, _: HandshakeRequest) -> transport::Result<Handshake> {
            let (socket, _) = transport::testing::socket_pair();
            Ok(Handshake::new(socket, None, Default::default()))
        }
    }

    let runtime = ManualRuntime::new();
    let (client, _events) = Client::builder(URL)
        .subprotocol(Subprotocol::Json)
        .runtime(runtime.shared())
        .websocket_connector(SharedWebSocketConnector::new(Deaf))
        .build()
        .unwrap();
    let mut start = Box::pin(async move { client.start().await });
    match runtime.poll(&mut start) {
        Poll::Ready(result) => assert_eq!(result.unwrap_err().kind(), ErrorKind::Protocol),
        Poll::Pending => panic!("the start hangs"),
    }
}
