//! Joins a group and prints everything that happens as one line of JSON each,
//! until standard input ends: a receiver for scripts in any language.
//!
//! `pubsub_receiver --url CLIENT_ACCESS_URL --group GROUP [--subprotocol NAME]`

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

use std::error::Error;

use azwire_pubsub::{Client, Data, Event, Subprotocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use futures::future::join;
use serde_json::{Value, json};

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> AnyResult {
    let (mut url, mut group, mut subprotocol) = (None, None, Subprotocol::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("every option needs a value")?;
        match name.as_str() {
            "--url" => url = Some(value),
            "--group" => group = Some(value),
            "--subprotocol" => {
                subprotocol = Subprotocol::from_name(&value).ok_or("unknown subprotocol")?;
            }
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    let url = url.ok_or("--url is needed")?;
    let group = group.ok_or("--group is needed")?;

    let (client, events) = Client::builder(url).subprotocol(subprotocol).build()?;
    client.start().await?;
    let printing = events.for_each(|event| async move { println!("{}", line(event)) });
    // With the client, its last handle, the events end: `stopped` is the last of them.
    let working = async move {
        let joined = client.join_group(group.as_str()).await;
        if joined.is_ok() {
            println!("{}", json!({"event": "joined", "group": group}));
            input_end().await;
        }
        client.stop().await;
        joined
    };
    let ((), joined) = join(printing, working).await;
    joined?;
    Ok(())
}

/// Waits for the end of standard input.
async fn input_end() {
    let (ended, end) = futures::channel::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

fn line(event: Event) -> Value {
    match event {
        Event::Connected {
            connection_id,
            user_id,
        } => {
            json!({"event": "connected", "connectionId": connection_id, "userId": user_id})
        }
        Event::Disconnected {
            connection_id,
            reason,
        } => {
            json!({"event": "disconnected", "connectionId": connection_id, "reason": reason})
        }
        Event::Recovering { connection_id } => {
            json!({"event": "recovering", "connectionId": connection_id})
        }
        Event::Recovered { connection_id } => {
            json!({"event": "recovered", "connectionId": connection_id})
        }
        Event::Gap {
            last_sequence_id,
            next_sequence_id,
            ..
        } => {
            json!({"event": "gap", "lastSequenceId": last_sequence_id, "nextSequenceId": next_sequence_id})
        }
        Event::GroupMessage {
            group,
            from_user_id,
            data,
            sequence_id,
            ..
        } => json!({
            "event": "group-message", "group": group, "fromUserId": from_user_id,
            "dataType": data.type_name(), "data": payload(&data), "sequenceId": sequence_id,
        }),
        Event::ServerMessage {
            data, sequence_id, ..
        } => json!({
            "event": "server-message",
            "dataType": data.type_name(), "data": payload(&data), "sequenceId": sequence_id,
        }),
        Event::RejoinGroupFailed { group, error } => {
            json!({"event": "rejoin-group-failed", "group": group.as_str(), "error": error.to_string()})
        }
        Event::ReconnectFailed { attempts, error } => {
            json!({"event": "reconnect-failed", "attempts": attempts, "error": error.to_string()})
        }
        Event::Stopped => json!({"event": "stopped"}),
        other => json!({"event": "other", "text": format!("{other:?}")}),
    }
}

/// JSON as JSON, text as a string, bytes as base64.
fn payload(data: &Data) -> Value {
    match data {
        Data::Json(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        Data::Text(text) => Value::from(text.as_str()),
        other => Value::from(STANDARD.encode(other.as_bytes())),
    }
}
