//! Reading what the service says, message by message.

use transport::Text;

use super::frame::{Frame, Kind, Rest, Str, id, present};
use super::scan;
use crate::protocol::{AckError, DownstreamMessage, ProtocolError};

/// Reads what the service says.
///
/// # Errors
///
/// [`ProtocolError::UnknownKind`] for kinds, events, senders and types of data
/// that this version does not know, which a client passes over; otherwise what is wrong.
pub fn decode_downstream(text: &Text) -> Result<DownstreamMessage, ProtocolError> {
    match scan::data_message(text) {
        Some(message) => Ok(message),
        None => decode_any_downstream(text),
    }
}

/// The general way of [`decode_downstream`].
pub(in crate::protocol) fn decode_any_downstream(
    text: &Text,
) -> Result<DownstreamMessage, ProtocolError> {
    let frame = match Frame::read(text) {
        Ok(frame) => frame,
        // What is not known here may have fields of the same names and other types.
        Err(error) => return Err(unknown_kind(text).unwrap_or(error)),
    };
    match frame.kind.as_str() {
        "message" => frame.data_message(text),
        "ack" => {
            let result = match frame.success {
                Some(true) => Ok(()),
                _ => Err(frame.ack_error("ack")?),
            };
            Ok(DownstreamMessage::Ack {
                ack_id: present(frame.ack_id, "ack", "ackId")?,
                result,
            })
        }
        "system" => match frame.event.as_ref().map(Str::as_str) {
            Some("connected") => {
                let rest = Rest::read(text)?;
                Ok(DownstreamMessage::Connected {
                    connection_id: id(&rest.connection_id, "connected", "connectionId")?,
                    // The service writes null, "" or nothing for an anonymous client.
                    user_id: rest
                        .user_id
                        .map(Str::into_string)
                        .filter(|user| !user.is_empty()),
                    reconnection_token: rest
                        .reconnection_token
                        .map(|token| auth::Secret::new(token.into_string())),
                })
            }
            Some("disconnected") => Ok(DownstreamMessage::Disconnected {
                message: Rest::read(text)?.message.map(Str::into_string),
            }),
            other => Err(ProtocolError::UnknownKind(format!(
                "system event {other:?}"
            ))),
        },
        "pong" => Ok(DownstreamMessage::Pong),
        "invokeResponse" => Ok(DownstreamMessage::InvokeResponse {
            invocation_id: Rest::read(text)?.invocation_id("invokeResponse")?,
            result: frame.invocation_result(text)?,
            metadata: frame.metadata_of_service()?,
        }),
        "cancelInvocation" => Ok(DownstreamMessage::CancelInvocation {
            invocation_id: Rest::read(text)?.invocation_id("cancelInvocation")?,
        }),
        "streamAck" => {
            let rest = Rest::read(text)?;
            Ok(DownstreamMessage::StreamAck {
                stream_id: rest.stream_id("streamAck")?,
                expected_sequence_id: rest.expected("streamAck")?,
            })
        }
        "streamNack" => {
            let rest = Rest::read(text)?;
            Ok(DownstreamMessage::StreamNack {
                stream_id: rest.stream_id("streamNack")?,
                expected_sequence_id: rest.expected("streamNack")?,
                name: rest.name.map(Str::into_string).unwrap_or_default(),
                message: rest.message.map(Str::into_string),
            })
        }
        "streamClosed" => Ok(DownstreamMessage::StreamClosed {
            stream_id: Rest::read(text)?.stream_id("streamClosed")?,
            error: frame.error("streamClosed")?.map(|error| {
                AckError::new(
                    error.name.unwrap_or_default(),
                    error.message.unwrap_or_default(),
                )
            }),
        }),
        "groupStateSnapshot" => Ok(DownstreamMessage::GroupStateSnapshot(
            frame.group_states(text, "groupStateSnapshot")?,
        )),
        "groupStateUpdate" => Ok(DownstreamMessage::GroupStateUpdate(
            frame.group_states(text, "groupStateUpdate")?,
        )),
        other => Err(ProtocolError::UnknownKind(other.to_owned())),
    }
}

/// That the service says something of a kind that is not known here.
fn unknown_kind(text: &Text) -> Option<ProtocolError> {
    let frame: Kind<'_> = serde_json::from_str(text).ok()?;
    let kind = frame.kind.into_string();
    (!DOWNSTREAM_KINDS.contains(&kind.as_str())).then_some(ProtocolError::UnknownKind(kind))
}

/// What the service can say.
const DOWNSTREAM_KINDS: [&str; 11] = [
    "ack",
    "cancelInvocation",
    "groupStateSnapshot",
    "groupStateUpdate",
    "invokeResponse",
    "message",
    "pong",
    "streamAck",
    "streamClosed",
    "streamNack",
    "system",
];
