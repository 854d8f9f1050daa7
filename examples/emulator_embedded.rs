//! An application's offline test: the application is a function that greets
//! everybody in a room, and the test runs it against an emulator.
//!
//! The emulator is a value: it listens on free ports and stops on drop, so that
//! tests run side by side. The application gets a connection string and does not
//! notice. `cargo test --example emulator_embedded` runs the tests.

#![expect(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::error::Error;

use azwire_emulator::Emulator;
use azwire_pubsub::{Client, ClientAccessOptions, Events, ServiceClient};
use futures::StreamExt;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The application.
async fn greet(connection_string: &str, room: &str, text: &str) -> azwire_pubsub::Result<bool> {
    let service = ServiceClient::from_connection_string(connection_string, "app")?;
    if !service.group_exists(room).await? {
        return Ok(false);
    }
    service.send_to_group(room, text, None).await?;
    Ok(true)
}

#[tokio::main]
async fn main() -> AnyResult {
    let emulator = Emulator::builder().start().await?;
    let connection_string = emulator.pubsub().connection_string();
    let (_ann, mut events) = guest(&emulator, "ann", "room-7").await?;
    for room in ["room-7", "room-8"] {
        let greeted = greet(connection_string.expose(), room, "good morning").await?;
        println!("{room}: greeted {greeted}");
    }
    println!("ann received {:?}", received(&mut events).await?);
    Ok(())
}

/// Connects a client to a room.
async fn guest(emulator: &Emulator, user: &str, room: &str) -> AnyResult<(Client, Events)> {
    let connection_string = emulator.pubsub().connection_string();
    let access = ClientAccessOptions::default()
        .with_user_id(user)?
        .with_group(room)?;
    let builder = Client::from_connection_string(connection_string.expose(), "app", access)?;
    let (client, events) = builder.build()?;
    client.start().await?;
    Ok((client, events))
}

/// Returns the text of the next message.
async fn received(events: &mut Events) -> AnyResult<String> {
    while let Some(event) = events.next().await {
        if let Some(text) = event.data().and_then(|data| data.as_str()) {
            return Ok(text.to_owned());
        }
    }
    Err("the events ended".into())
}

#[cfg(test)]
mod tests {
    use azwire_emulator::{Fault, FaultPlan, FaultRule, PubSubState};
    use azwire_pubsub::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn whoever_is_in_the_room_is_greeted() {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let (_ann, mut events) = guest(&emulator, "ann", "room-7").await.unwrap();
        let greeted = greet(connection_string.expose(), "room-7", "hello").await;
        assert!(greeted.unwrap());
        assert_eq!(received(&mut events).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn nobody_is_greeted_in_a_room_that_everybody_has_left() {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let (ann, _events) = guest(&emulator, "ann", "room-7").await.unwrap();
        ann.stop().await;
        // The service learns of it a moment later.
        let left = |state: &PubSubState| state.hub("app").group("room-7").is_empty();
        emulator.pubsub().wait_for(left).await.unwrap();
        let greeted = greet(connection_string.expose(), "room-7", "hello").await;
        assert!(!greeted.unwrap());
    }

    #[tokio::test]
    async fn a_service_that_refuses_is_told() {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let refusing = FaultRule::on_request(Fault::Status {
            status: 403,
            retry_after: None,
        })
        .forever();
        emulator
            .pubsub()
            .arm(FaultPlan::new(1).with(refusing))
            .unwrap();
        let greeted = greet(connection_string.expose(), "room-7", "hello").await;
        assert_eq!(greeted.unwrap_err().kind(), ErrorKind::Auth);
        // Once, because a refusal is not tried again.
        assert_eq!(emulator.pubsub().state().faults.struck(), 1);
    }
}
