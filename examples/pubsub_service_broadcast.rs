//! The service client: sends to everyone, to a group, to a user
//! and by a filter, lists a group, and closes its connections.
//!
//! Without settings it uses the embedded emulator, with two clients of its
//! own. With `WEBPUBSUB_CONNECTION_STRING` in the environment it uses Azure,
//! in the hub `broadcast`. It prints what the clients receive.

#![expect(clippy::print_stdout, reason = "the example shows what arrives")]

use std::error::Error;
use std::time::Duration;

use azwire_emulator::Emulator;
use azwire_pubsub::{
    Client, ClientAccessOptions, CloseOptions, Content, Events, Filter, SendOptions, ServiceClient,
};
use futures::{StreamExt, TryStreamExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (service, _emulator) = match std::env::var_os("WEBPUBSUB_CONNECTION_STRING") {
        Some(_) => (ServiceClient::from_env("broadcast")?, None),
        None => {
            let emulator = Emulator::builder().start().await?;
            let text = emulator.pubsub().connection_string();
            let service = ServiceClient::from_connection_string(text.expose(), "broadcast")?;
            (service, Some(emulator))
        }
    };
    service.service_status().await?;

    let (_ann, mut to_ann) = connect(&service, "ann").await?;
    let (_bob, mut to_bob) = connect(&service, "bob").await?;
    let room = service.group("room-7")?;
    room.add_user("ann").await?;

    let hello = Content::json(&serde_json::json!({ "text": "hello, everybody" }))?;
    let within_30_s = SendOptions::default().with_ttl(Duration::from_secs(30));
    service.send_to_all(hello, within_30_s).await?;
    room.send("hello, room", None).await?;
    // Whatever the user id contains, the value stays within its quotes.
    let not_in_the_room = Filter::in_group("room-7").not();
    let but_bobs = not_in_the_room.and(Filter::user_id().eq("bob"));
    let by_filter = SendOptions::default().with_filter(but_bobs);
    service
        .send_to_all("hello, those outside", by_filter)
        .await?;
    for (user, events) in [("ann", &mut to_ann), ("bob", &mut to_bob)] {
        println!("{user} received {}", next(events).await?);
        println!("{user} received {}", next(events).await?);
    }

    let mut members = room.list_connections(None)?;
    while let Some(member) = members.try_next().await? {
        println!("in the room: {:?}", member.user_id);
    }
    room.close_connections(CloseOptions::default().with_reason("closing time"))
        .await?;
    println!("is ann still there? {}", service.user_exists("ann").await?);
    println!("is bob still there? {}", service.user_exists("bob").await?);
    Ok(())
}

/// Connects a client as `user`.
async fn connect(service: &ServiceClient, user: &str) -> Result<(Client, Events), Box<dyn Error>> {
    let access = ClientAccessOptions::default().with_user_id(user)?;
    let url = service.client_access_url(access).await?;
    let (client, events) = Client::builder(&url).auto_reconnect(false).build()?;
    client.start().await?;
    Ok((client, events))
}

/// Returns the payload of the next message.
async fn next(events: &mut Events) -> Result<String, Box<dyn Error>> {
    while let Some(event) = events.next().await {
        if let Some(text) = event.data().and_then(|data| data.as_str()) {
            return Ok(text.to_owned());
        }
    }
    Err("the events ended".into())
}
