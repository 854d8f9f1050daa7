//! A relay that violates the protocol, and the order and size of relayed HTTP, step by step.

use std::time::Duration;

use auth::Secret;
use azwire_tests::relay::scripted::{Opening, Scripted};
use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{FutureExt, SinkExt, StreamExt};
use http::Response;
use relay::command::{Accept, Command, Request};
use relay::{Credential, Listener, RequestHandler, handler_fn};
use transport::{Body, CloseCode, Message, Runtime, TokioRuntime};

const ADDRESS: &str =
    "wss://g7-x-sb.servicebus.windows.net:443/$hc/hc1?sb-hc-action=request&sb-hc-id=I";

async fn serving(handler: impl RequestHandler) -> (Scripted, Listener, Opening) {
    let mut relay = Scripted::new();
    let token = Secret::new("SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z");
    let builder = relay.listener(Credential::signature(&token).unwrap());
    let listener = builder.request_handler(handler).open().await.unwrap();
    let control = relay.next().await;
    (relay, listener, control)
}

async fn echo(request: http::Request<Body>) -> Response<Body> {
    let body = request.into_body().collect(16 * 1024 * 1024).await.unwrap();
    Response::new(body.into())
}

fn request(id: &str, address: &str, body: bool) -> String {
    let head = format!(
        r#""id":"{id}","requestTarget":"/hc1","method":"POST","requestHeaders":{{}},"body":{body}"#
    );
    format!(r#"{{"request":{{"address":"{address}",{head}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn rendezvous_on_foreign_hosts_or_without_tls_are_not_followed() {
    let (mut relay, mut listener, mut control) = serving(handler_fn(echo)).await;
    for address in [
        "wss://evil.example/$hc/hc1",
        "ws://contoso.servicebus.windows.net/$hc/hc1",
        "https://contoso.servicebus.windows.net/$hc/hc1",
        "wss://user@contoso.servicebus.windows.net/$hc/hc1",
        "wss://contoso.servicebus.windows.net.evil.example/",
        "not a url",
        "",
    ] {
        control
            .command(&Command::Accept(Accept::new(address, "I")))
            .await;
        control
            .text(&format!(r#"{{"request":{{"address":"{address}"}}}}"#))
            .await;
    }
    // None of these was opened; a valid one is.
    let good = "wss://contoso.servicebus.windows.net/$hc/hc1?sb-hc-action=accept";
    control
        .command(&Command::Accept(Accept::new(good, "I")))
        .await;
    let _stream = listener.accept().await.unwrap().accept().await.unwrap();
    assert_eq!(relay.next().await.request.uri, good);
    assert!(relay.is_idle());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_command_is_passed_over() {
    let (_relay, _listener, mut control) = serving(handler_fn(echo)).await;
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"accept":5}"#,
        r#"{"accept":{}}"#,
        r#"{"new":{}}"#,
    ] {
        control.text(text).await;
    }
    control.binary(b"stray").await;
    control.binary(b"").await;
    control.text(&request("I", ADDRESS, false)).await;
    assert_eq!(control.response().await.status_code, 200);
}

#[tokio::test(start_paused = true)]
async fn small_requests_are_answered_on_the_control_channel() {
    let (mut relay, _listener, mut control) = serving(handler_fn(echo)).await;
    for len in [0, 1, 65_536] {
        control.text(&request("I", ADDRESS, true)).await;
        let body = vec![7; len];
        control.binary(&body).await;
        let response = control.response().await;
        assert_eq!(
            (response.request_id.as_str(), response.status_code),
            ("I", 200)
        );
        assert_eq!(response.body, len > 0);
        if len > 0 {
            assert_eq!(control.data().await, Message::binary(body));
        }
    }
    assert!(relay.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_large_response_goes_to_the_rendezvous_of_its_request() {
    let large = handler_fn(async |_| Response::new(vec![7; 65_537].into()));
    let (mut relay, _listener, mut control) = serving(large).await;
    control.text(&request("I", ADDRESS, false)).await;
    let mut rendezvous = relay.next().await;
    assert_eq!(rendezvous.request.uri, ADDRESS);
    let response = rendezvous.response().await;
    assert_eq!((response.request_id.as_str(), response.body), ("I", true));
    assert_eq!(rendezvous.data().await, Message::binary(vec![7; 65_537]));
    // Another request of the same sender comes by the same rendezvous.
    rendezvous.text(&request("J", ADDRESS, false)).await;
    assert_eq!(rendezvous.response().await.request_id, "J");
    assert_eq!(rendezvous.data().await.payload_len(), 65_537);
    // Nothing was sent on the control channel: the next response there belongs to the next request.
    control
        .text(&request("K", "wss://evil.example/", true))
        .await;
    control.text(&request("L", ADDRESS, false)).await;
    assert_eq!(control.response().await.request_id, "K");
}

#[tokio::test(start_paused = true)]
async fn a_pointer_is_followed_and_answered_at_the_rendezvous_however_small() {
    let (mut relay, _listener, mut control) = serving(handler_fn(echo)).await;
    control
        .text(&format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#))
        .await;
    let mut rendezvous = relay.next().await;
    for (id, body) in [("I", &b""[..]), ("J", b"small"), ("K", &[9; 200_000])] {
        rendezvous.text(&request(id, ADDRESS, true)).await;
        rendezvous.binary(body).await;
        assert_eq!(rendezvous.response().await.request_id, id);
        if !body.is_empty() {
            assert_eq!(
                rendezvous.data().await,
                Message::Binary(Bytes::copy_from_slice(body))
            );
        }
    }
    // It is closed after being idle for long enough.
    assert!(matches!(
        rendezvous.socket.next().await,
        Some(Ok(Message::Close(Some(_))))
    ));
}

#[tokio::test(start_paused = true)]
async fn text_where_a_body_is_due_ends_the_rendezvous() {
    let (mut relay, _listener, mut control) = serving(handler_fn(echo)).await;
    control
        .text(&format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#))
        .await;
    let mut rendezvous = relay.next().await;
    rendezvous.text(&request("I", ADDRESS, true)).await;
    rendezvous.text("not a body").await;
    let Some(Ok(Message::Close(Some(close)))) = rendezvous.socket.next().await else {
        panic!("expected a close frame");
    };
    assert_eq!(close.code, CloseCode::PROTOCOL_ERROR);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_understood_is_refused() {
    let (_relay, _listener, mut control) = serving(handler_fn(echo)).await;
    let mut command = match Command::decode(&request("I", ADDRESS, false)).unwrap() {
        Some(Command::Request(command)) => command,
        other => panic!("expected a request, got {other:?}"),
    };
    let send = async |control: &mut Opening, command: &Request| {
        control.command(&Command::Request(command.clone())).await;
        control.response().await.status_code
    };
    command.method = Some("NO METHOD".to_owned());
    assert_eq!(send(&mut control, &command).await, 400);
    command.method = Some("GET".to_owned());
    command
        .request_headers
        .insert("a".to_owned(), "1\r\nb: 2".to_owned());
    assert_eq!(send(&mut control, &command).await, 400);
    command.request_headers.clear();
    assert_eq!(send(&mut control, &command).await, 200);
    // A body over the limit, and one that does not arrive.
    control.text(&request("I", ADDRESS, true)).await;
    control.binary(&[0; 65_537]).await;
    assert_eq!(control.response().await.status_code, 413);
    control.text(&request("I", ADDRESS, true)).await;
    control.text(&request("J", ADDRESS, false)).await;
    let first = control.response().await;
    assert_eq!((first.request_id.as_str(), first.status_code), ("I", 500));
    assert_eq!(control.response().await.request_id, "J");
}

#[tokio::test(start_paused = true)]
async fn a_lost_control_channel_gives_its_handlers_up() {
    let (given_up, outcome) = oneshot::channel();
    let (started, mut begun) = mpsc::unbounded();
    let handler = silent(started, given_up);
    let (mut relay, _listener, mut control) = serving(handler).await;
    control.text(&request("I", ADDRESS, false)).await;
    begun.next().await.unwrap();
    control.link.cut();
    outcome.await.unwrap();
    relay.next().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_rendezvous_gives_its_handler_up() {
    for close in [false, true] {
        let (given_up, outcome) = oneshot::channel();
        let (started, mut begun) = mpsc::unbounded();
        let handler = silent(started, given_up);
        let (mut relay, _listener, mut control) = serving(handler).await;
        control
            .text(&format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#))
            .await;
        let mut rendezvous = relay.next().await;
        rendezvous.text(&request("I", ADDRESS, true)).await;
        rendezvous.binary(b"body").await;
        begun.next().await.unwrap();
        let sent = tokio::time::Instant::now();
        if close {
            rendezvous.socket.send(Message::Close(None)).await.unwrap();
        } else {
            rendezvous.link.cut();
        }
        outcome.await.unwrap();
        assert!(
            sent.elapsed() < Duration::from_secs(1),
            "{:?}",
            sent.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_handler_gets_its_sender_504_before_the_relay_gives_up() {
    let silent = handler_fn(async |_| std::future::pending::<Response<Body>>().await);
    let (_relay, _listener, mut control) = serving(silent).await;
    let sent = tokio::time::Instant::now();
    control.text(&request("I", ADDRESS, false)).await;
    let response = control.response().await;
    assert_eq!(response.status_code, 504);
    assert!(sent.elapsed() < Duration::from_secs(60));
    assert!(
        response
            .status_description
            .unwrap()
            .contains("TrackingId:I")
    );
    control.socket.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_small_body_that_is_late_goes_by_rendezvous_so_that_the_head_leaves() {
    // The length is known, but the bytes are not available yet.
    let slow = handler_fn(async |request: http::Request<Body>| {
        let wait = match request.uri().query() {
            Some("soon") => Duration::from_secs(1),
            _ => Duration::from_secs(20),
        };
        let pieces = futures::stream::iter([None, Some(wait)]).then(|wait| async move {
            if let Some(wait) = wait {
                let clock = TokioRuntime::new();
                clock.sleep_until(clock.now() + wait).await;
            }
            Ok::<_, transport::Error>(Bytes::from_static(b"12345"))
        });
        Response::new(Body::from_stream(pieces, Some(10)))
    });
    let (mut relay, _listener, mut control) = serving(slow).await;
    let target = |query: &str| {
        request("I", ADDRESS, false).replace("\"/hc1\"", &format!("\"/hc1?{query}\""))
    };
    control.text(&target("soon")).await;
    let response = control.response().await;
    assert_eq!((response.status_code, response.body), (200, true));
    assert_eq!(control.data().await, Message::binary("1234512345"));
    control.text(&target("late")).await;
    let mut rendezvous = relay.next().await;
    let response = rendezvous.response().await;
    assert_eq!((response.status_code, response.body), (200, true));
    assert_eq!(rendezvous.data().await, Message::binary("1234512345"));

    let never = handler_fn(async |_| {
        let pieces = futures::stream::pending::<Result<Bytes, transport::Error>>();
        Response::new(Body::from_stream(pieces, Some(10)))
    });
    let (mut relay, _listener, mut control) = serving(never).await;
    control.text(&request("I", ADDRESS, false)).await;
    let mut rendezvous = relay.next().await;
    let response = rendezvous.response().await;
    assert_eq!((response.status_code, response.body), (200, true));
    assert!(rendezvous.socket.next().now_or_never().is_none());
    control.socket.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_panics_or_breaks_is_told_as_far_as_it_can_be() {
    let broken = handler_fn(async |request: http::Request<Body>| {
        let panics = request.uri().query() == Some("panic");
        let pieces = futures::stream::poll_fn(move |_| {
            assert!(!panics, "secret detail");
            std::task::Poll::Ready(Some(Err::<Bytes, _>("secret detail")))
        });
        Response::new(Body::from_stream(pieces, None))
    });
    let (mut relay, _listener, mut control) = serving(broken).await;
    for query in ["panic", "error"] {
        let text = request("I", ADDRESS, false).replace("\"/hc1\"", &format!("\"/hc1?{query}\""));
        control.text(&text).await;
        let response = control.response().await;
        assert_eq!(
            (response.status_code, response.body),
            (500, false),
            "{query}"
        );
        let reason = response.status_description.unwrap();
        assert!(reason.contains("TrackingId:I") && !reason.contains("secret"));
    }

    // Once the head is sent, only the missing end can report the failure.
    let midway = handler_fn(async |_| {
        let pieces = [Ok(Bytes::from(vec![7; 70_000])), Err("secret detail")];
        let pieces = futures::stream::iter(pieces).then(|piece| async {
            tokio::task::yield_now().await;
            piece
        });
        Response::new(Body::from_stream(pieces, None))
    });
    let (mut relay_of_midway, _listener, mut control) = serving(midway).await;
    control.text(&request("I", ADDRESS, false)).await;
    let mut rendezvous = relay_of_midway.next().await;
    assert_eq!(rendezvous.response().await.status_code, 200);
    while let Some(Ok(message)) = rendezvous.socket.next().await {
        assert!(
            !matches!(message, Message::Binary(_)),
            "the body must not end"
        );
    }
    assert!(relay.is_idle());
}

#[tokio::test(start_paused = true)]
async fn over_the_limit_a_pointer_is_answered_with_503_too() {
    let (given_up, _outcome) = oneshot::channel();
    let (started, mut begun) = mpsc::unbounded();
    let mut relay = Scripted::new();
    let token = Secret::new("SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z");
    let builder = relay.listener(Credential::signature(&token).unwrap());
    let options = relay::HttpOptions::default().with_max_requests(1);
    let builder = builder
        .http(options)
        .request_handler(silent(started, given_up));
    let _listener = builder.open().await.unwrap();
    let mut control = relay.next().await;
    control.text(&request("I", ADDRESS, false)).await;
    begun.next().await.unwrap();
    control.text(&request("J", ADDRESS, false)).await;
    assert_eq!(control.response().await.status_code, 503);
    control
        .text(&format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#))
        .await;
    let mut rendezvous = relay.next().await;
    rendezvous.text(&request("K", ADDRESS, true)).await;
    rendezvous.binary(b"body").await;
    let response = rendezvous.response().await;
    assert_eq!(
        (response.request_id.as_str(), response.status_code),
        ("K", 503)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pointer_may_lead_to_a_request_without_a_body() {
    let (mut relay, _listener, mut control) = serving(handler_fn(echo)).await;
    control
        .text(&format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#))
        .await;
    let mut rendezvous = relay.next().await;
    rendezvous.text(&request("I", ADDRESS, false)).await;
    let response = rendezvous.response().await;
    assert_eq!((response.request_id.as_str(), response.body), ("I", false));
}

/// A handler that never answers, and reports when it starts and when it is dropped.
fn silent(
    started: mpsc::UnboundedSender<()>,
    given_up: oneshot::Sender<()>,
) -> impl RequestHandler {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().map(|sender| sender.send(()));
        }
    }
    let guard = std::sync::Mutex::new(Some(Dropped(Some(given_up))));
    handler_fn(move |_| {
        let guard = guard.lock().unwrap().take();
        started.unbounded_send(()).unwrap();
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Response::new(Body::empty())
        }
    })
}
