//! Decoding of messages from the service.

use transport::Text;

use super::frame::{Frame, Rest, Str, id, present};
use super::scan;
use super::unreadable::UnreadableFrame;
use crate::protocol::{AckError, DownstreamMessage, ProtocolError};

/// Decodes a message from the service.
///
/// # Errors
///
/// [`ProtocolError::UnknownKind`] for kinds, events, senders and data types
/// unknown to this version, which a client ignores; another [`ProtocolError`] for an invalid
/// message.
pub fn decode_downstream(text: &Text) -> Result<DownstreamMessage, ProtocolError> {
    match scan::data_message(text) {
        Some(message) => Ok(message.into()),
        None => decode_any_downstream(text),
    }
}

/// The slow path of [`decode_downstream`].
pub(in crate::protocol) fn decode_any_downstream(
    text: &Text,
) -> Result<DownstreamMessage, ProtocolError> {
    match decode_regular_downstream(text) {
        Err(ProtocolError::Format(error)) => {
            // A field of the same name may have another type in another kind of message.
            let frame = UnreadableFrame::read(text).ok_or(ProtocolError::Format(error))?;
            decode_regular_downstream(&frame.used_fields()?).map_err(|error| match error {
                ProtocolError::Format(_) => frame.broken_field(),
                error => error,
            })
        }
        read => read,
    }
}

/// Decodes a frame whose fields all have the usual types of their names.
fn decode_regular_downstream(text: &Text) -> Result<DownstreamMessage, ProtocolError> {
    let frame = Frame::read(text)?;
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
                    // The service sends null, "" or nothing for an anonymous client.
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
