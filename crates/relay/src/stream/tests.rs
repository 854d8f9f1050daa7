use std::io::ErrorKind;

use futures::executor::block_on;
use futures::future::join;
use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, FutureExt};
use transport::testing::{ManualRuntime, SocketLink, SocketPair, SocketPairOptions};

use super::writing::MAX_MESSAGE;
use super::*;

fn pair() -> (RelayStream, RelayStream, SocketLink) {
    let options = SocketPairOptions::default().with_half_close(true);
    let pair = SocketPair::open(options);
    (
        RelayStream::new(pair.left, None),
        RelayStream::new(pair.right, None),
        pair.link,
    )
}

#[test]
fn small_writes_leave_as_one_message_at_a_flush() {
    block_on(async {
        let (mut left, mut right, _link) = pair();
        for byte in b"hello" {
            left.write_all(&[*byte]).await.unwrap();
        }
        left.flush().await.unwrap();
        assert_eq!(
            right.receive().await.unwrap(),
            Some(Message::binary("hello"))
        );
    });
}

#[test]
fn a_gathered_message_shares_its_bytes_with_nobody() {
    block_on(async {
        let (mut left, mut right, _link) = pair();
        for len in [1, 3000, MAX_MESSAGE] {
            left.write_all(&vec![7; len]).await.unwrap();
            left.flush().await.unwrap();
            let Ok(Some(Message::Binary(bytes))) = right.receive().await else {
                panic!("expected a message");
            };
            // Otherwise the masking below would have to copy them.
            assert!(bytes.is_unique(), "{len}");
        }
    });
}

#[test]
fn large_writes_are_cut_and_vectored_ones_gathered() {
    block_on(async {
        let (mut left, mut right, _link) = pair();
        let all = vec![7; MAX_MESSAGE + 1];
        let sending = async {
            left.write_all(&all).await.unwrap();
            left.flush().await.unwrap();
            let slices = [
                IoSlice::new(b"one"),
                IoSlice::new(b""),
                IoSlice::new(b"two"),
            ];
            assert_eq!(left.write_vectored(&slices).await.unwrap(), 6);
            left.flush().await.unwrap();
        };
        let receiving = async {
            for expected in [MAX_MESSAGE, 1] {
                let message = right.receive().await.unwrap().unwrap();
                assert_eq!(message.payload_len(), expected);
            }
            assert_eq!(
                right.receive().await.unwrap(),
                Some(Message::binary("onetwo"))
            );
        };
        join(sending, receiving).await;
    });
}

#[test]
fn messages_keep_their_kind_and_follow_what_was_written() {
    block_on(async {
        let (mut left, mut right, _link) = pair();
        left.write_all(b"bytes").await.unwrap();
        left.send(Message::text("text")).await.unwrap();
        left.send(Message::Binary(bytes::Bytes::new()))
            .await
            .unwrap();
        assert_eq!(
            right.receive().await.unwrap(),
            Some(Message::binary("bytes"))
        );
        assert_eq!(right.receive().await.unwrap(), Some(Message::text("text")));
        assert_eq!(right.receive().await.unwrap(), Some(Message::binary("")));
        // As bytes, text is bytes and an empty message is not an end.
        left.send(Message::Binary(bytes::Bytes::new()))
            .await
            .unwrap();
        left.send(Message::text("abc")).await.unwrap();
        let mut two = [0; 2];
        right.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"ab");
        assert_eq!(right.receive().await.unwrap(), Some(Message::binary("c")));
    });
}

#[test]
fn each_direction_closes_for_itself() {
    block_on(async {
        let (mut left, mut right, _link) = pair();
        left.write_all(b"question").await.unwrap();
        left.close().await.unwrap();
        left.close().await.unwrap();
        let error = left.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let mut text = String::new();
        right.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "question");
        assert_eq!(right.close_frame().unwrap().reason, "Shutdown");
        right.write_all(b"answer").await.unwrap();
        right.close().await.unwrap();
        text.clear();
        left.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "answer");
        assert_eq!(left.receive().await.unwrap(), None);
    });
}

#[test]
fn two_halves_flood_each_other_without_waiting_for_each_other() {
    const TOTAL: usize = 4 * 1024 * 1024;
    block_on(async {
        let (left, right, _link) = pair();
        let flood = |stream: RelayStream| async {
            let (mut reader, mut writer) = stream.into_split();
            let writing = async {
                let chunk = vec![3; 10_000];
                let mut left = TOTAL;
                while left > 0 {
                    let count = writer.write(&chunk[..chunk.len().min(left)]).await.unwrap();
                    left -= count;
                }
                writer.close().await.unwrap();
            };
            let reading = async {
                let mut buffer = vec![0; 7000];
                let mut seen = 0;
                loop {
                    match reader.read(&mut buffer).await.unwrap() {
                        0 => return seen,
                        count => seen += count,
                    }
                }
            };
            join(writing, reading).await.1
        };
        assert_eq!(join(flood(left), flood(right)).await, (TOTAL, TOTAL));
    });
}

#[test]
fn a_cut_is_an_error_and_then_the_end() {
    block_on(async {
        let (mut left, mut right, link) = pair();
        left.send(Message::text("x")).await.unwrap();
        link.cut();
        let error = right.receive().await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::ConnectionLost);
        assert_eq!(right.receive().await.unwrap(), None);
        // Bytes have no end marker that could be mistaken for a complete end.
        for _ in 0..2 {
            let error = right.read(&mut [0; 4]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        let error = left.write_all(&vec![0; 200_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_was_received_is_read_without_a_copy() {
    block_on(async {
        let (mut near, far, _link) = pair();
        near.write_all(b"one\ntwo\nrest").await.unwrap();
        near.flush().await.unwrap();
        near.send(Message::text(" of it")).await.unwrap();
        near.close().await.unwrap();
        let (mut reader, _writer) = far.into_split();
        let mut line = String::new();
        for expected in ["one\n", "two\n", "rest of it", ""] {
            line.clear();
            reader.read_line(&mut line).await.unwrap();
            assert_eq!(line, expected);
        }
    });
}

#[test]
fn a_peer_that_does_not_close_is_not_waited_for_without_end() {
    for limit in [Duration::from_secs(1), closing::DEFAULT_LIMIT] {
        for is_split in [false, true] {
            let runtime = ManualRuntime::new();
            let (left, mut right, _link) = pair();
            let mut left = left
                .with_runtime(runtime.shared())
                .with_close_timeout(limit);
            block_on(left.write_all(b"all")).unwrap();
            let mut finishing = if is_split {
                let (reader, writer) = left.into_split();
                writer.finish(reader).boxed()
            } else {
                left.finish().boxed()
            };
            assert!(runtime.poll(&mut finishing).is_pending());
            let mut text = String::new();
            block_on(right.read_to_string(&mut text)).unwrap();
            assert_eq!(text, "all");
            runtime.advance(limit - Duration::from_millis(1));
            assert!(runtime.poll(&mut finishing).is_pending());
            runtime.advance(Duration::from_millis(1));
            let Poll::Ready(Err(error)) = runtime.poll(&mut finishing) else {
                panic!("it should have given up");
            };
            assert!(error.is_timeout(), "{error}");
            runtime.run();
            assert_eq!(
                runtime.tasks(),
                0,
                "nothing continues after the outcome was returned"
            );
        }
    }
}

#[test]
fn a_dropped_stream_is_closed_in_the_background_within_a_bound() {
    let runtime = ManualRuntime::new();
    let close = |stream: &mut RelayStream| block_on(stream.close()).unwrap();
    // The peer closes too: the task ends immediately.
    let (left, mut right, _link) = pair();
    let mut left = left.with_runtime(runtime.shared());
    close(&mut left);
    assert_eq!(runtime.tasks(), 1);
    drop(left);
    runtime.run();
    block_on(right.write_all(b"what nobody reads")).unwrap();
    close(&mut right);
    runtime.run();
    assert_eq!(runtime.tasks(), 0);
    // The peer does not: the task ends at the timeout.
    let (left, mut right, _link) = pair();
    let (reader, mut writer) = left.with_runtime(runtime.shared()).into_split();
    block_on(writer.close()).unwrap();
    drop(writer);
    runtime.advance(2 * closing::DEFAULT_LIMIT);
    assert_eq!(runtime.tasks(), 1, "the reader is still there");
    drop(reader);
    runtime.advance(closing::DEFAULT_LIMIT - Duration::from_millis(1));
    assert_eq!(runtime.tasks(), 1);
    runtime.advance(Duration::from_millis(1));
    assert_eq!(runtime.tasks(), 0);
    let error = block_on(right.write_all(&vec![0; 200_000])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // Without a close, or with a limit of zero, there is nothing to do.
    let (left, _right, _link) = pair();
    drop(left.with_runtime(runtime.shared()));
    let (left, _right, _link) = pair();
    let mut left = left
        .with_runtime(runtime.shared())
        .with_close_timeout(Duration::ZERO);
    close(&mut left);
    assert_eq!(runtime.tasks(), 0);
    // A stream that was closed completely leaves nothing behind.
    let (left, mut right, _link) = pair();
    let finishing = left.with_runtime(runtime.shared()).finish();
    let mut both = Box::pin(join(finishing, right.close()));
    let Poll::Ready((finished, closed)) = runtime.poll(&mut both) else {
        panic!("both have closed");
    };
    finished.unwrap();
    closed.unwrap();
    runtime.run();
    assert_eq!(runtime.tasks(), 0);
}

#[test]
fn any_time_limit_of_closing_will_do() {
    let runtime = ManualRuntime::new();
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let (left, mut right, _link) = pair();
        let left = left
            .with_runtime(runtime.shared())
            .with_close_timeout(limit);
        let mut finishing = left.finish().boxed();
        let first = runtime.poll(&mut finishing);
        runtime.advance(Duration::from_nanos(1));
        let second = match first {
            Poll::Pending => runtime.poll(&mut finishing),
            first => first,
        };
        let outcome = match second {
            Poll::Pending => {
                block_on(right.close()).unwrap();
                runtime.poll(&mut finishing)
            }
            second => second,
        };
        assert_eq!(
            matches!(outcome, Poll::Ready(Ok(()))),
            limit == Duration::MAX,
            "{limit:?}: {outcome:?}"
        );
        assert!(outcome.is_ready());
    }
}

#[test]
fn finishing_reads_what_holds_the_peer_up() {
    block_on(async {
        for is_split in [false, true] {
            let (mut left, mut right, _link) = pair();
            // More than is ever in transit: the peer must wait until its own bytes are read.
            let all = vec![7; 1024 * 1024];
            left.write_all(&all[..60_000]).await.unwrap();
            let peer = async {
                right.write_all(&all).await.unwrap();
                right.close().await.unwrap();
                let mut seen = Vec::new();
                right.read_to_end(&mut seen).await.unwrap();
                assert_eq!(seen.len(), 60_000);
            };
            let finishing = if is_split {
                let (reader, writer) = left.into_split();
                writer.finish(reader).boxed()
            } else {
                left.finish().boxed()
            };
            let (finished, ()) = join(finishing, peer).await;
            finished.unwrap();
        }
    });
}

#[test]
fn messages_are_queued_by_a_driver_that_polls_after_what_was_written() {
    let (mut left, mut right, _link) = pair();
    block_on(left.write_all(b"bytes")).unwrap();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let ready = left.poll_ready(&mut cx);
    assert!(matches!(ready, Poll::Ready(Ok(()))), "{ready:?}");
    let payload = bytes::Bytes::from(vec![7; MAX_MESSAGE]);
    let place = payload.as_ptr();
    left.start_send(Message::Binary(payload)).unwrap();
    block_on(left.flush()).unwrap();
    assert_eq!(
        block_on(right.receive()).unwrap(),
        Some(Message::binary("bytes"))
    );
    let Ok(Some(Message::Binary(received))) = block_on(right.receive()) else {
        panic!("expected a message");
    };
    assert_eq!(received.as_ptr(), place, "nothing is copied");
    // A close frame ends this direction here, too.
    assert!(left.poll_ready(&mut cx).is_ready());
    left.start_send(Message::Close(None)).unwrap();
    let error = block_on(left.write_all(b"more")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    block_on(left.flush()).unwrap();
    assert_eq!(block_on(right.receive()).unwrap(), None);
}

#[test]
fn a_driver_waits_while_the_peer_does_not_read() {
    let (mut left, mut right, _link) = pair();
    let runtime = ManualRuntime::new();
    let sent = std::sync::atomic::AtomicUsize::new(0);
    let mut sending = std::future::poll_fn(|cx| {
        for _ in 0..1_000 {
            futures::ready!(left.poll_ready(cx)).unwrap();
            left.start_send(Message::binary(vec![7; MAX_MESSAGE]))
                .unwrap();
            sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        Poll::Ready(())
    })
    .boxed();
    assert!(runtime.poll(&mut sending).is_pending());
    let before = sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(before < 1_000);
    while let Some(received) = right.receive().now_or_never() {
        received.unwrap().unwrap();
    }
    assert!(runtime.poll(&mut sending).is_pending());
    assert!(sent.load(std::sync::atomic::Ordering::Relaxed) > before);
}

#[test]
fn an_aborted_stream_leaves_nothing_behind_even_after_a_close() {
    for is_closed in [false, true] {
        let runtime = ManualRuntime::new();
        let (left, mut right, _link) = pair();
        let mut left = left.with_runtime(runtime.shared());
        if is_closed {
            block_on(left.close()).unwrap();
        }
        left.abort();
        runtime.run();
        assert_eq!(runtime.tasks(), 0);
        let error = block_on(right.write_all(&vec![0; 200_000])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let mut text = String::new();
        let read = block_on(right.read_to_string(&mut text));
        assert_eq!(read.is_ok(), is_closed, "{read:?}");
    }
}
