//! WebSocket messages as lines and as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use transport::Message;

use crate::line;

/// Returns a data message in one line for people.
pub(super) fn line(message: &Message) -> String {
    match message {
        Message::Text(text) => line::of_text(text.as_str()),
        Message::Binary(bytes) => line::of_bytes(bytes),
        _ => String::new(),
    }
}

/// Returns the payload of a data message: text as it is, anything else in base64.
pub(super) fn text(message: &Message) -> String {
    match message {
        Message::Text(text) => text.as_str().to_owned(),
        Message::Binary(bytes) => STANDARD.encode(bytes),
        _ => String::new(),
    }
}

/// Returns a message as JSON: its type, and its data or its close code.
pub(super) fn value(message: &Message) -> Value {
    match message {
        Message::Text(text) => json!({ "type": "text", "data": text.as_str() }),
        Message::Binary(bytes) => json!({ "type": "binary", "data": STANDARD.encode(bytes) }),
        Message::Close(frame) => json!({
            "type": "close",
            "code": frame.as_ref().map(|frame| frame.code.as_u16()),
            "reason": frame.as_ref().map(|frame| frame.reason.as_str()),
        }),
        _ => json!({ "type": "control" }),
    }
}
