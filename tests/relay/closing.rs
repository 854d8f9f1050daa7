//! Every way to close every form of a stream while the peer writes: nothing that was
//! written before an `Ok` is lost.

use std::future::poll_fn;
use std::io::ErrorKind;

use azwire_tests::within;
use futures::future::{BoxFuture, join};
use relay::RelayStream;
use transport::{CloseCode, CloseFrame, Message};

use super::writing_peer::{Script, WritingPeer};

/// Writes the given number of bytes to a stream, closes it, and drops it.
type Way = fn(RelayStream, usize) -> BoxFuture<'static, ()>;

/// The public method that closes, the form of the stream, and the test's action.
const WAYS: &[(&str, &str, Way)] = &[
    ("RelayStream::poll_close", "whole", |mut stream, len| {
        Box::pin(async move {
            futures::AsyncWriteExt::write_all(&mut stream, &vec![1; len])
                .await
                .unwrap();
            futures::AsyncWriteExt::close(&mut stream).await.unwrap();
        })
    }),
    ("RelayStream::poll_shutdown", "whole", |mut stream, len| {
        Box::pin(async move {
            tokio::io::AsyncWriteExt::write_all(&mut stream, &vec![1; len])
                .await
                .unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream)
                .await
                .unwrap();
        })
    }),
    ("RelayStream::send", "messages", |mut stream, len| {
        Box::pin(async move {
            for message in messages(len) {
                stream.send(message).await.unwrap();
            }
            stream.send(close()).await.unwrap();
        })
    }),
    ("RelayStream::start_send", "polled", |mut stream, len| {
        Box::pin(async move {
            for message in messages(len).chain([close()]) {
                poll_fn(|cx| stream.poll_ready(cx)).await.unwrap();
                stream.start_send(message).unwrap();
            }
            futures::AsyncWriteExt::flush(&mut stream).await.unwrap();
        })
    }),
    (
        "RelayStream::feed",
        "bytes and messages",
        |mut stream, len| {
            Box::pin(async move {
                futures::AsyncWriteExt::write_all(&mut stream, &vec![1; len])
                    .await
                    .unwrap();
                stream.feed(close()).await.unwrap();
                futures::AsyncWriteExt::flush(&mut stream).await.unwrap();
            })
        },
    ),
    ("WriteHalf::feed", "bytes and messages", |stream, len| {
        Box::pin(async move {
            let (_reader, mut writer) = stream.into_split();
            futures::AsyncWriteExt::write_all(&mut writer, &vec![1; len])
                .await
                .unwrap();
            writer.feed(close()).await.unwrap();
            futures::AsyncWriteExt::flush(&mut writer).await.unwrap();
        })
    }),
    ("RelayStream::finish", "whole", |mut stream, len| {
        Box::pin(async move {
            futures::AsyncWriteExt::write_all(&mut stream, &vec![1; len])
                .await
                .unwrap();
            stream.finish().await.unwrap();
        })
    }),
    ("RelayStream::finish", "messages", |mut stream, len| {
        Box::pin(async move {
            for message in messages(len) {
                stream.feed(message).await.unwrap();
            }
            stream.finish().await.unwrap();
        })
    }),
    ("RelayStream::finish", "after a close", |mut stream, len| {
        Box::pin(async move {
            futures::AsyncWriteExt::write_all(&mut stream, &vec![1; len])
                .await
                .unwrap();
            futures::AsyncWriteExt::close(&mut stream).await.unwrap();
            stream.finish().await.unwrap();
        })
    }),
    (
        "WriteHalf::poll_close",
        "reader dropped first",
        |stream, len| {
            Box::pin(async move {
                let (reader, mut writer) = stream.into_split();
                drop(reader);
                futures::AsyncWriteExt::write_all(&mut writer, &vec![1; len])
                    .await
                    .unwrap();
                futures::AsyncWriteExt::close(&mut writer).await.unwrap();
            })
        },
    ),
    (
        "WriteHalf::poll_close",
        "writer dropped first",
        |stream, len| {
            Box::pin(async move {
                let (reader, mut writer) = stream.into_split();
                futures::AsyncWriteExt::write_all(&mut writer, &vec![1; len])
                    .await
                    .unwrap();
                futures::AsyncWriteExt::close(&mut writer).await.unwrap();
                drop(writer);
                drop(reader);
            })
        },
    ),
    ("WriteHalf::poll_shutdown", "halves", |stream, len| {
        Box::pin(async move {
            let (_reader, mut writer) = stream.into_split();
            tokio::io::AsyncWriteExt::write_all(&mut writer, &vec![1; len])
                .await
                .unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut writer)
                .await
                .unwrap();
        })
    }),
    ("WriteHalf::send", "messages", |stream, len| {
        Box::pin(async move {
            let (_reader, mut writer) = stream.into_split();
            for message in messages(len) {
                writer.send(message).await.unwrap();
            }
            writer.send(close()).await.unwrap();
        })
    }),
    ("WriteHalf::finish", "halves", |stream, len| {
        Box::pin(async move {
            let (reader, mut writer) = stream.into_split();
            futures::AsyncWriteExt::write_all(&mut writer, &vec![1; len])
                .await
                .unwrap();
            writer.finish(reader).await.unwrap();
        })
    }),
];

fn close() -> Message {
    Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "done")))
}

fn messages(len: usize) -> impl Iterator<Item = Message> {
    let size = 10_000;
    let whole = std::iter::repeat_n(size, len / size);
    whole
        .chain([len % size])
        .map(|len| Message::binary(vec![1; len]))
}

async fn walk(secure: bool, script: Script, len: usize) {
    for (method, form, way) in WAYS {
        let peer = WritingPeer::start(secure);
        let sender = peer.sender();
        let using = async {
            let mut stream = sender.connect().await.unwrap();
            if matches!(script, Script::ClosedFirst) {
                let read = futures::AsyncReadExt::read(&mut stream, &mut [0; 8]).await;
                assert_eq!(read.unwrap(), 0, "{method} {form}");
            }
            way(stream, len).await;
        };
        let ((), arrived) = within(join(using, peer.serve(script))).await;
        assert_eq!(
            (arrived.bytes, arrived.code),
            (len, Some(1000)),
            "{method} {form}: {arrived:?}"
        );
        assert!(arrived.end.is_ok(), "{method} {form}: {arrived:?}");
    }
}

#[tokio::test]
async fn nothing_is_lost_while_the_peer_writes() {
    walk(false, Script::WritesOn(3 * MIB), 3 * MIB).await;
}

#[tokio::test]
async fn nothing_is_lost_while_the_peer_writes_over_tls() {
    walk(true, Script::WritesOn(MIB), MIB).await;
}

#[tokio::test]
async fn nothing_is_lost_after_the_peer_has_closed() {
    walk(false, Script::ClosedFirst, MIB).await;
}

#[tokio::test]
async fn nothing_is_lost_after_the_peer_has_closed_over_tls() {
    walk(true, Script::ClosedFirst, MIB).await;
}

/// The ways to close in the public API are the ones tried here.
#[test]
fn every_way_to_close_is_walked() {
    let api = include_str!("../../crates/relay/api.txt");
    let mut known = 0;
    for line in api.lines() {
        let method = line
            .strip_prefix("pub fn azwire_relay::")
            .or_else(|| line.strip_prefix("pub async fn azwire_relay::"));
        let Some((method, arguments)) = method.and_then(|rest| rest.split_once('(')) else {
            continue;
        };
        let Some((owner, name)) = method.split_once("::") else {
            continue;
        };
        let closes = matches!(name, "poll_close" | "poll_shutdown" | "finish" | "close")
            || arguments.split(')').next().unwrap().contains("Message");
        if matches!(owner, "RelayStream" | "ReadHalf" | "WriteHalf") && closes {
            assert!(
                WAYS.iter().any(|(walked, ..)| *walked == method),
                "{method} closes a stream and is not walked"
            );
            known += 1;
        }
    }
    assert!(known >= 7, "{known}");
}

#[tokio::test]
async fn halves_of_two_streams_do_not_finish_each_other() {
    within(async {
        let peers = [WritingPeer::start(false), WritingPeer::start(false)];
        let senders = [peers[0].sender(), peers[1].sender()];
        let [one, other] = peers.map(|peer| peer.serve(Script::WritesOn(0)));
        let using = async {
            let (one, other) = join(senders[0].connect(), senders[1].connect()).await;
            let (reader, _writer) = one.unwrap().into_split();
            let (_reader, writer) = other.unwrap().into_split();
            writer.finish(reader).await.unwrap_err()
        };
        let (error, _, _) = tokio::join!(using, one, other);
        assert_eq!(error.kind(), relay::ErrorKind::InvalidInput, "{error}");
    })
    .await;
}

/// A close that is not a complete end, as each form of a stream sees it.
#[tokio::test]
async fn a_stream_that_was_cut_does_not_read_as_whole() {
    within(async {
        let world = azwire_tests::relay::link::World::start().await;
        for (code, is_whole) in [
            (Some(1000), true),
            (None, true),
            (Some(1001), false),
            (Some(1009), false),
            (Some(1011), false),
            (Some(4000), false),
        ] {
            let frame = code.map(|code| CloseFrame::new(CloseCode::new(code).unwrap(), "why"));
            for lenient in [false, true] {
                let (mut near, far, _listener) = world.pair().await;
                near.send(Message::text("part")).await.unwrap();
                near.send(Message::Close(frame.clone())).await.unwrap();
                let mut far = far.with_any_close_as_end(lenient);
                let mut text = String::new();
                let read = futures::AsyncReadExt::read_to_string(&mut far, &mut text).await;
                let seen = far.close_frame().cloned();
                // The emulator uses a code for a frame without one.
                assert!(code.is_none() || seen == frame, "{code:?}: {seen:?}");
                if is_whole || lenient {
                    assert_eq!((read.unwrap(), text.as_str()), (4, "part"), "{code:?}");
                    assert_eq!(far.receive().await.unwrap(), None, "{code:?}");
                    continue;
                }
                // Bytes: an error with the frame inside, again on each read.
                let mut errors = vec![read.unwrap_err()];
                let again = futures::AsyncReadExt::read(&mut far, &mut [0; 4]).await;
                errors.push(again.unwrap_err());
                let again = tokio::io::AsyncReadExt::read(&mut far, &mut [0; 4]).await;
                errors.push(again.unwrap_err());
                let again = futures::AsyncBufReadExt::fill_buf(&mut far).await;
                errors.push(again.unwrap_err());
                for error in errors {
                    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{code:?}");
                    let inner = error.get_ref().unwrap().downcast_ref::<relay::Error>();
                    assert_eq!(inner.unwrap().close_frame(), frame.as_ref());
                }
                // Messages: the frame, then the end; for a half as for the whole stream.
                assert_eq!(
                    far.receive().await.unwrap(),
                    Some(Message::Close(frame.clone()))
                );
                assert_eq!(far.receive().await.unwrap(), None);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_half_sees_the_close_frame_as_the_whole_does() {
    within(async {
        let world = azwire_tests::relay::link::World::start().await;
        let (mut near, far, _listener) = world.pair().await;
        let frame = CloseFrame::new(CloseCode::INTERNAL_ERROR, "why");
        near.send(Message::Close(Some(frame.clone())))
            .await
            .unwrap();
        let (mut reader, _writer) = far.into_split();
        let received = reader.receive().await.unwrap();
        assert_eq!(received, Some(Message::Close(Some(frame.clone()))));
        assert_eq!(reader.receive().await.unwrap(), None);
        assert_eq!(reader.close_frame(), Some(&frame));
        let read = futures::AsyncReadExt::read(&mut reader, &mut [0; 4]).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    })
    .await;
}

const MIB: usize = 1024 * 1024;
