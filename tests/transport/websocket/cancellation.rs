//! Futures dropped at every point: nothing is lost, nothing remains.

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::net::open_websocket;
use transport::{HandshakeRequest, Message, SharedRuntime};

use super::peer::{Peer, frame, switching};
use super::{spawn, within};

fn request() -> HandshakeRequest {
    HandshakeRequest::new("ws://localhost/".parse().unwrap())
}

#[tokio::test]
async fn a_dropped_next_loses_nothing() {
    for half_close in [false, true] {
        let (mut peer, mut client) = Peer::server(request().with_half_close(half_close), 8).await;
        let mut bytes = Vec::new();
        for number in 0..50_u8 {
            // Whole messages, fragments with a ping between them, and long ones.
            bytes.extend(frame(0x82, None, &[number; 3]));
            bytes.extend(frame(0x01, None, b"frag"));
            bytes.extend(frame(0x89, None, b""));
            bytes.extend(frame(0x80, None, "mented ä".as_bytes()));
            bytes.extend(frame(0x82, None, &[number; 130]));
        }
        bytes.extend(frame(0x88, None, b"\x03\xe8"));
        let trickle = spawn(async move {
            for byte in bytes {
                peer.write(&[byte]).await;
                tokio::task::yield_now().await;
            }
            // The pongs need a destination.
            let mut pongs = vec![0; 50 * 6];
            peer.io.read_exact(&mut pongs).await.unwrap();
        });
        let mut received = Vec::new();
        let mut dropped = 0;
        within(async {
            loop {
                // Polled once, then dropped.
                match client.next().now_or_never() {
                    Some(Some(message)) => received.push(message.unwrap()),
                    Some(None) => break,
                    None => {
                        dropped += 1;
                        tokio::task::yield_now().await;
                    }
                }
            }
        })
        .await;
        assert!(dropped > 5_000, "{dropped}");
        assert_eq!(received.len(), 50 * 4 + 1);
        for (number, messages) in received.chunks(4).take(50).enumerate() {
            let number = number as u8;
            assert_eq!(messages[0], Message::binary(vec![number; 3]));
            assert_eq!(messages[1], Message::Ping(bytes::Bytes::new()));
            assert_eq!(messages[2], Message::text("fragmented ä"));
            assert_eq!(messages[3], Message::binary(vec![number; 130]));
        }
        assert!(matches!(received[200], Message::Close(Some(_))));
        drop(client);
        trickle.abort();
    }
}

#[tokio::test]
async fn a_dropped_send_leaves_the_frames_whole() {
    let (mut peer, mut client) = Peer::server(request(), 8).await;
    // Each send is polled once and dropped: some messages are queued, none is truncated.
    let mut queued = 0;
    for number in 0..20_u8 {
        let _ = client
            .send(Message::binary(vec![number; 20_000]))
            .now_or_never();
        queued += 1;
    }
    let flush = spawn(async move {
        client.send(Message::text("the end")).await.unwrap();
        client
    });
    let mut last = None;
    let mut count = 0;
    loop {
        let (first, payload) = peer.read_frame().await;
        if first == 0x81 {
            assert_eq!(payload, b"the end");
            break;
        }
        assert_eq!((first, payload.len()), (0x82, 20_000));
        assert!(payload.iter().all(|byte| *byte == payload[0]));
        assert!(last < Some(payload[0]), "in order, each at most once");
        last = Some(payload[0]);
        count += 1;
    }
    assert!((1..=queued).contains(&count), "{count}");
    within(flush).await.unwrap();
}

/// The handshake is abandoned after each possible number of polls.
#[tokio::test]
async fn a_dropped_opening_drops_the_connection() {
    let mut polls = 0;
    loop {
        let (theirs, mut ours) = tokio::io::duplex(16);
        let peer = spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match ours.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let head = String::from_utf8(head).unwrap();
            let key = super::peer::header(&head, "sec-websocket-key").unwrap();
            for byte in switching(key, "") {
                if ours.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
            let mut rest = Vec::new();
            ours.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty());
        });
        let runtime = SharedRuntime::default();
        let mut open = Box::pin(open_websocket(theirs, request(), &runtime));
        let mut opened = false;
        for _ in 0..polls {
            if let Some(outcome) = open.as_mut().now_or_never() {
                outcome.unwrap();
                opened = true;
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(open);
        // The peer sees the end in any case.
        within(peer).await.unwrap();
        if opened {
            break;
        }
        polls += 1;
        assert!(polls < 10_000, "the opening must end");
    }
    assert!(polls > 10, "{polls}");
}
