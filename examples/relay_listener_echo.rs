//! Listens on a hybrid connection: echoes WebSocket messages, answers
//! HTTP requests with their method, target and body length as JSON, and prints
//! its state changes as lines of JSON. Ends gracefully on Ctrl-C.
//!
//! `relay_listener_echo [--config config.json] [--ca FILE]`

#![expect(
    clippy::print_stdout,
    reason = "the printed lines are the example's output"
)]

#[path = "relay_settings.rs"]
mod relay_settings;

use std::error::Error;

use azwire_relay::{IncomingConnection, Listener, ListenerState, StateChanges, handler_fn};
use azwire_transport::{Body, Runtime, TokioRuntime};
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use relay_settings::Settings;
use serde_json::json;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let (settings, _) = Settings::from_args(&[])?;
    let listener = open(settings).await?;
    let handle = listener.handle();
    TokioRuntime::new().spawn(Box::pin(async move {
        // Without signals it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.shutdown().await;
        }
    }));
    serve(listener).await;
    Ok(())
}

async fn open(settings: Settings) -> AnyResult<Listener> {
    let listener = Listener::builder(settings.hybrid_connection, settings.credential)
        .connector(settings.network)
        .request_handler(handler_fn(answer));
    Ok(listener.open().await?)
}

async fn serve(mut listener: Listener) {
    let changes = listener.changes();
    let tasks = TokioRuntime::new();
    let serving = async {
        while let Some(incoming) = listener.accept().await {
            tasks.spawn(Box::pin(async move {
                if let Err(error) = echo(incoming).await {
                    eprintln!("a connection ended early: {error}");
                }
            }));
        }
    };
    futures::future::join(serving, print_states(changes)).await;
}

async fn print_states(mut changes: StateChanges) {
    while let Some(state) = changes.next().await {
        let name = match state {
            ListenerState::Connecting => "connecting",
            ListenerState::Online => "online",
            _ => "offline",
        };
        let error = changes.last_error().map(|error| error.to_string());
        println!("{}", json!({ "state": name, "error": error }));
    }
}

async fn echo(incoming: IncomingConnection) -> AnyResult {
    let mut stream = incoming.accept().await?;
    while let Some(message) = stream.receive().await? {
        stream.send(message).await?;
    }
    // Once it returns, the sender has received everything.
    Ok(stream.finish().await?)
}

async fn answer(request: Request<Body>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) => length += chunk.len(),
            Err(_) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return response;
            }
        }
    }
    let target = head.uri.to_string();
    let answer = json!({ "method": head.method.as_str(), "target": target, "length": length });
    let mut response = Response::new(answer.to_string().into());
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

#[cfg(all(test, feature = "emulator"))]
mod tests {
    use azwire_emulator::Emulator;
    use azwire_relay::Sender;
    use azwire_transport::Message;
    use futures::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn senders_that_wait_are_answered_beside_each_other() {
        let emulator = Emulator::builder().start().await.unwrap();
        let text = emulator.relay().plain_connection_string("hc1");
        let settings = Settings::from_connection_string(text.expose()).unwrap();
        let listener = open(settings).await.unwrap();
        let handle = listener.handle();
        let serving = serve(listener);
        let sending = async {
            let sender = Sender::from_connection_string(text.expose()).unwrap();
            drop(sender.connect().await.unwrap());
            let mut first = sender.connect().await.unwrap();
            let mut second = sender.connect().await.unwrap();
            for stream in [&mut second, &mut first] {
                stream.send(Message::text("hello")).await.unwrap();
                let echo = stream.receive().await.unwrap();
                assert_eq!(echo, Some(Message::text("hello")));
                stream.close().await.unwrap();
                assert_eq!(stream.receive().await.unwrap(), None);
            }
            let request = Request::post("/orders").body("order".into()).unwrap();
            let response = sender.send(request).await.unwrap();
            let body = response.into_body().collect(1024).await.unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let expected = json!({ "method": "POST", "target": "/hc1/orders", "length": 5 });
            assert_eq!(answer, expected);
            handle.shutdown().await;
        };
        futures::join!(serving, sending);
    }
}
