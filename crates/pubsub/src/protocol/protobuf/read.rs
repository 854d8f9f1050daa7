//! Decoding. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use super::unreadable::broken;
use super::{field, scan};
use crate::generated::webpubsub_v1 as wire;
use crate::protocol::data::is_any;
use crate::protocol::name_rule::{check_event, check_group};
use crate::protocol::{
    AckError, Data, DataOrigin, DownstreamMessage, GroupStateItem, GroupStates, Metadata,
    ProtocolError, StreamEndError, StreamError, StreamFragment, UpstreamMessage,
};
use wire::downstream_message::Message as Down;
use wire::upstream_message::Message as Up;
use wire::{downstream_message as down, upstream_message as up};

/// Decodes a message from a client.
///
/// # Errors
///
/// A [`ProtocolError`] for anything that the subprotocol does not allow.
pub fn decode_upstream(frame: Bytes) -> Result<UpstreamMessage, ProtocolError> {
    let message = wire::UpstreamMessage::decode(frame)
        .map_err(|error| format_error(&error))?
        .message
        .ok_or_else(unknown_kind)?;
    Ok(match message {
        Up::SendToGroupMessage(message) => return decode_send_to_group(message),
        Up::EventMessage(message) => {
            if message.stream.is_some() {
                return Err(field("event", "stream", "is not supported"));
            }
            let metadata = metadata(message.metadata)?;
            UpstreamMessage::Event {
                event: event_name(message.event, "event")?,
                ack_id: message.ack_id,
                data: data_beside(message.data, "event", &metadata)?,
                metadata,
            }
        }
        Up::JoinGroupMessage(message) => UpstreamMessage::JoinGroup {
            group: group_name(message.group, "joinGroup")?,
            ack_id: message.ack_id,
        },
        Up::LeaveGroupMessage(message) => UpstreamMessage::LeaveGroup {
            group: group_name(message.group, "leaveGroup")?,
            ack_id: message.ack_id,
        },
        Up::SequenceAckMessage(message) => UpstreamMessage::SequenceAck {
            sequence_id: message.sequence_id,
        },
        Up::PingMessage(_) => UpstreamMessage::Ping,
        Up::InvokeEventMessage(message) => {
            if message.stream.is_some() {
                return Err(field("invoke", "stream", "is not supported"));
            }
            UpstreamMessage::Invoke {
                invocation_id: id(message.invocation_id, "invoke", "invocation_id")?,
                event: event_name(message.event, "invoke")?,
                data: message
                    .data
                    .map(|data| payload(data, "invoke"))
                    .transpose()?
                    .flatten(),
                metadata: metadata(message.metadata)?,
            }
        }
        Up::CancelInvocationMessage(message) => UpstreamMessage::CancelInvocation {
            invocation_id: id(message.invocation_id, "cancelInvocation", "invocation_id")?,
        },
        Up::StreamDataMessage(message) => {
            let data = message
                .data
                .map(|data| payload(data, "streamData"))
                .transpose()?
                .flatten();
            UpstreamMessage::StreamData {
                stream_id: id(message.stream_id, "streamData", "stream_id")?,
                fragment: match (message.stream_sequence_id, data) {
                    (None, None) => None,
                    (Some(sequence_id @ 1..), Some(data)) => Some((sequence_id, data)),
                    _ => {
                        return Err(field(
                            "streamData",
                            "data",
                            "must come with a stream_sequence_id from 1, or both be absent",
                        ));
                    }
                },
            }
        }
        Up::StreamEndMessage(message) => UpstreamMessage::StreamEnd {
            stream_id: id(message.stream_id, "streamEnd", "stream_id")?,
            error: message.error.map(|error| StreamEndError {
                message: error.message,
                user_error_code: error.user_error_code,
            }),
        },
        Up::SetGroupStateMessage(message) => UpstreamMessage::SetGroupState {
            group: group_name(message.group, "setGroupState")?,
            ack_id: message.ack_id,
            state: message.state.map(|state| state.entries),
        },
        Up::SubscribeGroupStateMessage(message) => UpstreamMessage::SubscribeGroupState {
            group: group_name(message.group, "subscribeGroupState")?,
            ack_id: message.ack_id,
        },
        Up::UnsubscribeGroupStateMessage(message) => UpstreamMessage::UnsubscribeGroupState {
            group: group_name(message.group, "unsubscribeGroupState")?,
            ack_id: message.ack_id,
        },
    })
}

fn decode_send_to_group(message: up::SendToGroupMessage) -> Result<UpstreamMessage, ProtocolError> {
    let kind = "sendToGroup";
    let group = group_name(message.group, kind)?;
    let no_echo = message.no_echo.unwrap_or(false);
    if let Some(stream) = message.stream {
        if message.data.is_some() {
            return Err(field(kind, "stream", "must not be combined with data"));
        }
        if stream.idle_timeout_ms == Some(0) {
            return Err(field(kind, "idle_timeout_ms", "must be more than 0"));
        }
        return Ok(UpstreamMessage::StreamStart {
            group,
            no_echo,
            stream_id: id(stream.stream_id, kind, "stream_id")?,
            idle_timeout_ms: stream.idle_timeout_ms,
        });
    }
    if message.ttl_seconds.is_some_and(|seconds| seconds > 300) {
        return Err(field(kind, "ttl_seconds", "must be at most 300"));
    }
    let metadata = metadata(message.metadata)?;
    Ok(UpstreamMessage::SendToGroup {
        group,
        ack_id: message.ack_id,
        no_echo,
        data: data_beside(message.data, kind, &metadata)?,
        ttl_seconds: message.ttl_seconds,
        metadata,
    })
}

/// Decodes a message from the service.
///
/// # Errors
///
/// [`ProtocolError::UnknownKind`] for kinds, senders and data types unknown to this
/// version, which a client ignores; another [`ProtocolError`] for an invalid message.
pub fn decode_downstream(frame: Bytes) -> Result<DownstreamMessage, ProtocolError> {
    match scan::data_message(&frame) {
        Some(message) => Ok(message.into()),
        None => decode_any_downstream(frame),
    }
}

/// The slow path of [`decode_downstream`].
pub(in crate::protocol) fn decode_any_downstream(
    frame: Bytes,
) -> Result<DownstreamMessage, ProtocolError> {
    let message = wire::DownstreamMessage::decode(frame.clone())
        .map_err(|error| broken(&frame).unwrap_or_else(|| format_error(&error)))?
        .message
        .ok_or_else(unknown_kind)?;
    Ok(match message {
        Down::DataMessage(message) => return decode_data(message),
        Down::AckMessage(message) => DownstreamMessage::Ack {
            ack_id: message.ack_id,
            result: if message.success {
                Ok(())
            } else {
                Err(message.error.map_or_else(unknown_error, |error| {
                    AckError::new(error.name, error.message)
                }))
            },
        },
        Down::SystemMessage(message) => match message.message {
            Some(down::system_message::Message::ConnectedMessage(message)) => {
                DownstreamMessage::Connected {
                    connection_id: id(message.connection_id, "connected", "connection_id")?,
                    user_id: Some(message.user_id).filter(|user| !user.is_empty()),
                    reconnection_token: message.reconnection_token.map(auth::Secret::new),
                }
            }
            Some(down::system_message::Message::DisconnectedMessage(message)) => {
                DownstreamMessage::Disconnected {
                    message: Some(message.reason).filter(|reason| !reason.is_empty()),
                }
            }
            None => return Err(unknown_kind()),
        },
        Down::PongMessage(_) => DownstreamMessage::Pong,
        Down::InvokeResponseMessage(message) => DownstreamMessage::InvokeResponse {
            invocation_id: id(message.invocation_id, "invokeResponse", "invocation_id")?,
            result: if message.success {
                Ok(message
                    .data
                    .map(|data| payload(data, "invokeResponse"))
                    .transpose()?
                    .flatten())
            } else {
                Err(message.error.map_or_else(unknown_error, |error| {
                    AckError::new(error.name, error.message)
                }))
            },
            metadata: Metadata::from_service(message.metadata),
        },
        Down::StreamAckMessage(message) => DownstreamMessage::StreamAck {
            stream_id: id(message.stream_id, "streamAck", "stream_id")?,
            expected_sequence_id: message.expected_sequence_id,
        },
        Down::StreamNackMessage(message) => DownstreamMessage::StreamNack {
            stream_id: id(message.stream_id, "streamNack", "stream_id")?,
            expected_sequence_id: message.expected_sequence_id,
            name: message.name,
            message: Some(message.message).filter(|text| !text.is_empty()),
        },
        Down::StreamClosedMessage(message) => DownstreamMessage::StreamClosed {
            stream_id: id(message.stream_id, "streamClosed", "stream_id")?,
            error: message
                .error
                .map(|error| AckError::new(error.name, error.message)),
        },
        Down::GroupStateUpdateMessage(message) => DownstreamMessage::GroupStateUpdate(states(
            id(message.group, "groupStateUpdate", "group")?,
            message.items,
            message.sequence_id,
        )),
        Down::GroupStateSnapshotMessage(message) => DownstreamMessage::GroupStateSnapshot(states(
            id(message.group, "groupStateSnapshot", "group")?,
            message.items,
            message.sequence_id,
        )),
    })
}

fn decode_data(message: down::DataMessage) -> Result<DownstreamMessage, ProtocolError> {
    let kind = "message";
    let from = match message.from.as_str() {
        "group" => DataOrigin::Group {
            group: id(message.group.unwrap_or_default(), kind, "group")?.into(),
            from_user_id: None,
        },
        "server" => DataOrigin::Server,
        other => {
            return Err(ProtocolError::UnknownKind(format!(
                "message from {other:?}"
            )));
        }
    };
    let metadata = Metadata::from_service(message.metadata);
    let stream = message.stream.map(stream_fragment);
    let data = if message.data.is_none() && stream.as_ref().is_some_and(|part| part.is_end) {
        Data::Text(transport::Text::default())
    } else {
        data_beside(message.data, kind, &metadata)?
    };
    Ok(DownstreamMessage::Data {
        from,
        data,
        sequence_id: message.sequence_id,
        metadata,
        stream,
    })
}

/// Returns the payload; a message with metadata may have none, which counts as empty text.
fn data_beside(
    data: Option<wire::MessageData>,
    kind: &'static str,
    metadata: &Metadata,
) -> Result<Data, ProtocolError> {
    match data {
        // The oneof is empty if the type of the payload is unknown.
        Some(data) => payload(data, kind)?
            .ok_or_else(|| ProtocolError::UnknownKind("type of data".to_owned())),
        None if !metadata.is_empty() => Ok(Data::Text(transport::Text::default())),
        None => Err(field(kind, "data", "must be present")),
    }
}

fn payload(data: wire::MessageData, kind: &'static str) -> Result<Option<Data>, ProtocolError> {
    Ok(match data.data {
        Some(wire::message_data::Data::TextData(text)) => Some(Data::Text(text.into())),
        // Checked when it becomes part of another message; receivers parse it anyway.
        Some(wire::message_data::Data::JsonData(text)) => Some(Data::Json(text.into())),
        Some(wire::message_data::Data::BinaryData(bytes)) => Some(Data::Binary(bytes)),
        Some(wire::message_data::Data::ProtobufData(bytes)) => {
            if !is_any(&bytes) {
                return Err(field(kind, "protobuf_data", "must be a serialized Any"));
            }
            Some(Data::Protobuf(bytes))
        }
        None => None,
    })
}

fn stream_fragment(stream: wire::StreamInfo) -> Box<StreamFragment> {
    Box::new(StreamFragment {
        stream_id: stream.stream_id,
        sequence_id: stream.stream_sequence_id,
        is_end: stream.end_of_stream.unwrap_or(false),
        error: stream.error.map(|error| StreamError {
            name: error.name,
            message: Some(error.message).filter(|text| !text.is_empty()),
            user_error_code: Some(error.user_error_code).filter(|code| !code.is_empty()),
        }),
    })
}

fn states(
    group: String,
    items: Vec<wire::GroupStateItem>,
    sequence_id: Option<u64>,
) -> GroupStates {
    GroupStates {
        group,
        items: items
            .into_iter()
            .map(|item| GroupStateItem {
                connection_id: item.connection_id,
                user_id: item.user_id,
                state: item.state.map(|state| state.entries),
                updated_at_ms: item.updated_at,
            })
            .collect(),
        sequence_id,
    }
}

fn metadata(entries: BTreeMap<String, String>) -> Result<Metadata, ProtocolError> {
    let mut metadata = Metadata::new();
    for (name, value) in entries {
        metadata.insert(name, value)?;
    }
    Ok(metadata)
}

fn group_name(group: String, kind: &'static str) -> Result<String, ProtocolError> {
    if check_group(&group).is_err() {
        return Err(field(kind, "group", "must be a group name"));
    }
    Ok(group)
}

fn event_name(event: String, kind: &'static str) -> Result<String, ProtocolError> {
    if check_event(&event).is_err() {
        return Err(field(kind, "event", "must be an event name"));
    }
    Ok(event)
}

fn id(id: String, kind: &'static str, name: &'static str) -> Result<String, ProtocolError> {
    if id.is_empty() {
        return Err(field(kind, name, "must be present and not empty"));
    }
    Ok(id)
}

fn unknown_kind() -> ProtocolError {
    ProtocolError::UnknownKind("none of the known ones".to_owned())
}

fn unknown_error() -> AckError {
    AckError::new("Unknown", "")
}

fn format_error(error: &prost::DecodeError) -> ProtocolError {
    ProtocolError::Format(error.to_string())
}
