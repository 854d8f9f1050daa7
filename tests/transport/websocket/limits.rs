//! Messages over the limit: the peer receives close code 1009, the owner an error.

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::net::UpgradeOptions;
use transport::{ErrorKind, HandshakeRequest, Limits, Message};

use super::peer::Peer;
use super::{Acceptor, assert_kind, next, next_error, spawn, within};

fn acceptor(max_message: usize) -> Acceptor {
    let limits = Limits::default().with_max_message(max_message);
    Acceptor::start(UpgradeOptions::default().with_limits(limits))
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_before_it_arrives() {
    let mut acceptor = acceptor(1_000);
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    peer.write_frame(0x82, &[1; 1_000]).await;
    assert_eq!(next(&mut server).await.payload_len(), 1_000);
    // Only the header of the next frame.
    peer.write(&[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0]).await;
    let error = next_error(&mut server).await;
    assert_kind(&error, ErrorKind::TooLarge);
    let text = error.to_string();
    assert!(text.contains("1001") && text.contains("1000"), "{text}");
    assert_eq!(peer.read_close().await, 1009);
}

#[tokio::test]
async fn a_sum_of_fragments_over_the_limit_is_refused() {
    let mut acceptor = acceptor(1_000);
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    // Three fragments exactly up to the limit, then one more byte.
    peer.write_frame(0x01, &[b'a'; 500]).await;
    peer.write_frame(0x00, &[b'b'; 499]).await;
    peer.write_frame(0x80, b"c").await;
    assert_eq!(next(&mut server).await.payload_len(), 1_000);
    peer.write_frame(0x01, &[b'a'; 500]).await;
    peer.write_frame(0x00, &[b'b'; 500]).await;
    peer.write_frame(0x80, b"c").await;
    let error = next_error(&mut server).await;
    assert_kind(&error, ErrorKind::TooLarge);
    let text = error.to_string();
    assert!(text.contains("1001") && text.contains("1000"), "{text}");
    assert_eq!(peer.read_close().await, 1009);
    // Closing ends once the peer has answered.
    let (closed, ()) = within(async {
        tokio::join!(server.close(), async {
            peer.write_frame(0x88, &1009_u16.to_be_bytes()).await;
            peer.io.shutdown().await.unwrap();
        })
    })
    .await;
    closed.unwrap();
    assert!(
        peer.read_to_end().await.is_empty(),
        "one close frame is enough"
    );
}

#[tokio::test]
async fn control_frames_are_not_messages() {
    let mut acceptor = acceptor(10);
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    peer.write_frame(0x89, &[1; 125]).await;
    assert_eq!(next(&mut server).await.payload_len(), 125);
    peer.write_frame(0x82, &[1; 11]).await;
    assert_kind(&next_error(&mut server).await, ErrorKind::TooLarge);
    assert_eq!(peer.read_frame().await.0, 0x8a);
    assert_eq!(peer.read_close().await, 1009);
}

/// The close frame reaches a peer that is still busy sending the rest.
#[tokio::test]
async fn a_large_sender_sees_the_close_frame() {
    let mut acceptor = acceptor(100_000);
    let request = HandshakeRequest::new(acceptor.uri("/"));
    let (mut client, mut server) = acceptor.pair(request).await;
    let send = spawn(async move {
        // Writing fails once the server is gone; what it sent before is still to be read.
        let _ = client.send(Message::binary(vec![0; 20_000_000])).await;
        client
    });
    assert_kind(&next_error(&mut server).await, ErrorKind::TooLarge);
    let close = spawn(async move { server.close().await });
    let mut client = within(send).await.unwrap();
    let Message::Close(Some(frame)) = next(&mut client).await else {
        panic!("expected a close frame with the reason");
    };
    assert_eq!(frame.code.as_u16(), 1009);
    within(client.close()).await.unwrap();
    drop(client);
    within(close).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_sink_waits_while_too_much_is_queued() {
    let limits = Limits::default().with_max_pending_write(10_000);
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap()).with_limits(limits);
    let (mut peer, mut client) = Peer::server(request, 100).await;
    // Nothing is read: a pipe of 100 bytes, what the socket may queue, and the message that exceeds it.
    let mut fed = 0;
    while client
        .feed(Message::binary(vec![0; 1_000]))
        .now_or_never()
        .is_some()
    {
        fed += 1;
        assert!(fed < 100, "the sink must not take everything");
    }
    assert!((10..=12).contains(&fed), "{fed}");
    // The peer reads, and it continues.
    let (flushed, ()) = within(async {
        tokio::join!(client.flush(), async {
            for _ in 0..fed {
                assert_eq!(peer.read_frame().await.1.len(), 1_000);
            }
        })
    })
    .await;
    flushed.unwrap();
    within(client.feed(Message::text("on"))).await.unwrap();
}

/// A peer that pings and does not read the pongs.
#[tokio::test]
async fn pongs_do_not_pile_up() {
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
    let (mut peer, mut client) = Peer::server(request, 1_000).await;
    let pings = 20_000_usize;
    let (mut reader, mut writer) = tokio::io::split(&mut peer.io);
    let ping = super::peer::frame(0x89, None, &[0; 125]);
    let mut sent = 0;
    let mut received = 0;
    let flood = async {
        for _ in 0..pings {
            writer.write_all(&ping).await.unwrap();
            sent += 1;
        }
    };
    let mut flood = std::pin::pin!(flood.fuse());
    let quiet = within(async {
        // Everything that can be done while the pongs are not read.
        for _ in 0..pings {
            let _ = flood.as_mut().now_or_never();
            if let Some(Some(message)) = client.next().now_or_never() {
                message.unwrap();
                received += 1;
            }
            tokio::task::yield_now().await;
        }
        received
    })
    .await;
    assert!(
        (500..700).contains(&quiet),
        "64 KiB of pongs, then the reader waits: {quiet}"
    );
    // Once they are read, everything continues.
    within(async {
        let drain = async {
            let mut pong = [0; 131];
            loop {
                reader.read_exact(&mut pong).await.unwrap();
            }
        };
        let mut drain = std::pin::pin!(drain);
        while received < pings {
            let _ = drain.as_mut().now_or_never();
            let _ = flood.as_mut().now_or_never();
            if let Some(message) = client.next().now_or_never() {
                message.unwrap().unwrap();
                received += 1;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A writer and a reader in two tasks that wait for the same full connection:
/// both must be woken when it has room.
#[tokio::test]
async fn pongs_and_messages_share_a_full_connection() {
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
    let (peer, client) = Peer::server(request, 1_000).await;
    let (mut sink, mut stream) = client.split();
    let send = spawn(async move {
        sink.send(Message::binary(vec![1; 300_000])).await.unwrap();
        sink
    });
    let pings = 2_000;
    let receive = spawn(async move {
        for _ in 0..pings {
            assert!(matches!(stream.next().await, Some(Ok(Message::Ping(_)))));
        }
        stream
    });
    let (mut from, mut to) = tokio::io::split(peer.io);
    let flood = spawn(async move {
        let ping = super::peer::frame(0x89, None, &[0; 125]);
        for _ in 0..pings {
            to.write_all(&ping).await.unwrap();
        }
        to
    });
    // Nothing is read until nothing moves any more.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(!send.is_finished() && !receive.is_finished() && !flood.is_finished());
    let drain = spawn(async move {
        let mut bytes = vec![0; 4_096];
        let mut count = 0;
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            count += read;
        }
        count
    });
    let to = within(flood).await.unwrap();
    let (mut sink, stream) = within(async { (send.await.unwrap(), receive.await.unwrap()) }).await;
    within(sink.flush()).await.unwrap();
    drop((sink, stream, to));
    let all = pings * (6 + 125) + 14 + 300_000;
    assert_eq!(within(drain).await.unwrap(), all);
}
