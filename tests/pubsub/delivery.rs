//! What becomes of requests when a connection is lost, and whether one that failed may have been
//! carried out: `false` is certain.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use azwire_tests::pubsub::scripted::Scripted;
use pubsub::{
    Client, ClientBuilder, ClientRetryOptions, Data, Error, ErrorKind, InvokeEventOptions,
    SendEventOptions, SendToGroupOptions, StreamOptions,
};
use transport::{CloseCode, CloseFrame, Message};

type Outcome = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A request and its name.
type Request = (&'static str, fn(Client) -> Outcome);

/// Every kind of request that waits for an answer.
const REQUESTS: [Request; 9] = [
    ("join_group", |client| {
        Box::pin(async move { client.join_group("g").await.map(drop) })
    }),
    ("leave_group", |client| {
        Box::pin(async move { client.leave_group("g").await.map(drop) })
    }),
    ("send_to_group", |client| {
        Box::pin(async move {
            let options = SendToGroupOptions::default();
            client.send_to_group("g", text(), options).await.map(drop)
        })
    }),
    ("send_event", |client| {
        Box::pin(async move {
            let options = SendEventOptions::default();
            client.send_event("e", text(), options).await.map(drop)
        })
    }),
    ("invoke_event", |client| {
        Box::pin(async move {
            let options = InvokeEventOptions::default();
            client.invoke_event("e", None, options).await.map(drop)
        })
    }),
    ("open_group_stream", |client| {
        Box::pin(async move {
            let options = StreamOptions::default();
            client.open_group_stream("g", options).await.map(drop)
        })
    }),
    ("set_group_state", |client| {
        Box::pin(async move { client.set_group_state("g", None).await.map(drop) })
    }),
    ("subscribe_group_state", |client| {
        Box::pin(async move { client.subscribe_group_state("g").await.map(drop) })
    }),
    ("unsubscribe_group_state", |client| {
        Box::pin(async move { client.unsubscribe_group_state("g").await.map(drop) })
    }),
];

fn text() -> Data {
    Data::Text("x".into())
}

/// Every level of an error, as it is printed.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Neither a lost connection nor a late answer is answered with another attempt.
fn plain(builder: ClientBuilder) -> ClientBuilder {
    builder
        .auto_reconnect(false)
        .keep_alive_timeout(None)
        .message_retry(ClientRetryOptions::default().with_max_retries(0))
}

/// Lets a request go out, then lets `end` happen, and returns what its caller is told.
fn fail_after_sending(request: fn(Client) -> Outcome, end: impl FnOnce(&mut Scripted)) -> Error {
    let mut world = Scripted::connected(plain);
    let mut outcome = request(world.client.clone());
    assert!(world.poll(&mut outcome).is_none());
    assert!(world.hear().is_some(), "it was sent");
    end(&mut world);
    let told = world.poll(&mut outcome);
    told.expect("the caller is told").unwrap_err()
}

#[test]
fn a_request_whose_connection_is_lost_for_good_may_be_delivered() {
    let refused = || CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone");
    for (name, request) in REQUESTS {
        let error = fail_after_sending(request, |world| world.close(refused()));
        assert_eq!(error.kind(), ErrorKind::Closed, "{name}");
        assert!(error.may_be_delivered(), "{name}");
    }
}

#[test]
fn a_request_that_is_not_answered_in_time_may_be_delivered() {
    for (name, request) in REQUESTS {
        let error = fail_after_sending(request, |world| {
            world.runtime.advance(Duration::from_secs(31));
        });
        assert_eq!(error.kind(), ErrorKind::Timeout, "{name}");
        let text = chain(&error);
        let start = format!("{name}: the outcome is unknown: ");
        assert!(
            text.starts_with(&start) && text.ends_with(" in time"),
            "{text}"
        );
        assert!(error.may_be_delivered(), "{name}");
    }
}

#[test]
fn a_request_that_is_under_way_when_the_client_stops_may_be_delivered() {
    for (name, request) in REQUESTS {
        let error = fail_after_sending(request, |world| {
            let mut stop = world.call(|client| async move { client.stop().await });
            assert!(world.poll(&mut stop).is_none());
            // The peer does not answer the close.
            world.runtime.advance(Duration::from_secs(6));
            assert!(world.poll(&mut stop).is_some());
        });
        assert_eq!(error.kind(), ErrorKind::Closed, "{name}");
        assert!(error.may_be_delivered(), "{name}");
    }
}

#[test]
fn a_request_that_the_service_refuses_was_delivered() {
    let error = r#""error":{"name":"Forbidden","message":"no role"}"#;
    for (name, request) in REQUESTS {
        let answer = match name {
            "invoke_event" => {
                format!(r#"{{"type":"invokeResponse","invocationId":"1","success":false,{error}}}"#)
            }
            "open_group_stream" => format!(r#"{{"type":"streamClosed","streamId":"s-1",{error}}}"#),
            _ => format!(r#"{{"type":"ack","ackId":1,"success":false,{error}}}"#),
        };
        let error = fail_after_sending(request, |world| world.say(&answer));
        assert_eq!(error.kind(), ErrorKind::NotAcknowledged, "{name}");
        assert_eq!(error.error_code(), Some("Forbidden"), "{name}");
        assert_eq!(error.service_message(), Some("no role"), "{name}");
        assert_eq!(error.status(), None, "{name}");
        assert_eq!(chain(&error), format!("{name}: Forbidden: no role"));
        assert!(error.may_be_delivered(), "{name}");
    }
}

#[test]
fn a_request_without_a_client_that_is_started_was_not_delivered() {
    for (name, request) in REQUESTS {
        let world = Scripted::new(plain);
        let mut outcome = request(world.client.clone());
        let error = world.poll(&mut outcome).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotStarted, "{name}");
        assert!(!error.may_be_delivered() && !error.is_retryable(), "{name}");
        assert_eq!(chain(&error), format!("{name}: the client is not started"));
    }
}

#[test]
fn a_request_that_waits_for_a_connection_was_not_delivered() {
    for (name, request) in REQUESTS {
        let mut world = Scripted::new(plain);
        let mut start = world.call(|client| async move { client.start().await });
        assert!(world.poll(&mut start).is_none());
        world.accept();
        let mut outcome = request(world.client.clone());
        assert!(world.poll(&mut outcome).is_none());
        let mut stop = world.call(|client| async move { client.stop().await });
        assert!(world.poll(&mut stop).is_some());
        let error = world.poll(&mut outcome).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{name}");
        assert!(!error.may_be_delivered(), "{name}");
        assert_eq!(world.hear(), None, "{name}");
    }
}

#[test]
fn a_request_that_waits_too_long_for_a_connection_was_not_delivered() {
    for (name, request) in REQUESTS {
        let mut world = Scripted::connected(quiet);
        Next::Replaced.lose(&mut world);
        // Sockets are opened, and nothing comes on them.
        let mut outcome = request(world.client.clone());
        assert!(world.poll(&mut outcome).is_none(), "{name}");
        world.runtime.advance(Duration::from_secs(29));
        assert!(world.poll(&mut outcome).is_none(), "{name}");
        world.runtime.advance(Duration::from_secs(1));
        let error = world.poll(&mut outcome).expect(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{name}");
        assert_eq!(
            chain(&error),
            format!("{name}: not sent: the client is not connected")
        );
        assert!(!error.may_be_delivered(), "{name}");
    }
}

#[test]
fn fragments_of_a_stream_that_ends_early_may_be_delivered() {
    for ends in [false, true] {
        let mut world = Scripted::connected(plain);
        let mut writing = world.call(move |client| async move {
            let options = StreamOptions::default();
            let mut stream = client.open_group_stream("g", options).await?;
            if ends {
                stream.write(text()).await?;
                return stream.end().await;
            }
            // More than the window holds.
            for _ in 0..100 {
                stream.write(text()).await?;
            }
            Ok(())
        });
        assert!(world.poll(&mut writing).is_none());
        world.say(r#"{"type":"streamAck","streamId":"s-1","expectedSequenceId":1}"#);
        assert!(world.poll(&mut writing).is_none());
        while let Some(Message::Text(_)) = world.hear() {}
        world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone"));
        let error = world.poll(&mut writing).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(error.may_be_delivered());
    }
}

/// Requests that nothing acknowledges.
const FORGOTTEN: [Request; 2] = [
    ("send_to_group", |client| {
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            client.send_to_group("g", text(), options).await.map(drop)
        })
    }),
    ("send_event", |client| {
        Box::pin(async move {
            let options = SendEventOptions::default().with_fire_and_forget(true);
            client.send_event("e", text(), options).await.map(drop)
        })
    }),
];

/// How a connection goes on after the loss of its socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    Recovered,
    Replaced,
}

impl Next {
    const BOTH: [Self; 2] = [Self::Recovered, Self::Replaced];

    fn lose(self, world: &mut Scripted) {
        match self {
            Self::Recovered => world.cut(),
            Self::Replaced => {
                world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone"));
            }
        }
    }

    /// The next socket is open and the service has said that the client is connected.
    fn connect(self, world: &mut Scripted) {
        // The connection is young.
        world.runtime.advance(Duration::from_secs(1));
        world.accept();
        world.say(match self {
            Self::Recovered => r#"{"type":"pong"}"#,
            Self::Replaced => r#"{"type":"system","event":"connected","connectionId":"c2"}"#,
        });
    }
}

fn quiet(builder: ClientBuilder) -> ClientBuilder {
    builder.keep_alive_interval(None)
}

/// Everything that the client has sent on its newest socket.
fn frames(world: &mut Scripted) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(Message::Text(frame)) = world.hear() {
        frames.push(frame.to_string());
    }
    frames
}

#[test]
fn a_request_that_was_not_sent_waits_for_the_next_connection() {
    for next in Next::BOTH {
        for (name, request) in REQUESTS {
            let mut world = Scripted::connected(quiet);
            next.lose(&mut world);
            let mut outcome = request(world.client.clone());
            assert!(world.poll(&mut outcome).is_none(), "{name}");
            next.connect(&mut world);
            assert_eq!(frames(&mut world).len(), 1, "{name}, {next:?}");
            assert!(world.poll(&mut outcome).is_none(), "{name}, {next:?}");
        }
        for (name, request) in FORGOTTEN {
            let mut world = Scripted::connected(quiet);
            next.lose(&mut world);
            let mut outcome = request(world.client.clone());
            assert!(world.poll(&mut outcome).unwrap().is_ok(), "{name}");
            next.connect(&mut world);
            assert_eq!(frames(&mut world).len(), 1, "{name}, {next:?}");
        }
    }
}

#[test]
fn a_request_that_was_sent_is_sent_again_or_fails() {
    for next in Next::BOTH {
        for resends in [false, true] {
            for (name, request) in REQUESTS {
                let case = format!("{name}, {next:?}, {resends}");
                let mut world =
                    Scripted::connected(|builder| quiet(builder).resend_on_new_connection(resends));
                let mut outcome = request(world.client.clone());
                assert!(world.poll(&mut outcome).is_none(), "{case}");
                let sent = frames(&mut world);
                assert_eq!(sent.len(), 1, "{case}");
                next.lose(&mut world);
                let early = world.poll(&mut outcome);
                next.connect(&mut world);
                let again = frames(&mut world);
                let is_repeated = match (name, next) {
                    ("invoke_event" | "open_group_stream", _) => false,
                    (
                        "join_group"
                        | "leave_group"
                        | "subscribe_group_state"
                        | "unsubscribe_group_state",
                        _,
                    ) => true,
                    (_, Next::Recovered) => true,
                    (_, Next::Replaced) => resends,
                };
                if is_repeated {
                    assert!(early.is_none(), "{case}");
                    assert_eq!(again, sent, "{case}");
                    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
                    assert!(world.poll(&mut outcome).unwrap().is_ok(), "{case}");
                } else {
                    assert!(again.iter().all(|frame| !sent.contains(frame)), "{case}");
                    // An invocation does not wait for what becomes of the connection.
                    assert!(early.is_some() || name != "invoke_event", "{case}");
                    let told = early.or_else(|| world.poll(&mut outcome));
                    let error = told.unwrap().unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Closed, "{case}");
                }
            }
            for (name, request) in FORGOTTEN {
                let mut world =
                    Scripted::connected(|builder| quiet(builder).resend_on_new_connection(resends));
                let mut outcome = request(world.client.clone());
                assert!(world.poll(&mut outcome).unwrap().is_ok());
                assert_eq!(frames(&mut world).len(), 1);
                next.lose(&mut world);
                next.connect(&mut world);
                assert!(frames(&mut world).is_empty(), "{name}, {next:?}");
            }
        }
    }
}

#[test]
fn a_bare_payload_waits_and_is_never_sent_twice() {
    let bare = |builder: ClientBuilder| quiet(builder).subprotocol(None);
    let mut world = Scripted::new(bare);
    let mut start = world.call(|client| async move { client.start().await });
    // There is no greeting to wait for.
    assert!(world.poll(&mut start).unwrap().is_ok());
    world.accept();
    let send = |world: &Scripted, payload: &'static str| {
        let data = Data::Text(payload.into());
        let mut sent = world.call(|client| async move { client.send(data).await });
        assert!(world.poll(&mut sent).unwrap().is_ok());
    };
    send(&world, "one");
    assert_eq!(frames(&mut world), ["one"]);
    world.cut();
    send(&world, "two");
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    assert_eq!(frames(&mut world), ["two"]);
}

#[test]
fn the_fragments_of_a_stream_are_sent_again_only_on_the_same_connection() {
    for next in Next::BOTH {
        let mut world = Scripted::connected(quiet);
        let mut writing = world.call(|client| async move {
            let options = StreamOptions::default();
            let mut stream = client.open_group_stream("g", options).await?;
            stream.write(text()).await?;
            stream.end().await
        });
        assert!(world.poll(&mut writing).is_none());
        frames(&mut world);
        world.say(r#"{"type":"streamAck","streamId":"s-1","expectedSequenceId":1}"#);
        assert!(world.poll(&mut writing).is_none());
        let sent = frames(&mut world);
        assert!(sent[0].contains("streamData"), "{sent:?}");
        next.lose(&mut world);
        next.connect(&mut world);
        let again = frames(&mut world);
        match next {
            Next::Recovered => assert_eq!(again[0], sent[0]),
            Next::Replaced => {
                assert!(again.is_empty(), "{again:?}");
                let error = world.poll(&mut writing).unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Closed);
            }
        }
    }
}
