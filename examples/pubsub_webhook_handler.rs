//! A small chat in one web server: `/negotiate?id=NAME` gives a user a URL of the hub `chat`, and
//! the webhook at `/events` sends what the clients write to everyone. On the embedded emulator,
//! two clients talk.

#![expect(clippy::print_stdout, reason = "the example shows the conversation")]

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Json, Router, routing::get};
use azwire_emulator::{Emulator, EventHandlerConfig};
use azwire_pubsub::webhook::{
    ConnectRequest, ConnectResponse, EventHandler, Rejection, UserEventRequest, UserEventResponse,
    Webhook,
};
use azwire_pubsub::{Client, ClientAccessOptions, ClientCredential, ServiceClient, async_trait};
use azwire_pubsub::{Content, Messages};
use futures::TryStreamExt;
use serde::Deserialize;

type AnyResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What the clients receive.
#[derive(Deserialize)]
struct Line {
    from: String,
    text: String,
}

struct Chat(ServiceClient);

#[async_trait]
impl EventHandler for Chat {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let user = request.context().user_id();
        user.ok_or_else(|| Rejection::unauthorized("the chat is for users"))?;
        Ok(ConnectResponse::accept())
    }

    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let (Some(user), Some(text)) = (request.context().user_id(), request.data().as_str())
        else {
            return Err(Rejection::bad_request("lines are text"));
        };
        let line = serde_json::json!({ "from": user.as_str(), "text": text });
        // An error is a 500, after which the service calls again: a line may arrive twice.
        self.0.send_to_all(Content::json(&line)?, None).await?;
        Ok(UserEventResponse::accept())
    }
}

#[derive(Deserialize)]
struct User {
    id: String,
}

/// An application first checks that the user is who he says he is.
async fn negotiate(
    State(chat): State<ServiceClient>,
    Query(User { id }): Query<User>,
) -> Result<impl IntoResponse, (StatusCode, String)> {
    let failed = |status| move |error: azwire_pubsub::Error| (status, error.to_string());
    let access = ClientAccessOptions::default().with_user_id(id);
    let access = access.map_err(failed(StatusCode::BAD_REQUEST))?;
    let url = chat.client_access_url(access).await;
    let url = url.map_err(failed(StatusCode::BAD_GATEWAY))?;
    // It holds a token, which no cache may keep.
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(url.into_token_response())))
}

fn app(connection_string: &str) -> azwire_pubsub::Result<Router> {
    let chat = ServiceClient::from_connection_string(connection_string, "chat")?;
    let webhook = Webhook::builder().hub("chat", Chat(chat.clone()));
    let webhook = webhook.connection_string(connection_string).build()?;
    let router = Router::new().route("/negotiate", get(negotiate));
    Ok(router.with_state(chat).route_service("/events", webhook))
}

#[tokio::main]
async fn main() -> AnyResult {
    let emulator = Emulator::builder().start().await?;
    let app = app(emulator.pubsub().connection_string().expose())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let server = format!("http://{}", listener.local_addr()?);
    let handler = EventHandlerConfig::new("chat", format!("{server}/events"));
    emulator.pubsub().add_event_handler(handler)?;
    tokio::select! {
        served = axum::serve(listener, app).into_future() => Ok(served?),
        talked = talk(&server) => talked,
    }
}

async fn talk(server: &str) -> AnyResult {
    let (ann, mut ann_sees) = join(server, "ann").await?;
    let (bob, mut bob_sees) = join(server, "bob").await?;
    for (client, spoken) in [(&ann, "hello"), (&bob, "good morning")] {
        client.send_event("message", spoken, None).await?;
        for (user, messages) in [("ann", &mut ann_sees), ("bob", &mut bob_sees)] {
            let Line { from, text } = messages.try_next().await?.ok_or("no line")?.value;
            println!("{user} sees {from}: {text}");
            (text == spoken)
                .then_some(())
                .ok_or("this is another line")?;
        }
    }
    Ok(())
}

async fn join(server: &str, id: &str) -> AnyResult<(Client, Messages<Line>)> {
    let uri = format!("{server}/negotiate?id={id}");
    let credential = ClientCredential::from_fn(move || ask(uri.clone()));
    let (client, events) = Client::builder(credential).build()?;
    client.start().await?;
    Ok((client, events.messages()))
}

/// Asks the server for a URL, as a client does for each new connection.
async fn ask(uri: String) -> AnyResult<String> {
    let response = reqwest::get(uri).await?.error_for_status()?;
    let answer: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
    Ok(answer["url"].as_str().ok_or("no URL")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_see_each_line() {
        main().unwrap();
    }

    #[tokio::test]
    async fn a_client_without_a_user_is_rejected_and_no_cache_keeps_a_token() -> AnyResult {
        let emulator = Emulator::builder().start().await?;
        let connection_string = emulator.pubsub().connection_string();
        let handler = EventHandlerConfig::new("chat", "http://chat.test/events");
        let handler = handler.with_service(app(connection_string.expose())?);
        emulator.pubsub().add_event_handler(handler)?;
        let client = Client::from_connection_string(connection_string.expose(), "chat", None)?;
        let error = client.build()?.0.start().await.unwrap_err();
        assert_eq!(error.kind(), azwire_pubsub::ErrorKind::Auth);
        let chat = ServiceClient::from_connection_string(connection_string.expose(), "chat")?;
        let user = Query(User { id: "ann".into() });
        let answer = negotiate(State(chat), user).await.into_response();
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        Ok(())
    }
}
