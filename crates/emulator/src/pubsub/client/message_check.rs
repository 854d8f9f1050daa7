//! What is wrong with a client's message. Pure.

use pubsub::protocol::{ProtocolError, UpstreamMessage};
use pubsub::{Data, Subprotocol};
use serde_json::value::RawValue;

/// Checks that what a protobuf client calls JSON is JSON: it becomes part of the
/// messages to others. As in the JSON subprotocols, null is not data.
pub(super) fn check_json(
    subprotocol: Subprotocol,
    message: UpstreamMessage,
) -> Result<UpstreamMessage, ProtocolError> {
    let data = match &message {
        _ if subprotocol.is_json() => None,
        UpstreamMessage::SendToGroup { data, .. } | UpstreamMessage::Event { data, .. } => {
            Some(data)
        }
        UpstreamMessage::Invoke { data, .. } => data.as_ref(),
        UpstreamMessage::StreamData { fragment, .. } => fragment.as_ref().map(|(_, data)| data),
        _ => None,
    };
    match data {
        Some(Data::Json(text))
            if serde_json::from_str::<&RawValue>(text).is_ok_and(|it| it.get() != "null") =>
        {
            Ok(message)
        }
        Some(Data::Json(_)) => Err(ProtocolError::Field {
            message: "message",
            field: "json_data",
            rule: "must be JSON and not null",
        }),
        _ => Ok(message),
    }
}

/// Returns the rule that a client broke, for its close frame.
pub(super) fn rule(error: &ProtocolError) -> String {
    match error {
        ProtocolError::UnknownKind(_) | ProtocolError::Field { .. } => error.to_string(),
        _ => "not of the format".to_owned(),
    }
}
