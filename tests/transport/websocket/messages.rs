//! Messages of every kind and size, in both directions.

use futures::{SinkExt, StreamExt};
use transport::net::UpgradeOptions;
use transport::{HandshakeRequest, Limits, Message};

use super::{Acceptor, assert_end, next, pair, spawn, within};

#[tokio::test]
async fn echoes_messages_of_every_size() {
    let (mut client, mut server, _acceptor) = pair().await;
    spawn(async move {
        while let Some(Ok(message)) = server.next().await {
            if !matches!(message, Message::Close(_)) {
                server.send(message).await.unwrap();
            }
        }
    });
    for size in [0, 1, 125, 126, 127, 16 * 1024, 65_535, 65_536, 100_000] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        for message in [Message::binary(bytes), Message::text("ä".repeat(size / 2))] {
            within(client.send(message.clone())).await.unwrap();
            assert_eq!(next(&mut client).await, message, "{size}");
        }
    }
}

#[tokio::test]
async fn long_messages_leave_in_fragments_and_arrive_whole() {
    let limits = Limits::default().with_max_frame(20_000);
    let mut acceptor = Acceptor::start(UpgradeOptions::default().with_limits(limits));
    let request = HandshakeRequest::new(acceptor.uri("/")).with_limits(limits);
    let (mut client, mut server) = acceptor.pair(request).await;
    let message = Message::binary(vec![7; 5 * 1024 * 1024]);
    let sent = message.clone();
    let send = spawn(async move {
        client.send(sent).await.unwrap();
        client
    });
    assert_eq!(next(&mut server).await, message);
    let mut client = within(send).await.unwrap();
    // The other direction, and text whose fragments end within characters.
    let message = Message::text("€".repeat(30_001));
    let (sent, received) =
        within(async { tokio::join!(server.send(message.clone()), client.next()) }).await;
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap(), message);
}

#[tokio::test]
async fn the_halves_work_in_two_tasks() {
    let (client, server, _acceptor) = pair().await;
    let echo = spawn(async move {
        let (sink, stream) = server.split();
        stream.take(2_000).forward(sink).await.unwrap();
    });
    let (mut sink, mut stream) = client.split();
    let send = spawn(async move {
        for number in 0..2_000_u32 {
            sink.send(Message::binary(number.to_be_bytes().to_vec()))
                .await
                .unwrap();
        }
        sink
    });
    for number in 0..2_000_u32 {
        let message = within(stream.next()).await.unwrap().unwrap();
        assert_eq!(message, Message::binary(number.to_be_bytes().to_vec()));
    }
    let sink = within(send).await.unwrap();
    let mut client = sink.reunite(stream).unwrap();
    // `forward` closes the server's side when its stream ends.
    assert!(matches!(next(&mut client).await, Message::Close(_)));
    assert_end(&mut client).await;
    within(echo).await.unwrap();
}
