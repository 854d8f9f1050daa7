//! What a sender may say first, byte for byte, and how it is answered.

use std::time::Duration;

use azwire_tests::relay::link::World;
use azwire_tests::within;
use bytes::Bytes;
use forward::expression::{RemoteBinding, RemoteForward};
use forward::metrics::FailureReason;
use forward::{AllowList, ForwardOptions, RemoteForwarder};
use relay::RelayStream;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use transport::{CloseCode, Message};

use crate::fixture::{closed_port, errors, host_port, remote_to};

async fn send(relay: &mut RelayStream, pieces: &[&[u8]]) {
    for piece in pieces {
        let piece = Bytes::copy_from_slice(piece);
        relay.send(Message::Binary(piece)).await.unwrap();
    }
}

async fn text(relay: &mut RelayStream, text: &str) -> String {
    relay.send(Message::text(text)).await.unwrap();
    match relay.receive().await.unwrap() {
        Some(Message::Text(text)) => text.as_str().to_owned(),
        other => panic!("expected an answer in text, not {other:?}"),
    }
}

/// Reads to the end, and returns all bytes with the code of the close frame.
async fn rest(relay: &mut RelayStream) -> (Vec<u8>, Option<CloseCode>) {
    let mut bytes = Vec::new();
    loop {
        match relay.receive().await.unwrap() {
            Some(Message::Binary(more)) => bytes.extend_from_slice(&more),
            Some(Message::Close(_)) => {}
            Some(other) => panic!("expected bytes, not {other:?}"),
            None => return (bytes, relay.close_frame().map(|frame| frame.code)),
        }
    }
}

#[tokio::test]
async fn azbridges_sender_is_answered_in_three_bytes_at_any_split() {
    within(async {
        let world = World::start().await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = host_port(target.local_addr().unwrap());
        let _remote = remote_to(&world, &address).open().await.unwrap();
        let splits: [&[&[u8]]; 4] = [
            // As azbridge writes it, data in a message of its own.
            &[b"\x01\x00\x00\x04", b"port", b"data"],
            &[b"\x01\x00\x00\x04portdata"],
            &[
                b"\x01", b"\x00", b"\x00", b"\x04", b"p", b"o", b"r", b"tda", b"ta",
            ],
            // The quirk: one target is found by any number.
            &[b"\x01\x00\x00\x052987", b"6data"],
        ];
        for pieces in splits {
            let mut relay = world.sender().connect().await.unwrap();
            send(&mut relay, pieces).await;
            let (mut server, _) = target.accept().await.unwrap();
            let mut data = [0; 4];
            server.read_exact(&mut data).await.unwrap();
            assert_eq!(&data, b"data");
            drop(server);
            assert_eq!(
                rest(&mut relay).await,
                (b"\x01\x00\x00".to_vec(), Some(CloseCode::NORMAL))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_azbridges_sender_cannot_have_is_refused_in_its_words() {
    within(async {
        let world = World::start().await;
        let forward: RemoteForward = "hc1:tcp/localhost:9;udp/localhost:9U".parse().unwrap();
        let remote = RemoteForwarder::builder(world.listener())
            .targets(forward.bindings())
            .open()
            .await
            .unwrap();
        for (greeting, answer, code, reason) in [
            // Another version, another mode.
            (
                &b"\x02\x00\x00\x03tcp"[..],
                &b"\0\0\0"[..],
                1008,
                FailureReason::Greeting,
            ),
            (b"\x01\x00\x07", b"\0\0\0", 1008, FailureReason::Greeting),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                b"\0\0\0",
                1008,
                FailureReason::Greeting,
            ),
            // The other mode.
            (
                b"\x01\x00\x00\x03udp",
                b"\0\0\x01",
                1008,
                FailureReason::WrongMode,
            ),
            (
                b"\x01\x00\x01\x03tcp",
                b"\0\0\xff",
                1008,
                FailureReason::WrongMode,
            ),
            // No such name: the end is the only word for it. With two targets a number is a name like others.
            (
                b"\x01\x00\x00\x04port",
                b"",
                1000,
                FailureReason::UnknownPortName,
            ),
            (
                b"\x01\x00\x00\x0222",
                b"",
                1000,
                FailureReason::UnknownPortName,
            ),
            (
                b"\x01\x00\x00\x00",
                b"",
                1000,
                FailureReason::UnknownPortName,
            ),
            (
                b"\x01\x00\x00\x02\xff\xff",
                b"",
                1008,
                FailureReason::Greeting,
            ),
        ] {
            let before = errors(remote.metrics(), reason);
            let mut relay = world.sender().connect().await.unwrap();
            send(&mut relay, &[greeting]).await;
            let code = CloseCode::new(code);
            assert_eq!(
                rest(&mut relay).await,
                (answer.to_vec(), code),
                "{greeting:?}"
            );
            let after = errors(remote.metrics(), reason);
            assert_eq!(after, before + 1, "{greeting:?} {reason}");
        }
    })
    .await;
}

#[tokio::test]
async fn aztunnels_sender_is_told_after_the_dial() {
    within(async {
        let world = World::start().await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = host_port(target.local_addr().unwrap());
        let (_held, closed) = closed_port();
        let rules: AllowList = format!("{address},{closed}").parse().unwrap();
        let remote = RemoteForwarder::builder(world.listener()).allow(rules);
        let remote = remote.open().await.unwrap();
        let ask = |target: &str| format!(r#"{{"version":1,"target":"{target}"}}"#);
        for (request, answer, reason) in [
            (
                ask(&closed.to_string()),
                r#"{"version":1,"ok":false,"error":"connection failed","code":"connection_refused"}"#,
                FailureReason::ConnectionRefused,
            ),
            (
                ask("127.0.0.1:1"),
                r#"{"version":1,"ok":false,"error":"target not allowed"}"#,
                FailureReason::NotAllowed,
            ),
            (
                ask("secret.internal:22"),
                r#"{"version":1,"ok":false,"error":"target not allowed"}"#,
                FailureReason::NotAllowed,
            ),
            (
                r#"{"version":2,"target":"h:1"}"#.to_owned(),
                r#"{"version":1,"ok":false,"error":"unsupported protocol version"}"#,
                FailureReason::Greeting,
            ),
            (
                "{}{".to_owned(),
                r#"{"version":1,"ok":false,"error":"unsupported protocol version"}"#,
                FailureReason::Greeting,
            ),
            (
                format!("{{\"metadata\":\"{}", "x".repeat(40_000)),
                r#"{"version":1,"ok":false,"error":"invalid envelope"}"#,
                FailureReason::Greeting,
            ),
        ] {
            let before = errors(remote.metrics(), reason);
            let mut relay = world.sender().connect().await.unwrap();
            assert_eq!(text(&mut relay, &request).await, answer, "{request}");
            let (bytes, _) = rest(&mut relay).await;
            assert!(bytes.is_empty());
            assert_eq!(errors(remote.metrics(), reason), before + 1, "{request}");
        }
        // Targets that are not allowed leave no trace that a sender could make grow.
        let snapshot = remote.metrics().snapshot();
        assert_eq!(snapshot.targets.len(), 1);
        let mut relay = world.sender().connect().await.unwrap();
        let answer = text(&mut relay, &ask(&address.to_string())).await;
        assert_eq!(answer, r#"{"version":1,"ok":true}"#);
        let (mut server, _) = target.accept().await.unwrap();
        send(&mut relay, &[b"data"]).await;
        let mut data = [0; 4];
        server.read_exact(&mut data).await.unwrap();
        assert_eq!(&data, b"data");
    })
    .await;
}

#[tokio::test]
async fn half_a_greeting_and_silence_ends_in_time() {
    within(async {
        let world = World::start().await;
        let options = ForwardOptions::default().with_greeting_timeout(Duration::from_millis(150));
        let (_held, target) = closed_port();
        let target = RemoteBinding::tcp(target);
        let remote = RemoteForwarder::builder(world.listener()).target(target);
        let remote = remote.options(options).open().await.unwrap();
        let halves: [&[&[u8]]; 4] = [
            &[],
            &[b"\x01"],
            &[b"\x01\x00\x00\xff", b"half a name"],
            &[b"{\"version\":1,"],
        ];
        for (at, pieces) in halves.into_iter().enumerate() {
            let mut relay = world.sender().connect().await.unwrap();
            send(&mut relay, pieces).await;
            assert_eq!(rest(&mut relay).await, (Vec::new(), CloseCode::new(1008)));
            drop(relay);
            let late = errors(remote.metrics(), FailureReason::GreetingTimeout);
            assert_eq!(late, at as u64 + 1);
        }
    })
    .await;
}
