//! A chat room: sends every line of standard input to a group, and prints every message of
//! the group. With `--url CLIENT_ACCESS_URL` it uses your hub; without
//! it the embedded emulator, where a second client greets everyone.
//!
//! `echo hello | pubsub_client_chat [--url CLIENT_ACCESS_URL] [--room GROUP]`

#![expect(clippy::print_stdout, reason = "a chat is shown on the terminal")]

use std::error::Error;
use std::io::BufRead;

use azwire_emulator::Emulator;
use azwire_pubsub::{
    Client, ClientAccessOptions, ClientBuilder, Event, Events, Role, SendToGroupOptions,
};
use azwire_transport::{Runtime, TokioRuntime};
use futures::StreamExt;
use futures::channel::mpsc;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let (mut url, mut room) = (None, "lobby".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("every option needs a value")?;
        match name.as_str() {
            "--url" => url = Some(value),
            "--room" => room = value,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    // The emulator runs as long as the chat.
    let (_emulator, builder) = match url {
        Some(url) => (None, Client::builder(url)),
        None => {
            let emulator = Emulator::builder().start().await?;
            greet(user(&emulator, "bob")?, room.clone()).await?;
            let you = user(&emulator, "you")?;
            (Some(emulator), you)
        }
    };
    let (client, events) = builder.build()?;
    client.start().await?;
    TokioRuntime::new().spawn(Box::pin(print(events)));
    client.join_group(room.as_str()).await?;
    let mut lines = lines();
    while let Some(line) = lines.next().await {
        // The ack means that the message was published.
        client.send_to_group(room.as_str(), line, None).await?;
    }
    client.stop().await;
    Ok(())
}

async fn print(mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::GroupMessage {
                from_user_id, data, ..
            } => {
                let from = from_user_id.as_deref().unwrap_or("somebody");
                println!("{from}: {}", data.as_str().unwrap_or("(bytes)"));
            }
            Event::Recovering { .. } => println!("(the connection was lost)"),
            Event::Recovered { .. } => {
                println!("(the connection was recovered; no message was lost)")
            }
            Event::Gap { .. } => println!("(some messages may be missing here)"),
            _ => {}
        }
    }
}

/// Runs a second client, which greets everyone who speaks.
async fn greet(builder: ClientBuilder, room: String) -> AnyResult {
    let (client, mut events) = builder.build()?;
    client.start().await?;
    client.join_group(room.as_str()).await?;
    TokioRuntime::new().spawn(Box::pin(async move {
        while let Some(event) = events.next().await {
            let Event::GroupMessage { from_user_id, .. } = event else {
                continue;
            };
            let hello = format!("hello, {}", from_user_id.as_deref().unwrap_or("somebody"));
            let options = SendToGroupOptions::default()
                .with_no_echo(true)
                .with_fire_and_forget(true);
            let sending = client.send_to_group(room.as_str(), hello, options);
            if sending.await.is_err() {
                break;
            }
        }
    }));
    Ok(())
}

fn user(emulator: &Emulator, name: &str) -> azwire_pubsub::Result<ClientBuilder> {
    let connection_string = emulator.pubsub().connection_string();
    let access = ClientAccessOptions::default()
        .with_user_id(name)?
        .with_role(Role::JoinLeaveAnyGroup)
        .with_role(Role::SendToAnyGroup);
    Client::from_connection_string(connection_string.expose(), "chat", access)
}

/// Returns the lines of standard input, which a separate thread reads.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded();
    std::thread::spawn(move || {
        let read = std::io::stdin().lock().lines().map_while(Result::ok);
        // Until the chat has ended.
        read.map(|line| sender.unbounded_send(line))
            .take_while(Result::is_ok)
            .for_each(drop);
    });
    lines
}
