//! Listens on a hybrid connection: echoes the messages of WebSockets, answers
//! HTTP requests with their method, target and body length as JSON, and prints
//! its state changes as lines of JSON. Ends in order on Ctrl-C.
//!
//! `relay_listener_echo --config config.json [--ca FILE]`

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

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
    let mut listener = Listener::builder(settings.hybrid_connection, settings.credential)
        .network(settings.network)
        .request_handler(handler_fn(answer))
        .open()
        .await?;
    let tasks = TokioRuntime::new();
    let changes = listener.changes();
    let handle = listener.handle();
    tasks.spawn(Box::pin(async move {
        // Without signals it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.shutdown().await;
        }
    }));
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
    Ok(())
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
    futures::AsyncWriteExt::close(&mut stream).await?;
    Ok(())
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
