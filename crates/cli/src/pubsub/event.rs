//! Events of a client as lines and as JSON. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pubsub::{Data, Event};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::line;

/// Returns an event in one line for people.
pub(super) fn text(event: &Event) -> String {
    match event {
        Event::Connected {
            connection_id,
            user_id: Some(user),
            ..
        } => format!("connected as {user}, connection {connection_id}"),
        Event::Connected { connection_id, .. } => format!("connected, connection {connection_id}"),
        Event::Disconnected {
            close_code, reason, ..
        } => {
            let mut text = "disconnected".to_owned();
            if let Some(code) = close_code {
                text += &format!(", code {}", code.as_u16());
            }
            if let Some(reason) = reason {
                text += &format!(": {reason}");
            }
            text
        }
        Event::Recovering { .. } => "lost, recovering".to_owned(),
        Event::Recovered { .. } => "recovered, nothing is missing".to_owned(),
        Event::Gap { .. } => "messages may be missing".to_owned(),
        Event::GroupMessage {
            group,
            from_user_id,
            data,
            ..
        } => match from_user_id {
            Some(user) => format!("[{group}] {user}: {}", shown(data)),
            None => format!("[{group}] {}", shown(data)),
        },
        Event::ServerMessage { data, .. } => format!("[server] {}", shown(data)),
        Event::GroupState { states, .. } => {
            format!("[{}] {} states changed", states.group, states.items.len())
        }
        Event::RejoinGroupFailed { group, error } => format!("group {group} not rejoined: {error}"),
        Event::ReconnectFailed { attempts, error } => {
            format!("attempt {attempts} to reconnect failed: {error}")
        }
        Event::Stopped => "stopped".to_owned(),
        other => format!("{other:?}"),
    }
}

/// An event as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    fields: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Payload<'a>>,
}

/// A payload: JSON as it was sent, text as it is, anything else in base64.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Text(&'a str),
    Base64(String),
}

/// Returns an event as JSON.
pub(super) fn line(event: &Event) -> Line<'_> {
    let (r#type, fields) = match event {
        Event::Connected {
            connection_id,
            user_id,
            replaces,
        } => (
            "connected",
            json!({ "connectionId": connection_id, "userId": user_id, "replaces": replaces }),
        ),
        Event::Disconnected {
            connection_id,
            close_code,
            reason,
        } => (
            "disconnected",
            json!({
                "connectionId": connection_id,
                "code": close_code.map(|code| code.as_u16()),
                "reason": reason,
            }),
        ),
        Event::Recovering { connection_id } => {
            ("recovering", json!({ "connectionId": connection_id }))
        }
        Event::Recovered { connection_id } => {
            ("recovered", json!({ "connectionId": connection_id }))
        }
        Event::Gap {
            connection_id,
            last_sequence_id,
            next_sequence_id,
        } => (
            "gap",
            json!({
                "connectionId": connection_id,
                "lastSequenceId": last_sequence_id,
                "nextSequenceId": next_sequence_id,
            }),
        ),
        Event::GroupMessage {
            group,
            from_user_id,
            sequence_id,
            ..
        } => (
            "groupMessage",
            json!({
                "group": group.as_str(),
                "fromUserId": from_user_id.as_deref(),
                "sequenceId": sequence_id,
            }),
        ),
        Event::ServerMessage { sequence_id, .. } => {
            ("serverMessage", json!({ "sequenceId": sequence_id }))
        }
        Event::GroupState {
            states,
            is_snapshot,
        } => {
            let items = states.items.iter().map(|item| {
                json!({
                    "connectionId": item.connection_id,
                    "userId": item.user_id,
                    "state": item.state,
                })
            });
            let items: Vec<Value> = items.collect();
            (
                "groupState",
                json!({ "group": states.group, "isSnapshot": is_snapshot, "states": items }),
            )
        }
        Event::RejoinGroupFailed { group, error } => (
            "rejoinGroupFailed",
            json!({ "group": group.as_str(), "message": error.to_string() }),
        ),
        Event::ReconnectFailed { attempts, error } => (
            "reconnectFailed",
            json!({ "attempts": attempts, "message": error.to_string() }),
        ),
        Event::Stopped => ("stopped", json!({})),
        _ => ("other", json!({})),
    };
    let data = event.data();
    Line {
        r#type,
        fields,
        data_type: data.map(Data::type_name),
        data: data.map(payload),
    }
}

fn payload(data: &Data) -> Payload<'_> {
    let raw = match data {
        Data::Json(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    match (raw, data.as_str()) {
        (Some(raw), _) => Payload::Json(raw),
        (None, Some(text)) => Payload::Text(text),
        (None, None) => Payload::Base64(STANDARD.encode(data.as_bytes())),
    }
}

fn shown(data: &Data) -> String {
    match data.as_str() {
        Some(text) => line::of_text(text),
        None => line::of_bytes(data.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_one_line() {
        let shown = |data: Data| {
            text(&Event::ServerMessage {
                data,
                sequence_id: None,
                metadata: pubsub::protocol::Metadata::default(),
            })
        };
        assert_eq!(shown(Data::from("hi\n")), "[server] hi");
        assert_eq!(
            shown(Data::from("a\nb\u{1b}[2J")),
            "[server] a\\nb\\u{1b}[2J"
        );
        assert_eq!(shown(Data::from(vec![255])), "[server] 1 byte: /w==");
    }

    #[test]
    fn json_stays_as_it_was_sent() {
        let json = |data: Data| {
            let event = Event::ServerMessage {
                data,
                sequence_id: Some(7),
                metadata: pubsub::protocol::Metadata::default(),
            };
            assert!(text(&event).starts_with("[server] "), "{event:?}");
            serde_json::to_string(&line(&event)).unwrap()
        };
        let precise = Data::Json(transport::Text::from_static("{\"b\":1.10,\"a\":2}"));
        assert_eq!(
            json(precise),
            r#"{"type":"serverMessage","sequenceId":7,"dataType":"json","data":{"b":1.10,"a":2}}"#
        );
        assert!(json(Data::from("hi")).ends_with(r#""dataType":"text","data":"hi"}"#));
        assert!(json(Data::from(vec![255])).ends_with(r#""dataType":"binary","data":"/w=="}"#));
    }
}
