//! Peers that violate the protocol, and the close codes that they receive.

use futures::SinkExt;
use transport::net::UpgradeOptions;
use transport::{ErrorKind, HandshakeRequest};

use super::peer::{Peer, frame};
use super::{Acceptor, assert_kind, next_error, within};

/// Bytes of a client, and the resulting close code.
fn client_violations() -> Vec<(&'static str, Vec<u8>, u16)> {
    let mask = Some(super::peer::MASK);
    let two = |first: (u8, &[u8]), second: (u8, &[u8])| {
        let mut bytes = frame(first.0, mask, first.1);
        bytes.extend(frame(second.0, mask, second.1));
        bytes
    };
    vec![
        // RFC 6455 §5.1.
        ("unmasked", frame(0x81, None, b"Hello"), 1002),
        // RFC 6455 §5.2.
        ("reserved opcode 3", frame(0x83, mask, b""), 1002),
        ("reserved opcode 11", frame(0x8b, mask, b""), 1002),
        ("reserved bit 1", frame(0xc1, mask, b"x"), 1002),
        ("reserved bit 3", frame(0x91, mask, b"x"), 1002),
        (
            "length not minimal",
            vec![0x82, 0xfe, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5],
            1002,
        ),
        // RFC 6455 §5.4.
        ("continuation of nothing", frame(0x80, mask, b"x"), 1002),
        (
            "two messages at once",
            two((0x01, b"x"), (0x81, b"y")),
            1002,
        ),
        // RFC 6455 §5.5.
        ("fragmented ping", frame(0x09, mask, b"x"), 1002),
        ("long ping", frame(0x89, mask, &[0; 126]), 1002),
        ("half a close code", frame(0x88, mask, &[3]), 1002),
        (
            "reserved close code",
            frame(0x88, mask, &1005_u16.to_be_bytes()),
            1002,
        ),
        (
            "unknown close code",
            frame(0x88, mask, &2999_u16.to_be_bytes()),
            1002,
        ),
        (
            "close reason not UTF-8",
            frame(0x88, mask, &[0x03, 0xe8, 0xff]),
            1007,
        ),
        // RFC 6455 §8.1.
        ("text not UTF-8", frame(0x81, mask, b"ab\xc3\x28"), 1007),
        (
            "text ends within a character",
            frame(0x81, mask, b"ab\xe2\x82"),
            1007,
        ),
        ("surrogate", frame(0x81, mask, b"\xed\xa0\x80"), 1007),
        (
            "bad UTF-8 over two fragments",
            two((0x01, b"ab\xe2"), (0x80, b"\x28\xa1")),
            1007,
        ),
        (
            "bad UTF-8 in the first fragment",
            frame(0x01, mask, b"\xc0\xaf"),
            1007,
        ),
    ]
}

#[tokio::test]
async fn a_client_sees_why_the_server_ends_it() {
    for half_close in [false, true] {
        let options = UpgradeOptions::default().with_half_close(half_close);
        let mut acceptor = Acceptor::start(options);
        for (name, bytes, code) in client_violations() {
            let (mut peer, mut server) = Peer::client(&mut acceptor).await;
            peer.write(&bytes).await;
            let error = next_error(&mut server).await;
            assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error:?}");
            assert!(!error.is_retryable());
            assert_eq!(peer.read_close().await, code, "{name}");
            // The peer goes too: closing ends.
            let (closed, rest) = within(async {
                tokio::join!(server.close(), async {
                    let rest = peer.read_to_end().await;
                    drop(peer);
                    rest
                })
            })
            .await;
            closed.unwrap();
            assert!(rest.is_empty(), "{name}: one close frame is enough");
        }
    }
}

#[tokio::test]
async fn a_server_sees_why_the_client_ends_it() {
    for half_close in [false, true] {
        let wrong: [(&str, Vec<u8>, u16); 4] = [
            ("masked", frame(0x81, Some([1, 2, 3, 4]), b"Hello"), 1002),
            ("masked close", frame(0x88, Some([1, 2, 3, 4]), b""), 1002),
            ("reserved opcode", frame(0x87, None, b""), 1002),
            ("text not UTF-8", frame(0x81, None, b"\xff"), 1007),
        ];
        for (name, bytes, code) in wrong {
            let request = HandshakeRequest::new("ws://localhost/".parse().unwrap())
                .with_half_close(half_close);
            let (mut peer, mut client) = Peer::server(request, 4096).await;
            peer.write(&bytes).await;
            let error = next_error(&mut client).await;
            assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error:?}");
            assert_eq!(peer.read_close().await, code, "{name}");
        }
    }
}

#[tokio::test]
async fn valid_text_may_be_split_anywhere() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    let text = "aä€😀";
    for at in 0..=text.len() {
        peer.write_frame(0x01, &text.as_bytes()[..at]).await;
        peer.write_frame(0x89, b"between").await;
        peer.write_frame(0x80, &text.as_bytes()[at..]).await;
        assert_eq!(
            super::next(&mut server).await,
            transport::Message::Ping("between".into())
        );
        assert_eq!(
            super::next(&mut server).await,
            transport::Message::text(text)
        );
    }
}

#[tokio::test]
async fn nothing_can_be_sent_after_a_violation() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    peer.write_frame(0x83, b"").await;
    next_error(&mut server).await;
    let error = within(server.send(transport::Message::text("late")))
        .await
        .unwrap_err();
    assert_kind(&error, ErrorKind::Closed);
    assert!(!error.may_be_delivered());
}
