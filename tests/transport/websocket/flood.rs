//! Both sides send as much as they can and read at the same time: this must end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use futures::{Sink, Stream};
use transport::net::UpgradeOptions;
use transport::{HandshakeRequest, Message, WebSocket};

use super::{Acceptor, pair, spawn, within};

const MESSAGES: usize = 60_000;
const SIZE: usize = 1024;

/// Sends and receives the given number of messages in one loop that polls both
/// directions each time it wakes; returns the sum of the numbers received.
async fn flood(mut socket: Box<dyn WebSocket>, messages: usize) -> u64 {
    let payload = |number: usize| {
        let mut bytes = vec![0; SIZE];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Message::Binary(Bytes::from(bytes))
    };
    let (mut sent, mut received, mut sum) = (0, 0, 0_u64);
    poll_fn(|cx| {
        loop {
            let mut moved = false;
            while sent < messages
                && let Poll::Ready(ready) = Pin::new(&mut socket).poll_ready(cx)
            {
                ready.unwrap();
                Pin::new(&mut socket).start_send(payload(sent)).unwrap();
                sent += 1;
                moved = true;
                if sent % 64 == 0 {
                    break;
                }
            }
            let flushed = Pin::new(&mut socket)
                .poll_flush(cx)
                .map(Result::unwrap)
                .is_ready();
            while received < messages
                && let Poll::Ready(message) = Pin::new(&mut socket).poll_next(cx)
            {
                let Some(Ok(Message::Binary(bytes))) = message else {
                    panic!("{message:?} after {received} messages");
                };
                assert_eq!(bytes.len(), SIZE);
                let number = u64::from_be_bytes(bytes[..8].try_into().unwrap());
                assert_eq!(number, received as u64, "in order");
                sum += number;
                received += 1;
                moved = true;
                if received % 64 == 0 {
                    break;
                }
            }
            if flushed && sent == messages && received == messages {
                return Poll::Ready(sum);
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await
}

pub(super) async fn flood_both(
    client: Box<dyn WebSocket>,
    server: Box<dyn WebSocket>,
    messages: usize,
) {
    let expected = (messages as u64 - 1) * messages as u64 / 2;
    let (left, right) = (
        spawn(flood(client, messages)),
        spawn(flood(server, messages)),
    );
    assert_eq!(within(left).await.unwrap(), expected);
    assert_eq!(within(right).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_thousand_messages_each_way_end() {
    let (client, server, _acceptor) = pair().await;
    flood_both(client, server, MESSAGES).await;
}

/// The same on one thread, where each side runs only while the other waits.
#[tokio::test]
async fn sixty_thousand_messages_each_way_end_on_one_thread() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default().with_half_close(true));
    let request = HandshakeRequest::new(acceptor.uri("/")).with_half_close(true);
    let (client, server) = acceptor.pair(request).await;
    flood_both(client, server, MESSAGES).await;
}
