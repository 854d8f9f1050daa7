//! A listener's control channel driven by a plain loop: no task, no driver, one
//! socket. It shows that the state machine performs no I/O.
//!
//! It leaves every sender waiting and answers small HTTP requests with `hello`.
//!
//! `relay_control_by_hand CONNECTION_STRING`

#![expect(
    clippy::print_stdout,
    reason = "the printed lines are the example's output"
)]

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use azwire_auth::Secret;
use azwire_relay::control::ControlChannel;
use azwire_relay::control::{Action, ControlOptions, Event, Loss};
use azwire_relay::exchange::{OutgoingBody, Responded};
use azwire_relay::{ConnectionString, ConnectionStringCredential};
use azwire_transport::net::HyperWebSocketConnector;
use azwire_transport::{HandshakeRequest, Runtime, TokioRuntime, WebSocket, WebSocketConnector};
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, Response};

const LIFE: Duration = Duration::from_secs(3600);

/// How long the peer may leave no room for a message.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let text = std::env::args().nth(1).ok_or("give a connection string")?;
    run(&text).await
}

/// Runs a control channel until it is offline for good.
async fn run(text: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let parsed: ConnectionString = text.parse()?;
    let hybrid_connection = parsed.hybrid_connection()?;
    let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
        return Err("a key is needed".into());
    };
    let clock = TokioRuntime::new();
    let connector = HyperWebSocketConnector::default();
    let mut socket: Option<Box<dyn WebSocket>> = None;
    let mut channel = ControlChannel::new(ControlOptions::default(), 1);
    channel.start(clock.now());
    while !channel.is_offline() {
        while let Some(action) = channel.poll_action() {
            match action {
                Action::FetchToken => {
                    let token = hybrid_connection.sas_token(key, clock.system_time() + LIFE);
                    let token = Secret::new(token.expose());
                    channel.handle_token(clock.now(), Ok(Some((token, LIFE))));
                }
                Action::Dial(token) => {
                    let id = "5e6c9b7e-4f0a-4d5f-9a50-0c3a1e2b7d11";
                    let mut request = HandshakeRequest::new(hybrid_connection.listen_uri(id)?);
                    if let Some(token) = token {
                        let value = HeaderValue::try_from(token.expose())?;
                        let name = azwire_relay::header::SERVICE_BUS_AUTHORIZATION;
                        request = request.with_header(name, value);
                    }
                    match connector.connect(request).await {
                        Ok(opened) => {
                            socket = Some(opened.socket);
                            channel.handle_open(clock.now());
                        }
                        Err(error) => {
                            eprintln!("failed to open the control channel: {error}");
                            channel.handle_closed(clock.now(), Loss::Ended);
                        }
                    }
                }
                Action::Transmit(message) => {
                    let Some(open) = &mut socket else { continue };
                    // A read reports the failure too. A peer that does not
                    // read must not keep the channel from dropping it.
                    let patience = clock.sleep_until(clock.now() + PATIENCE);
                    let sending = pin!(open.send(message));
                    if let Either::Right(_) = select(sending, patience).await {
                        socket = None;
                        channel.handle_closed(clock.now(), Loss::Ended);
                    }
                }
                _ => socket = None,
            }
        }
        while let Some(event) = channel.poll_event() {
            match event {
                Event::Request(request, responder) => {
                    println!("{} {}", request.method(), request.uri().path());
                    let head = Response::new(()).into_parts().0;
                    let body = OutgoingBody::Whole("hello\n".into());
                    if let Ok(Responded::OnControl(response)) = responder.respond(&head, body) {
                        channel.respond(clock.now(), response);
                    }
                }
                Event::Incoming(accept) => println!("ignored sender: {}", accept.id),
                other => println!("{other:?}"),
            }
        }
        // A response to an event is an action again: it is sent after the next wake-up at the latest.
        let deadline = channel.poll_timeout().unwrap_or_else(|| clock.now() + LIFE);
        let wait = clock.sleep_until(deadline.min(clock.now() + Duration::from_millis(20)));
        let Some(open) = &mut socket else {
            wait.await;
            channel.handle_timeout(clock.now());
            continue;
        };
        tokio::select! {
            received = open.next() => match received {
                Some(Ok(message)) => {
                    if let Err(error) = channel.handle_message(clock.now(), message) {
                        eprintln!("ignored: {error}");
                    }
                }
                Some(Err(_)) | None => {
                    socket = None;
                    channel.handle_closed(clock.now(), Loss::Ended);
                }
            },
            () = wait => channel.handle_timeout(clock.now()),
        }
    }
    Ok(())
}

#[cfg(all(test, feature = "emulator"))]
mod tests {
    use azwire_emulator::Emulator;
    use azwire_relay::Sender;
    use azwire_transport::Body;
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn a_sender_that_waits_is_answered() {
        let emulator = Emulator::builder().start().await.unwrap();
        let text = emulator.relay().plain_connection_string("hc1");
        let asking = async {
            let sender = Sender::from_connection_string(text.expose()).unwrap();
            while sender.runtime_information().await.unwrap().listener_count == 0 {
                tokio::task::yield_now().await;
            }
            for _ in 0..3 {
                let request = Request::get("/").body(Body::empty()).unwrap();
                let response = sender.send(request).await.unwrap();
                let body = response.into_body().collect(1024).await.unwrap();
                assert_eq!(body, "hello\n");
            }
        };
        let running = pin!(run(text.expose()));
        match select(running, pin!(asking)).await {
            Either::Left((ended, _)) => panic!("the channel has ended: {ended:?}"),
            Either::Right(_) => {}
        }
    }
}
