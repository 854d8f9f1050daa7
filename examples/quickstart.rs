//! The main job of both services in one run.
//!
//! Without settings it runs on the embedded emulator. With
//! `WEBPUBSUB_CONNECTION_STRING` and `RELAY_CONNECTION_STRING` (with
//! `EntityPath`) in the environment it runs on Azure, in the hub `quickstart`.
//! It prints one line per step; the exit code is 1 if a step fails.

#![expect(clippy::print_stdout, reason = "the steps are for the reader's eyes")]

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use azwire_emulator::Emulator;
use azwire_pubsub::{
    Client, ClientAccessOptions, ClientState, Content, Data, Event, Events, Role, ServiceClient,
};
use azwire_relay::{Listener, RelayStream, Sender};
use azwire_transport::Message;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> AnyResult {
    let setting = |name| std::env::var(name).ok();
    let live = setting("WEBPUBSUB_CONNECTION_STRING").zip(setting("RELAY_CONNECTION_STRING"));
    let emulator = match live {
        Some(_) => None,
        None => Some(step("start the emulator", Emulator::builder().start()).await?),
    };
    let (pubsub, relay) = match (&emulator, live) {
        (Some(emulator), _) => (
            emulator.pubsub().connection_string().expose().to_owned(),
            emulator
                .relay()
                .plain_connection_string("hc1")
                .expose()
                .to_owned(),
        ),
        (None, live) => live.ok_or("both connection strings are needed")?,
    };
    web_pubsub(&pubsub).await?;
    hybrid_connection(&relay).await
}

/// Sends to a hub, a group and a user, and checks what three clients receive.
async fn web_pubsub(connection_string: &str) -> AnyResult {
    let service = ServiceClient::from_connection_string(connection_string, "quickstart")?;
    let access = |user| {
        ClientAccessOptions::default()
            .with_user_id(user)
            .map(|access| access.with_role(Role::JoinLeaveAnyGroup))
    };
    let mut clients = Vec::new();
    for user in ["ann", "bob", "cid"] {
        let url = service.client_access_url(access(user)?).await?;
        let (client, events) = Client::builder(&url).build()?;
        step(&format!("connect as {user}"), client.start()).await?;
        check(&client.state(), &ClientState::Connected)?;
        clients.push((user, client, events));
    }

    let json = Content::json(&serde_json::json!({ "from": "user1", "data": "Hello world" }))?;
    step(
        "send a JSON object to the hub",
        service.send_to_all(json, None),
    )
    .await?;
    step(
        "send text/plain to the hub",
        service.send_to_all("Hello world", None),
    )
    .await?;
    let bytes = Content::from_reader(&b"Hello world"[..])?;
    step(
        "send bytes from a reader to the hub",
        service.send_to_all(bytes, None),
    )
    .await?;
    let expected = [
        Data::json(&serde_json::json!({ "from": "user1", "data": "Hello world" }))?,
        Data::from("Hello world"),
        Data::from(b"Hello world".to_vec()),
    ];
    for (user, _, events) in &mut clients {
        for expected in &expected {
            check(&next_data(events).await?, expected)?;
        }
        println!("        {user} received all three");
    }

    step("ann joins the group", clients[0].1.join_group("room-7")).await?;
    step(
        "send to the group",
        service.send_to_group("room-7", "Hello room", None),
    )
    .await?;
    step(
        "send to the user bob",
        service.send_to_user("bob", "Hello bob", None),
    )
    .await?;
    step("send to the hub", service.send_to_all("The end", None)).await?;
    for (user, client, events) in &mut clients {
        match *user {
            "ann" => check(&next_data(events).await?, &"Hello room".into())?,
            "bob" => check(&next_data(events).await?, &"Hello bob".into())?,
            _ => {}
        }
        // Nobody received a message for somebody else.
        check(&next_data(events).await?, &"The end".into())?;
        client.stop().await;
    }
    println!("        each received its own and nothing else");
    Ok(())
}

/// Listens, accepts a sender, echoes a message, and moves 8 MiB.
async fn hybrid_connection(connection_string: &str) -> AnyResult {
    let builder = Listener::from_connection_string(connection_string)?;
    let mut listener = step("listen on the hybrid connection", builder.open()).await?;
    let listening = async move {
        let incoming = listener.accept().await.ok_or("the listener ended")?;
        let mut stream = incoming.accept().await?;
        let hello = stream.receive().await?.ok_or("the sender sent nothing")?;
        stream.send(hello).await?;
        let mut received = vec![0; BULK];
        stream.read_exact(&mut received).await?;
        stream.write_all(&checksum(&received).to_be_bytes()).await?;
        stream.finish().await?;
        listener.shutdown().await;
        AnyResult::Ok(())
    };
    let sender = Sender::from_connection_string(connection_string)?;
    let sending = async {
        let mut stream = step("connect as a sender", sender.connect()).await?;
        step("send a message and get its echo", echo(&mut stream)).await?;
        step(
            "move 8 MiB through the relay, checksum equal",
            bulk(&mut stream),
        )
        .await?;
        step("close the connection", stream.finish()).await
    };
    futures::future::try_join(listening, sending).await?;
    Ok(())
}

async fn echo(stream: &mut RelayStream) -> AnyResult {
    let hello = Message::text("Hello listener");
    stream.send(hello.clone()).await?;
    check(&stream.receive().await?, &Some(hello))
}

async fn bulk(stream: &mut RelayStream) -> AnyResult {
    let bytes: Vec<u8> = (0..BULK as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).await?;
    check(&u64::from_be_bytes(answer), &checksum(&bytes))
}

/// FNV-1a: enough to detect a lost, duplicated or swapped byte.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Returns the payload of the next message.
async fn next_data(events: &mut Events) -> AnyResult<Data> {
    let next = async {
        loop {
            let event = events.next().await.ok_or("the events ended")?;
            if event == Event::Stopped {
                return Err("the connection ended".into());
            }
            if let Some(data) = event.into_data() {
                return Ok(data);
            }
        }
    };
    limit(next).await
}

fn check<T: Debug + PartialEq>(found: &T, expected: &T) -> AnyResult {
    if found != expected {
        return Err(format!("received {found:?}, expected {expected:?}").into());
    }
    Ok(())
}

/// Runs one step and prints its time.
#[expect(
    clippy::disallowed_methods,
    reason = "the time is for the reader's eyes"
)]
async fn step<T, E>(name: &str, work: impl Future<Output = Result<T, E>>) -> AnyResult<T>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let start = Instant::now();
    let result = limit(async { work.await.map_err(Into::into) }).await;
    let result = result.map_err(|error| format!("{name}: {error}"))?;
    println!("{:>7.1?} {name}", start.elapsed());
    Ok(result)
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example may use tokio's own timers"
)]
async fn limit<T>(work: impl Future<Output = AnyResult<T>>) -> AnyResult<T> {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .map_err(|_| "nothing happened for a minute")?
}

const BULK: usize = 8 * 1024 * 1024;
