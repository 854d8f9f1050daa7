//! The contract of `WebSocket`, over plain TCP, over TLS and in memory.

use bytes::Bytes;
use futures::{FutureExt, SinkExt};
use transport::{CloseCode, CloseFrame, ErrorKind, Message};

use super::flood::flood_both;
use super::{Pair, assert_end, assert_kind, next, next_error, pairs, spawn, within};

#[tokio::test]
async fn messages_arrive_in_order_after_one_flush() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        for number in 0..500 {
            server
                .feed(Message::text(number.to_string()))
                .await
                .unwrap();
        }
        within(server.flush()).await.unwrap();
        for number in 0..500 {
            assert_eq!(next(&mut client).await, Message::text(number.to_string()));
        }
    }
}

#[tokio::test]
async fn pings_are_answered_and_handed_out() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        let ping = Bytes::from_static(b"are you there?");
        client.send(Message::Ping(ping.clone())).await.unwrap();
        assert_eq!(next(&mut server).await, Message::Ping(ping.clone()));
        // The answer is sent when the server continues to read or flushes.
        server.flush().await.unwrap();
        assert_eq!(next(&mut client).await, Message::Pong(ping));
        // An unsolicited pong is delivered too (RFC 6455 §5.5.3).
        server.send(Message::Pong(Bytes::new())).await.unwrap();
        assert_eq!(next(&mut client).await, Message::Pong(Bytes::new()));
    }
}

#[tokio::test]
async fn refuses_control_frames_that_are_too_long() {
    let mut close = CloseFrame::new(CloseCode::NORMAL, "");
    close.reason = "x".repeat(CloseFrame::MAX_REASON + 1);
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        for message in [
            Message::Ping(Bytes::from(vec![0; 126])),
            Message::Pong(Bytes::from(vec![0; 126])),
            Message::Close(Some(close.clone())),
        ] {
            for socket in [&mut client, &mut server] {
                let error = within(socket.send(message.clone())).await.unwrap_err();
                assert_kind(&error, ErrorKind::InvalidInput);
                assert!(!error.may_be_delivered());
            }
        }
        // Nothing of it was sent, and the longest one is allowed.
        let longest = Message::Ping(Bytes::from(vec![1; 125]));
        client.send(longest.clone()).await.unwrap();
        assert_eq!(next(&mut server).await, longest);
    }
}

#[tokio::test]
async fn a_close_frame_arrives_once_and_is_answered() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        let frame = CloseFrame::new(CloseCode::POLICY_VIOLATION, "the token has expired");
        server.send(Message::text("last")).await.unwrap();
        server
            .send(Message::Close(Some(frame.clone())))
            .await
            .unwrap();
        assert_eq!(next(&mut client).await, Message::text("last"));
        assert_eq!(next(&mut client).await, Message::Close(Some(frame)));
        assert_end(&mut client).await;
        assert_end(&mut client).await;
        // The answer has the code and no reason.
        let answer = CloseFrame::new(CloseCode::POLICY_VIOLATION, "");
        assert_eq!(next(&mut server).await, Message::Close(Some(answer)));
        assert_end(&mut server).await;
        within(client.close()).await.unwrap();
        within(server.close()).await.unwrap();
        assert_end(&mut client).await;
    }
}

#[tokio::test]
async fn a_close_frame_without_a_code_stays_without() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        client.send(Message::Close(None)).await.unwrap();
        assert_eq!(next(&mut server).await, Message::Close(None));
        assert_eq!(next(&mut client).await, Message::Close(None));
    }
}

#[tokio::test]
async fn reading_goes_on_after_our_close_frame_but_sending_does_not() {
    for Pair {
        name,
        mut client,
        mut server,
        _acceptor,
    } in pairs(false).await
    {
        client.send(Message::Close(None)).await.unwrap();
        for late in [Message::text("late"), Message::Close(None)] {
            let error = within(client.send(late)).await.unwrap_err();
            assert_kind(&error, ErrorKind::Closed);
            assert!(!error.may_be_delivered(), "{name}");
        }
        // The server was just about to send something.
        server.send(Message::text("before I knew")).await.unwrap();
        assert_eq!(next(&mut server).await, Message::Close(None));
        assert_eq!(next(&mut client).await, Message::text("before I knew"));
        assert_eq!(next(&mut client).await, Message::Close(None));
        let error = within(server.send(Message::text("late")))
            .await
            .unwrap_err();
        assert_kind(&error, ErrorKind::Closed);
    }
}

#[tokio::test]
async fn both_may_close_at_once() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        // With data in transit in both directions.
        client.feed(Message::binary(vec![1; 30_000])).await.unwrap();
        server.feed(Message::binary(vec![2; 30_000])).await.unwrap();
        let (left, right) = within(async { tokio::join!(client.close(), server.close()) }).await;
        left.unwrap();
        right.unwrap();
        assert_end(&mut client).await;
    }
}

/// More than any buffer holds: each side must read while it writes.
#[tokio::test]
async fn both_may_close_with_full_buffers() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        for socket in [&mut client, &mut server] {
            let mut fed = 0;
            while socket
                .feed(Message::binary(vec![1; 100_000]))
                .now_or_never()
                .is_some()
            {
                fed += 1;
                assert!(fed < 1_000, "something must fill up");
            }
        }
        let (left, right) = within(async { tokio::join!(client.close(), server.close()) }).await;
        left.unwrap();
        right.unwrap();
    }
}

#[tokio::test]
async fn closing_discards_what_still_arrives() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        let close = spawn(async move { client.close().await });
        let normal = Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "")));
        assert_eq!(next(&mut server).await, normal);
        within(close).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn dropping_ends_the_connection_without_a_close_frame() {
    for client_first in [true, false] {
        for Pair {
            name,
            mut client,
            server,
            _acceptor,
        } in pairs(false).await
        {
            client.send(Message::text("flushed")).await.unwrap();
            client.feed(Message::text("not flushed")).await.unwrap();
            let (dropped, mut other) = if client_first {
                (client, server)
            } else {
                (server, client)
            };
            drop(dropped);
            if client_first {
                assert_eq!(next(&mut other).await, Message::text("flushed"), "{name}");
            }
            assert_kind(&next_error(&mut other).await, ErrorKind::Closed);
        }
    }
}

/// Azure Relay's half-close, in both directions.
#[tokio::test]
async fn each_side_may_send_until_it_closes_itself() {
    for client_first in [true, false] {
        for Pair {
            client,
            server,
            _acceptor,
            ..
        } in pairs(true).await
        {
            let (mut first, mut second) = if client_first {
                (client, server)
            } else {
                (server, client)
            };
            let end = CloseFrame::new(CloseCode::NORMAL, "the end of my direction");
            first.send(Message::text("last words")).await.unwrap();
            first.send(Message::Close(Some(end.clone()))).await.unwrap();
            assert_eq!(next(&mut second).await, Message::text("last words"));
            assert_eq!(next(&mut second).await, Message::Close(Some(end)));
            assert_end(&mut second).await;
            // The other direction is still open, for messages of any size.
            let send = spawn(async move {
                for number in 0..100 {
                    second
                        .send(Message::text(number.to_string()))
                        .await
                        .unwrap();
                }
                second
                    .send(Message::binary(vec![3; 300_000]))
                    .await
                    .unwrap();
                second.send(Message::Close(None)).await.unwrap();
                second
            });
            for number in 0..100 {
                assert_eq!(next(&mut first).await, Message::text(number.to_string()));
            }
            assert_eq!(next(&mut first).await.payload_len(), 300_000);
            assert_eq!(next(&mut first).await, Message::Close(None));
            assert_end(&mut first).await;
            let mut second = within(send).await.unwrap();
            // Both directions are closed: only the end of the connection remains.
            let (one, other) = within(async { tokio::join!(second.close(), first.close()) }).await;
            one.unwrap();
            other.unwrap();
        }
    }
}

#[tokio::test]
async fn closing_answers_a_close_frame_that_was_not_answered() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(true).await
    {
        client.send(Message::Close(None)).await.unwrap();
        assert_eq!(next(&mut server).await, Message::Close(None));
        let (left, right) = within(async { tokio::join!(server.close(), client.close()) }).await;
        left.unwrap();
        right.unwrap();
    }
}

#[tokio::test]
async fn closing_waits_for_the_peers_close_frame() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(true).await
    {
        let close = spawn(async move { client.close().await });
        assert!(matches!(next(&mut server).await, Message::Close(Some(_))));
        server
            .send(Message::text("not read by anybody"))
            .await
            .unwrap();
        assert!(!close.is_finished());
        server.send(Message::Close(None)).await.unwrap();
        let (close, closed) = within(async { tokio::join!(close, server.close()) }).await;
        close.unwrap().unwrap();
        closed.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_sent_once_both_have_closed() {
    for Pair {
        mut client,
        mut server,
        _acceptor,
        ..
    } in pairs(true).await
    {
        client.send(Message::Close(None)).await.unwrap();
        server.send(Message::Close(None)).await.unwrap();
        assert_eq!(next(&mut client).await, Message::Close(None));
        let error = within(client.send(Message::text("late")))
            .await
            .unwrap_err();
        assert_kind(&error, ErrorKind::Closed);
        assert_eq!(next(&mut server).await, Message::Close(None));
    }
}

#[tokio::test]
async fn a_flood_in_both_directions_ends() {
    for Pair {
        client,
        server,
        _acceptor,
        ..
    } in pairs(false).await
    {
        flood_both(client, server, 10_000).await;
    }
}

/// With a peer that has closed, closing is not an error even if it is not heard.
#[tokio::test]
async fn closing_after_the_peer_has_gone_is_no_error() {
    for Pair {
        name,
        mut client,
        mut server,
        _acceptor,
    } in pairs(false).await
    {
        server.send(Message::Close(None)).await.unwrap();
        drop(server);
        assert_eq!(next(&mut client).await, Message::Close(None), "{name}");
        assert_end(&mut client).await;
        within(client.close()).await.unwrap();
    }
}
