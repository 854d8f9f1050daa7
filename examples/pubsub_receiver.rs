//! A receiver for scripts in any language: joins a group, then prints every event as one
//! line of JSON until standard input ends. Once the `connected` line is printed, a script
//! may publish.
//!
//! `pubsub_receiver --url CLIENT_ACCESS_URL --group GROUP [--subprotocol NAME]`

use std::error::Error;
use std::io::Write;
use std::pin::pin;

use azwire_pubsub::{Client, Data, Event, Subprotocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use futures::channel::oneshot;
use futures::future::{Either, select};
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

    let (client, mut events) = Client::builder(url).subprotocol(subprotocol).build()?;
    client.start().await?;
    // Events are read concurrently: an ack that waits behind them would never arrive.
    let mut early = Vec::new();
    {
        let mut joining = pin!(client.join_group(group.as_str()));
        loop {
            match select(joining.as_mut(), events.next()).await {
                Either::Left((joined, _)) => break joined.map(drop)?,
                Either::Right((event, _)) => early.extend(event),
            }
        }
    }
    early.iter().try_for_each(print)?;

    let mut end = pin!(input_end());
    let mut is_ending = false;
    while !is_ending {
        match select(end.as_mut(), events.next()).await {
            Either::Left(_) => break,
            Either::Right((Some(event), _)) => {
                print(&event)?;
                // The client stopped on its own: it failed to reconnect, and nothing restarts it.
                is_ending = event == Event::Stopped;
            }
            Either::Right((None, _)) => break,
        }
    }
    let stopping = async {
        client.stop().await;
        // Dropping the last handle ends the events; `stopped` is the last of them.
        drop(client);
    };
    let printing = async {
        while let Some(event) = events.next().await {
            print(&event)?;
        }
        AnyResult::Ok(())
    };
    futures::future::join(stopping, printing).await.1
}

/// Waits for the end of standard input.
async fn input_end() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

/// Prints one line and flushes it, so that a script sees it at once.
fn print(event: &Event) -> AnyResult {
    let line = match event {
        Event::Connected {
            connection_id,
            user_id,
            replaces,
        } => json!({
            "event": "connected", "connectionId": connection_id, "userId": user_id, "replaces": replaces,
        }),
        Event::Disconnected {
            connection_id,
            close_code,
            reason,
        } => json!({
            "event": "disconnected", "connectionId": connection_id,
            "closeCode": close_code.map(|code| code.as_u16()), "reason": reason,
        }),
        Event::Recovering { connection_id } => {
            json!({"event": "recovering", "connectionId": connection_id})
        }
        Event::Recovered { connection_id } => {
            json!({"event": "recovered", "connectionId": connection_id})
        }
        Event::Gap {
            connection_id,
            last_sequence_id,
            next_sequence_id,
        } => json!({
            "event": "gap", "connectionId": connection_id,
            "lastSequenceId": last_sequence_id, "nextSequenceId": next_sequence_id,
        }),
        Event::GroupMessage {
            group,
            data,
            sequence_id,
            ..
        } => json!({
            "event": "group-message", "group": group, "dataType": data.type_name(),
            "data": payload(data), "sequenceId": sequence_id,
        }),
        Event::ServerMessage {
            data, sequence_id, ..
        } => json!({
            "event": "server-message", "dataType": data.type_name(),
            "data": payload(data), "sequenceId": sequence_id,
        }),
        Event::RejoinGroupFailed { group, error } => json!({
            "event": "rejoin-group-failed", "group": group.as_str(), "error": error.to_string(),
        }),
        Event::ReconnectFailed { attempts, error } => json!({
            "event": "reconnect-failed", "attempts": attempts, "error": error.to_string(),
        }),
        Event::Stopped => json!({"event": "stopped"}),
        _ => json!({"event": "other"}),
    };
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Converts a payload: JSON as JSON, text as a string, bytes as base64.
fn payload(data: &Data) -> Value {
    match data {
        Data::Json(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        Data::Text(text) => Value::from(text.as_str()),
        other => Value::from(STANDARD.encode(other.as_bytes())),
    }
}
