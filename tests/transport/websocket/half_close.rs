//! A close frame that ends one direction only, as Azure Relay relays it.

use futures::SinkExt;
use transport::net::UpgradeOptions;
use transport::{CloseCode, CloseFrame, ErrorKind, HandshakeRequest, Message};

use super::peer::Peer;
use super::{Acceptor, assert_end, assert_kind, next, next_error, within};

/// A peer that follows RFC 6455 answers immediately; both have then closed.
#[tokio::test]
async fn an_ordinary_peer_closes_both_directions() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let request = HandshakeRequest::new(acceptor.uri("/")).with_half_close(true);
    let (mut client, mut server) = acceptor.pair(request).await;
    client.send(Message::Close(None)).await.unwrap();
    assert_eq!(next(&mut server).await, Message::Close(None));
    assert_eq!(next(&mut client).await, Message::Close(None));
    // The client's close waits for the end of the connection, which the server's brings.
    let (one, other) = within(async { tokio::join!(client.close(), server.close()) }).await;
    one.unwrap();
    other.unwrap();
}

/// Frames of every length before the close frame, in pieces of every size.
#[tokio::test]
async fn finds_the_close_frame_wherever_the_bytes_are_cut() {
    let frames: &[(u8, usize)] = &[
        (0x82, 0),
        (0x01, 3),
        (0x89, 125),
        (0x80, 126),
        (0x82, 200),
        (0x82, 65_536),
        (0x8a, 0),
        (0x81, 2),
    ];
    let mut bytes = Vec::new();
    for (first, len) in frames {
        // Payloads full of bytes that look like the beginning of a close frame.
        let fill = if matches!(first, 0x01 | 0x80 | 0x81) {
            b'\x08'
        } else {
            0x88
        };
        bytes.extend(super::peer::frame(*first, None, &vec![fill; *len]));
    }
    bytes.extend(super::peer::frame(0x88, None, b"\x03\xe8bye"));
    bytes.extend(b"what follows is discarded \x88\x00");
    for piece in [1, 2, 3, 7, 64, 100, 4_096, bytes.len()] {
        let request =
            HandshakeRequest::new("ws://localhost/".parse().unwrap()).with_half_close(true);
        let (mut peer, mut client) = Peer::server(request, 1 << 20).await;
        let pieces: Vec<Vec<u8>> = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
        let write = super::spawn(async move {
            for piece in pieces {
                peer.write(&piece).await;
                tokio::task::yield_now().await;
            }
            peer
        });
        let mut lengths = Vec::new();
        loop {
            match next(&mut client).await {
                Message::Close(frame) => {
                    assert_eq!(frame, Some(CloseFrame::new(CloseCode::NORMAL, "bye")));
                    break;
                }
                message => lengths.push(message.payload_len()),
            }
        }
        assert_eq!(
            lengths,
            [0, 125, 129, 200, 65_536, 0, 2],
            "in pieces of {piece}"
        );
        assert_end(&mut client).await;
        client.send(Message::text("still here")).await.unwrap();
        let mut peer = within(write).await.unwrap();
        // The pong to the ping came first.
        assert_eq!(peer.read_frame().await.0, 0x8a);
        assert_eq!(peer.read_frame().await, (0x81, b"still here".to_vec()));
    }
}

#[tokio::test]
async fn a_connection_that_ends_within_a_close_frame_is_an_error() {
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap()).with_half_close(true);
    let (mut peer, mut client) = Peer::server(request, 4096).await;
    peer.write(&[0x88, 0x05, 0x03]).await;
    drop(peer);
    assert_kind(&next_error(&mut client).await, ErrorKind::Closed);
}
