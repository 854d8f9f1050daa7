//! A webhook over hyper alone: no framework, and the body of a rejected request is
//! not read.
//!
//! Starts the emulator, handles its events, and lets one client send a word,
//! which it receives back in capital letters.

#![expect(clippy::print_stdout, reason = "the example shows the response")]

use std::convert::Infallible;
use std::error::Error;

use azwire_emulator::{Emulator, EventHandlerConfig};
use azwire_pubsub::webhook::{
    EventHandler, Rejection, UserEventRequest, UserEventResponse, Webhook,
};
use azwire_pubsub::{Client, async_trait};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

struct Capitals;

#[async_trait]
impl EventHandler for Capitals {
    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        match request.data().as_str() {
            Some(text) => Ok(UserEventResponse::text(text.to_uppercase())),
            None => Err(Rejection::bad_request("only text has capitals")),
        }
    }
}

#[tokio::main]
async fn main() -> AnyResult {
    let emulator = Emulator::builder().start().await?;
    let connection_string = emulator.pubsub().connection_string();
    let webhook = Webhook::builder()
        .hub("capitals", Capitals)
        .connection_string(connection_string.expose())
        .build()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let handler = EventHandlerConfig::new("capitals", url);
    emulator.pubsub().add_event_handler(handler)?;

    tokio::select! {
        served = serve(listener, webhook) => served,
        asked = ask(connection_string.expose()) => asked,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example may spawn on tokio directly"
)]
async fn serve(listener: TcpListener, webhook: Webhook) -> AnyResult {
    loop {
        let (socket, _) = listener.accept().await?;
        let webhook = webhook.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&webhook, request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            if let Err(error) = connection.await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

/// Passes a request from hyper to the webhook.
async fn answer(
    webhook: &Webhook,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if let Some(response) = webhook.answer_head(&head) {
        return Ok(response.map(Full::new));
    }
    let Ok(body) = Limited::new(body, webhook.limits().body).collect().await else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(response);
    };
    let request = Request::from_parts(head, body.to_bytes());
    Ok(webhook.handle(request).await.map(Full::new))
}

async fn ask(connection_string: &str) -> AnyResult {
    let builder = Client::from_connection_string(connection_string, "capitals", None)?;
    let (client, mut events) = builder.build()?;
    client.start().await?;
    client.send_event("shout", "hello", None).await?;
    while let Some(event) = events.next().await {
        if let Some(text) = event.data().and_then(|data| data.as_str()) {
            println!("{text}");
            client.stop().await;
            return Ok(());
        }
    }
    Err("the events ended".into())
}
