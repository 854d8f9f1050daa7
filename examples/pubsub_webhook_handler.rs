//! A chat whose server half is a webhook: axum receives the events of two hubs.
//!
//! Starts the emulator, serves the webhook for it, and lets two clients talk.
//! In the hub `chat` two lines are commands: `/nick NAME` stores a name in the
//! connection state, `/who` returns it; any other line goes to everyone.
//! The hub `support` rejects every client. The example checks its own results.

#![expect(clippy::print_stdout, reason = "the example shows the conversation")]

use async_trait::async_trait;
use axum::Router;
use azwire_emulator::{Emulator, EventHandlerConfig};
use azwire_pubsub::webhook::{
    ConnectRequest, ConnectResponse, ConnectionState, EventHandler, Rejection, UserEventRequest,
    UserEventResponse, Webhook,
};
use azwire_pubsub::{
    Client, ClientAccessOptions, Data, Event, Events, SendEventOptions, SendOptions,
};
use azwire_pubsub::{ErrorKind, ServiceClient};
use futures::StreamExt;
use tokio::net::TcpListener;

type AnyResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The handler of the hub `chat`.
struct Chat(ServiceClient);

#[async_trait]
impl EventHandler for Chat {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let Some(user) = request.context().user_id() else {
            return Err(Rejection::unauthorized("the chat is for users"));
        };
        Ok(ConnectResponse::accept().with_state(ConnectionState::json(user.as_str())?))
    }

    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let (Some(state), Data::Text(line)) = (request.context().state(), request.data()) else {
            return Err(Rejection::bad_request("lines are text"));
        };
        let name: String = state.to_json()?;
        if let Some(name) = line.strip_prefix("/nick ") {
            let answer = UserEventResponse::text(format!("you are {name} now"));
            return Ok(answer.with_state(ConnectionState::json(name)?));
        }
        if line.as_str() == "/who" {
            return Ok(UserEventResponse::text(format!("you are {name}")));
        }
        let line = format!("{name}: {}", line.as_str());
        self.0.send_to_all(line, SendOptions::default()).await?;
        Ok(UserEventResponse::accept())
    }
}

/// The handler of the hub `support`.
struct Support;

#[async_trait]
impl EventHandler for Support {
    async fn connect(&self, _: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        Err(Rejection::forbidden("we are closed"))
    }
}

#[tokio::main]
async fn main() -> AnyResult {
    run().await
}

async fn run() -> AnyResult {
    let emulator = Emulator::builder().start().await?;
    let connection_string = emulator.pubsub().connection_string();
    let hub = |hub| ServiceClient::from_connection_string(connection_string.expose(), hub);
    let (chat, support) = (hub("chat")?, hub("support")?);

    let webhook = Webhook::builder()
        .hub("chat", Chat(chat.clone()))
        .hub("support", Support)
        .connection_string(connection_string.expose())
        .build()?;
    let router = Router::new().route_service("/events/{event}", webhook);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/events/{{event}}", listener.local_addr()?);
    for hub in ["chat", "support"] {
        let handler = EventHandlerConfig::new(hub, url.as_str());
        emulator.pubsub().add_event_handler(handler)?;
    }
    tokio::select! {
        served = axum::serve(listener, router).into_future() => Ok(served?),
        talked = talk(&chat, &support) => talked,
    }
}

async fn talk(chat: &ServiceClient, support: &ServiceClient) -> AnyResult {
    let (ann, mut ann_sees) = client(chat, "ann").await?;
    let (bob, mut bob_sees) = client(chat, "bob").await?;
    ann.start().await?;
    bob.start().await?;
    for (line, answer) in [
        ("/who", "you are ann"),
        ("/nick queen", "you are queen now"),
        ("hello", "queen: hello"),
    ] {
        let options = SendEventOptions::default();
        ann.send_event("message", Data::Text(line.into()), options)
            .await?;
        expect(&mut ann_sees, answer).await?;
    }
    expect(&mut bob_sees, "queen: hello").await?;

    let (cid, _) = client(support, "cid").await?;
    match cid.start().await {
        Err(error) if error.kind() == ErrorKind::Auth => println!("cid was rejected"),
        other => return Err(format!("cid should be rejected: {other:?}").into()),
    }
    futures::future::join(ann.stop(), bob.stop()).await;
    Ok(())
}

async fn client(hub: &ServiceClient, user: &str) -> AnyResult<(Client, Events)> {
    let access = ClientAccessOptions::default().with_user_id(user)?;
    let url = hub.client_access_url(&access).await?;
    Ok(Client::builder(&url).build()?)
}

async fn expect(events: &mut Events, expected: &str) -> AnyResult {
    while let Some(event) = events.next().await {
        if let Event::ServerMessage { data, .. } = event {
            println!("{}", String::from_utf8_lossy(data.as_bytes()));
            return match data.as_bytes() == expected.as_bytes() {
                true => Ok(()),
                false => Err(format!("it should be {expected:?}").into()),
            };
        }
    }
    Err("the events ended".into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "only a hang should reach it")]
    async fn the_chat_runs() {
        let run = tokio::time::timeout(Duration::from_secs(60), super::run());
        run.await.unwrap().unwrap();
    }
}
