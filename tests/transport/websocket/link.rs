//! The connection between two sockets in memory: cut, stalled, full.

use futures::{FutureExt, SinkExt, StreamExt};
use transport::testing::{SocketPair, SocketPairOptions, socket_pair};
use transport::{ErrorKind, Limits, Message};

use super::{assert_end, assert_kind, next, next_error, spawn, within};

#[tokio::test]
async fn nothing_arrives_before_a_flush() {
    let (mut left, mut right) = socket_pair();
    left.feed(Message::text("one")).await.unwrap();
    assert!(right.next().now_or_never().is_none());
    left.flush().await.unwrap();
    assert_eq!(next(&mut right).await, Message::text("one"));
}

#[tokio::test]
async fn a_cut_connection_fails_on_both_sides() {
    let SocketPair {
        mut left,
        mut right,
        link,
        ..
    } = SocketPair::open(SocketPairOptions::default());
    left.send(Message::text("lost")).await.unwrap();
    let waiting = spawn(async move { (next_error(&mut left).await, left) });
    link.cut();
    assert_kind(&next_error(&mut right).await, ErrorKind::Closed);
    let (error, mut left) = within(waiting).await.unwrap();
    assert_kind(&error, ErrorKind::Closed);
    assert_kind(
        &left.send(Message::text("late")).await.unwrap_err(),
        ErrorKind::Closed,
    );
    assert_end(&mut right).await;
}

#[tokio::test]
async fn a_stalled_connection_delivers_later() {
    let SocketPair {
        mut left,
        mut right,
        link,
        ..
    } = SocketPair::open(SocketPairOptions::default());
    link.stall();
    left.send(Message::text("late")).await.unwrap();
    let waiting = spawn(async move { next(&mut right).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    link.resume();
    assert_eq!(within(waiting).await.unwrap(), Message::text("late"));
}

#[tokio::test]
async fn a_full_connection_makes_the_sender_wait() {
    let limits = Limits::default().with_max_pending_write(1_000);
    let options = SocketPairOptions::default()
        .with_capacity(1_000)
        .with_limits(limits);
    let SocketPair {
        mut left,
        mut right,
        ..
    } = SocketPair::open(options);
    let mut sent = 0;
    while left
        .feed(Message::binary(vec![0; 100]))
        .now_or_never()
        .is_some()
    {
        sent += 1;
        assert!(sent < 100, "the sink must not take everything");
    }
    assert!((18..=20).contains(&sent), "{sent}");
    let flush = spawn(async move {
        left.flush().await.unwrap();
        left
    });
    for _ in 0..sent {
        assert_eq!(next(&mut right).await.payload_len(), 100);
    }
    within(flush).await.unwrap();
}

#[tokio::test]
async fn a_message_over_the_limit_is_an_error_and_a_close_frame() {
    let limits = Limits::default().with_max_message(10);
    let SocketPair {
        mut left,
        mut right,
        ..
    } = SocketPair::open(SocketPairOptions::default().with_limits(limits));
    left.send(Message::binary(vec![0; 10])).await.unwrap();
    left.send(Message::binary(vec![0; 11])).await.unwrap();
    assert_eq!(next(&mut right).await.payload_len(), 10);
    assert_kind(&next_error(&mut right).await, ErrorKind::TooLarge);
    let Message::Close(Some(frame)) = next(&mut left).await else {
        panic!("expected a close frame with the reason");
    };
    assert_eq!(frame.code.as_u16(), 1009);
    let (one, other) = within(async { tokio::join!(left.close(), right.close()) }).await;
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn the_halves_work_in_two_tasks() {
    let (left, right) = socket_pair();
    let (mut sink, mut stream) = left.split();
    let (echo_sink, echo_stream) = right.split();
    let echo = spawn(echo_stream.take(1_000).forward(echo_sink));
    let send = spawn(async move {
        for number in 0..1_000_u32 {
            sink.send(Message::text(number.to_string())).await.unwrap();
        }
        sink
    });
    for number in 0..1_000_u32 {
        let message = within(stream.next()).await.unwrap().unwrap();
        assert_eq!(message, Message::text(number.to_string()));
    }
    let sink = within(send).await.unwrap();
    let mut left = sink.reunite(stream).unwrap();
    assert!(matches!(next(&mut left).await, Message::Close(_)));
    within(echo).await.unwrap().unwrap();
}
