//! The closing handshake, and connections that end without one.

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use transport::net::UpgradeOptions;
use transport::{CloseCode, CloseFrame, ErrorKind, Message};

use super::peer::Peer;
use super::{Acceptor, assert_kind, next_error, within};

#[tokio::test]
async fn close_says_1000_discards_what_comes_and_ends_the_connection() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    let close = super::spawn(async move { server.close().await });
    peer.write_frame(0x81, b"too late").await;
    assert_eq!(peer.read_close().await, 1000);
    peer.write_frame(0x81, b"much too late").await;
    peer.write_frame(0x88, &1000_u16.to_be_bytes()).await;
    within(close).await.unwrap().unwrap();
    assert!(peer.read_to_end().await.is_empty());
}

#[tokio::test]
async fn an_end_without_a_close_frame_is_an_error() {
    // Between frames and within one.
    for begun in [&[][..], &[0x81], &[0x82, 0x84, 1, 2, 3, 4, 5]] {
        let mut acceptor = Acceptor::start(UpgradeOptions::default());
        let (mut peer, mut server) = Peer::client(&mut acceptor).await;
        peer.write(begun).await;
        peer.io.shutdown().await.unwrap();
        let error = next_error(&mut server).await;
        assert_kind(&error, ErrorKind::Closed);
        assert!(error.is_retryable() && error.is_closed());
        within(server.close()).await.unwrap();
    }
}

/// With a peer that never answers the close frame.
#[tokio::test]
async fn closing_can_be_given_up() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    let mut closing = server.close();
    assert!((&mut closing).now_or_never().is_none());
    assert_eq!(peer.read_close().await, 1000);
    assert!(
        (&mut closing).now_or_never().is_none(),
        "the peer has not answered"
    );
    drop(closing);
    drop(server);
    assert!(peer.read_to_end().await.is_empty());
}

/// The peer states why it closes and ends immediately, while we are busy sending: the
/// failing writes must not hide the reason.
#[tokio::test]
async fn a_failed_write_does_not_hide_the_peers_close_frame() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let (mut peer, mut server) = Peer::client(&mut acceptor).await;
    peer.write_frame(0x81, b"one").await;
    peer.write_frame(0x88, b"\x03\xf0bad token").await;
    drop(peer);
    let mut failed = None;
    for _ in 0..10_000 {
        if let Err(error) = within(server.send(Message::binary(vec![0; 10_000]))).await {
            failed = Some(error);
            break;
        }
    }
    let error = failed.expect("the peer is gone");
    assert_kind(&error, ErrorKind::Closed);
    let mut reasons = Vec::new();
    while let Some(Ok(message)) = within(server.next()).await {
        reasons.push(message);
    }
    // A reset may discard what had not been read; the rest must be in order.
    let expected = [
        Message::text("one"),
        Message::Close(Some(CloseFrame::new(
            CloseCode::POLICY_VIOLATION,
            "bad token",
        ))),
    ];
    assert!(expected.starts_with(&reasons), "{reasons:?}");
}
