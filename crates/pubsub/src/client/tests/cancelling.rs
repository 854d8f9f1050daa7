//! Futures that are dropped at every await.

use std::future::Future;
use std::pin::Pin;

use transport::Message;

use super::world::{World, text};
use crate::client::Client;
use crate::protocol::StreamEndError;
use crate::{
    ErrorKind, InvokeEventOptions, Result, SendEventOptions, SendToGroupOptions, StreamOptions,
};

/// Runs `operation` and drops it after one poll, two polls and so on, while the service
/// responds, until it completes within that number of polls.
fn drop_at_every_await<T, F>(
    operation: impl Fn(Client) -> F,
    answers: &[&str],
    check: impl Fn(&mut World),
) where
    F: Future<Output = Result<T>> + Send + 'static,
{
    for polls in 0.. {
        let mut world = World::connected();
        let mut future = Box::pin(operation(world.client.clone()));
        let mut is_done = false;
        for poll in 0..polls {
            is_done = world.poll(&mut future).is_some();
            if is_done {
                break;
            }
            if let Some(answer) = answers.get(poll) {
                world.say(answer);
            }
        }
        drop(future);
        for answer in answers {
            world.say(answer);
        }
        check(&mut world);
        // The client still works, whatever was dropped.
        let client = world.client.clone();
        let mut leave = Box::pin(async move { client.leave_group("other").await });
        assert!(world.poll(&mut leave).is_none());
        for ack_id in 1..4 {
            world.say(&format!(
                r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#
            ));
        }
        assert!(world.poll(&mut leave).unwrap().is_ok(), "{polls}");
        if is_done {
            assert!(polls > answers.len());
            return;
        }
    }
}

const ACK: &str = r#"{"type":"ack","ackId":1,"success":true}"#;

fn one_frame_or_none(world: &mut World) {
    let mut frames = 0;
    while world.hear().is_some() {
        frames += 1;
    }
    assert!(frames <= 1, "{frames} frames");
}

#[test]
fn requests_may_be_dropped_at_every_await() {
    drop_at_every_await(
        |client| async move { client.join_group("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move {
            let options = InvokeEventOptions::default();
            client.invoke_event("e", Some(text("x")), options).await
        },
        &[r#"{"type":"invokeResponse","invocationId":"1","success":true}"#],
        |world| {
            let mut frames = Vec::new();
            while let Some(Message::Text(frame)) = world.hear() {
                frames.push(frame.to_string());
            }
            // A caller that stops waiting for the response cancels the invocation.
            assert!(frames.len() <= 2, "{frames:?}");
            if let Some(second) = frames.get(1) {
                assert_eq!(second, r#"{"type":"cancelInvocation","invocationId":"1"}"#);
            }
        },
    );
    for fire_and_forget in [false, true] {
        let answers: &[&str] = if fire_and_forget { &[] } else { &[ACK] };
        drop_at_every_await(
            |client| async move {
                let options = SendEventOptions::default().with_fire_and_forget(fire_and_forget);
                client.send_event("e", text("x"), options).await
            },
            answers,
            one_frame_or_none,
        );
        drop_at_every_await(
            |client| async move {
                let options = SendToGroupOptions::default().with_fire_and_forget(fire_and_forget);
                client.send_to_group("g", text("x"), options).await
            },
            answers,
            one_frame_or_none,
        );
    }
    drop_at_every_await(
        |client| async move { client.leave_group("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move { client.subscribe_group_state("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move { client.unsubscribe_group_state("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move { client.set_group_state("g", None).await },
        &[ACK],
        one_frame_or_none,
    );
}

#[test]
fn an_invocation_that_is_given_up_is_cancelled() {
    let mut world = World::connected();
    let client = world.client.clone();
    let mut invoke = Box::pin(async move {
        let options = InvokeEventOptions::default();
        client.invoke_event("e", None, options).await
    });
    assert!(world.poll(&mut invoke).is_none());
    assert!(world.hear_text().contains(r#""type":"invoke""#));
    drop(invoke);
    assert_eq!(
        world.hear_text(),
        r#"{"type":"cancelInvocation","invocationId":"1"}"#
    );
    // A late response is ignored, and the next invocation is unaffected.
    world.say(r#"{"type":"invokeResponse","invocationId":"1","success":true}"#);
    let client = world.client.clone();
    let mut invoke = Box::pin(async move {
        let options = InvokeEventOptions::default();
        client.invoke_event("e", None, options).await
    });
    assert!(world.poll(&mut invoke).is_none());
    world.say(r#"{"type":"invokeResponse","invocationId":"2","success":true}"#);
    assert_eq!(world.poll(&mut invoke).unwrap().unwrap(), None);
    assert!(world.hear_text().contains(r#""invocationId":"2""#));
    assert_eq!(world.hear(), None);
}

#[test]
fn what_is_dropped_while_it_waits_for_room_is_never_sent() {
    let mut world = World::connected();
    world.peer.as_ref().unwrap().1.stall();
    let mut sends = Vec::new();
    // More than the socket, the session and the queue hold together.
    for _ in 0..2000 {
        let client = world.client.clone();
        let mut send = Box::pin(async move {
            let options = SendToGroupOptions::default();
            client
                .send_to_group("g", text(&"x".repeat(1000)), options)
                .await
        });
        assert!(world.poll(&mut send).is_none());
        sends.push(send);
    }
    type Operation = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
    let client = || world.client.clone();
    let (join, leave, send, event) = (client(), client(), client(), client());
    let (forget, invoke, stream) = (client(), client(), client());
    let (set, subscribe, unsubscribe) = (client(), client(), client());
    let operations: [Operation; 10] = [
        Box::pin(async move { join.join_group("late").await.map(drop) }),
        Box::pin(async move { leave.leave_group("late").await.map(drop) }),
        Box::pin(async move {
            let options = SendToGroupOptions::default();
            send.send_to_group("late", text("late"), options)
                .await
                .map(drop)
        }),
        Box::pin(async move {
            let options = SendEventOptions::default();
            event
                .send_event("late", text("late"), options)
                .await
                .map(drop)
        }),
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            forget
                .send_to_group("late", text("late"), options)
                .await
                .map(drop)
        }),
        Box::pin(async move {
            let options = InvokeEventOptions::default();
            invoke.invoke_event("late", None, options).await.map(drop)
        }),
        Box::pin(async move {
            let options = StreamOptions::default();
            stream.open_group_stream("late", options).await.map(drop)
        }),
        Box::pin(async move { set.set_group_state("late", None).await.map(drop) }),
        Box::pin(async move { subscribe.subscribe_group_state("late").await.map(drop) }),
        Box::pin(async move { unsubscribe.unsubscribe_group_state("late").await.map(drop) }),
    ];
    for mut operation in operations {
        assert!(world.poll(&mut operation).is_none(), "it waits for room");
    }
    world.peer.as_ref().unwrap().1.resume();
    let mut heard = 0;
    // Each ack releases the next request.
    for _ in 0..10_000 {
        let Some(Message::Text(frame)) = world.hear() else {
            break;
        };
        assert!(!frame.contains("late"), "{}", frame.as_str());
        heard += 1;
        world.say(&format!(
            r#"{{"type":"ack","ackId":{heard},"success":true}}"#
        ));
        // Senders with room continue; the last ones do not.
        sends.truncate(300);
        let runtime = &world.runtime;
        sends.retain_mut(|send| runtime.poll(&mut send.as_mut()).is_pending());
    }
    assert!(heard > 256, "{heard}");
}

#[test]
fn a_bare_payload_is_sent_once_or_not_at_all() {
    let mut world = World::new(|builder| builder.subprotocol(None));
    let client = world.client.clone();
    let mut send = Box::pin(async move { client.send(text("early")).await });
    let error = world.poll(&mut send).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotStarted);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(
        world
            .poll(&mut start)
            .is_some_and(|started| started.is_ok())
    );
    world.runtime.run();
    world.peer = world.script.0.lock().unwrap().peers.pop_front();
    // Without a poll it has done nothing; after one poll, everything.
    drop(world.client.send(text("never")));
    let client = world.client.clone();
    let mut send = Box::pin(async move { client.send(text("once")).await });
    assert!(world.poll(&mut send).is_some_and(|sent| sent.is_ok()));
    drop(send);
    assert_eq!(world.hear_text(), "once");
    assert_eq!(world.hear(), None);
}

#[test]
fn streams_may_be_dropped_at_every_await_and_are_ended() {
    for with_error in [false, true] {
        drop_at_every_await(
            move |client| async move {
                let options = StreamOptions::default().with_stream_id("s");
                let mut stream = client.open_group_stream("g", options).await?;
                stream.write(text("x")).await?;
                if with_error {
                    stream.abort(StreamEndError::default()).await
                } else {
                    stream.end().await
                }
            },
            &[
                r#"{"type":"streamAck","streamId":"s","expectedSequenceId":1}"#,
                r#"{"type":"streamAck","streamId":"s","expectedSequenceId":2}"#,
                r#"{"type":"streamClosed","streamId":"s"}"#,
            ],
            |world| {
                let mut frames = Vec::new();
                while let Some(Message::Text(frame)) = world.hear() {
                    frames.push(frame.to_string());
                }
                let count = |part: &str| frames.iter().filter(|frame| frame.contains(part)).count();
                assert_eq!(count("sendToGroup"), count("streamEnd"), "{frames:?}");
            },
        );
    }
}
