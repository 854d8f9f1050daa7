//! Encoding and decoding of `protobuf.webpubsub.azure.v1` and its reliable twin. Pure.
//!
//! Unknown fields are ignored, unknown kinds are reported as such.
//!
//! Source: `spec/webpubsub.v1.proto`, and the protobuf subprotocol references of Azure Web PubSub.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use super::data::is_any;
use super::fields::{FieldValue, Fields, Malformed};
use super::{
    AckError, Data, DownstreamMessage, GroupStateItem, GroupStates, Metadata, Number,
    ProtocolError, Sender, StreamEndError, StreamError, StreamFragment, UpstreamMessage,
};
use crate::generated::webpubsub_v1 as wire;
use wire::downstream_message::Message as Down;
use wire::upstream_message::Message as Up;
use wire::{downstream_message as down, upstream_message as up};

/// Reads what a client says.
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
                return Err(field("event", "stream", "is not known here"));
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
                return Err(field("invoke", "stream", "is not known here"));
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

/// Writes what a client says.
///
/// # Errors
///
/// [`ProtocolError::NotInFormat`] for [`UpstreamMessage::InvokeResponse`],
/// [`ProtocolError::Field`] for data that [`Data::check`] refuses.
pub fn encode_upstream(message: &UpstreamMessage) -> Result<Bytes, ProtocolError> {
    let message = match message {
        UpstreamMessage::SendToGroup {
            group,
            ack_id,
            no_echo,
            data,
            ttl_seconds,
            metadata,
        } => Up::SendToGroupMessage(up::SendToGroupMessage {
            group: group.clone(),
            ack_id: *ack_id,
            data: Some(wire_data(data)?),
            no_echo: no_echo.then_some(true),
            ttl_seconds: *ttl_seconds,
            metadata: metadata.clone().into_inner(),
            stream: None,
        }),
        UpstreamMessage::Event {
            event,
            ack_id,
            data,
            metadata,
        } => Up::EventMessage(up::EventMessage {
            event: event.clone(),
            data: Some(wire_data(data)?),
            ack_id: *ack_id,
            metadata: metadata.clone().into_inner(),
            stream: None,
        }),
        UpstreamMessage::JoinGroup { group, ack_id } => {
            Up::JoinGroupMessage(up::JoinGroupMessage {
                group: group.clone(),
                ack_id: *ack_id,
            })
        }
        UpstreamMessage::LeaveGroup { group, ack_id } => {
            Up::LeaveGroupMessage(up::LeaveGroupMessage {
                group: group.clone(),
                ack_id: *ack_id,
            })
        }
        UpstreamMessage::SequenceAck { sequence_id } => {
            Up::SequenceAckMessage(up::SequenceAckMessage {
                sequence_id: *sequence_id,
            })
        }
        UpstreamMessage::Ping => Up::PingMessage(up::PingMessage {}),
        UpstreamMessage::Invoke {
            invocation_id,
            event,
            data,
            metadata,
        } => Up::InvokeEventMessage(up::InvokeEventMessage {
            event: event.clone(),
            invocation_id: invocation_id.clone(),
            data: data.as_ref().map(wire_data).transpose()?,
            metadata: metadata.clone().into_inner(),
            stream: None,
        }),
        UpstreamMessage::CancelInvocation { invocation_id } => {
            Up::CancelInvocationMessage(up::CancelInvocationMessage {
                invocation_id: invocation_id.clone(),
            })
        }
        UpstreamMessage::InvokeResponse { .. } => {
            return Err(ProtocolError::NotInFormat("invokeResponse"));
        }
        UpstreamMessage::StreamStart {
            group,
            no_echo,
            stream_id,
            idle_timeout_ms,
        } => Up::SendToGroupMessage(up::SendToGroupMessage {
            group: group.clone(),
            no_echo: no_echo.then_some(true),
            stream: Some(up::StreamStartInfo {
                stream_id: stream_id.clone(),
                idle_timeout_ms: *idle_timeout_ms,
            }),
            ..up::SendToGroupMessage::default()
        }),
        UpstreamMessage::StreamData {
            stream_id,
            fragment,
        } => Up::StreamDataMessage(up::StreamDataMessage {
            stream_id: stream_id.clone(),
            stream_sequence_id: fragment.as_ref().map(|(sequence_id, _)| *sequence_id),
            data: fragment
                .as_ref()
                .map(|(_, data)| wire_data(data))
                .transpose()?,
        }),
        UpstreamMessage::StreamEnd { stream_id, error } => {
            Up::StreamEndMessage(up::StreamEndMessage {
                stream_id: stream_id.clone(),
                error: error
                    .as_ref()
                    .map(|error| up::stream_end_message::StreamEndError {
                        message: error.message.clone(),
                        user_error_code: error.user_error_code.clone(),
                    }),
            })
        }
        UpstreamMessage::SetGroupState {
            group,
            ack_id,
            state,
        } => Up::SetGroupStateMessage(up::SetGroupStateMessage {
            group: group.clone(),
            ack_id: *ack_id,
            state: state.clone().map(wire_state),
        }),
        UpstreamMessage::SubscribeGroupState { group, ack_id } => {
            Up::SubscribeGroupStateMessage(up::SubscribeGroupStateMessage {
                group: group.clone(),
                ack_id: *ack_id,
            })
        }
        UpstreamMessage::UnsubscribeGroupState { group, ack_id } => {
            Up::UnsubscribeGroupStateMessage(up::UnsubscribeGroupStateMessage {
                group: group.clone(),
                ack_id: *ack_id,
            })
        }
    };
    let message = wire::UpstreamMessage {
        message: Some(message),
    };
    Ok(message.encode_to_vec().into())
}

/// Reads what the service says.
///
/// # Errors
///
/// [`ProtocolError::UnknownKind`] for kinds, senders and types of data that this
/// version does not know, which a client ignores; otherwise what is wrong.
pub fn decode_downstream(frame: Bytes) -> Result<DownstreamMessage, ProtocolError> {
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

/// Writes what the service says. A sender's user has no place in protobuf and is left out.
///
/// # Errors
///
/// [`ProtocolError::NotInFormat`] for [`DownstreamMessage::CancelInvocation`],
/// [`ProtocolError::Field`] for data that [`Data::check`] refuses.
pub fn encode_downstream(message: &DownstreamMessage) -> Result<Bytes, ProtocolError> {
    let message = match message {
        DownstreamMessage::Connected {
            connection_id,
            user_id,
            reconnection_token,
        } => system(down::system_message::Message::ConnectedMessage(
            down::system_message::ConnectedMessage {
                connection_id: connection_id.clone(),
                user_id: user_id.clone().unwrap_or_default(),
                reconnection_token: reconnection_token
                    .as_ref()
                    .map(|token| token.expose().to_owned()),
            },
        )),
        DownstreamMessage::Disconnected { message } => {
            system(down::system_message::Message::DisconnectedMessage(
                down::system_message::DisconnectedMessage {
                    reason: message.clone().unwrap_or_default(),
                },
            ))
        }
        DownstreamMessage::Ack { ack_id, result } => Down::AckMessage(down::AckMessage {
            ack_id: *ack_id,
            success: result.is_ok(),
            error: result
                .as_ref()
                .err()
                .map(|error| down::ack_message::ErrorMessage {
                    name: error.name.clone(),
                    message: error.message.clone(),
                }),
        }),
        DownstreamMessage::Data {
            from,
            data,
            sequence_id,
            metadata,
            stream,
        } => {
            let (from, group) = match from {
                Sender::Server => ("server", None),
                Sender::Group { group, .. } => ("group", Some(group.clone())),
            };
            Down::DataMessage(down::DataMessage {
                from: from.to_owned(),
                group,
                data: Some(wire_data(data)?),
                sequence_id: *sequence_id,
                metadata: metadata.clone().into_inner(),
                stream: stream.as_deref().map(wire_stream),
            })
        }
        DownstreamMessage::Pong => Down::PongMessage(down::PongMessage {}),
        DownstreamMessage::InvokeResponse {
            invocation_id,
            result,
            metadata,
        } => Down::InvokeResponseMessage(down::InvokeResponseMessage {
            invocation_id: invocation_id.clone(),
            success: result.is_ok(),
            data: match result {
                Ok(data) => data.as_ref().map(wire_data).transpose()?,
                Err(_) => None,
            },
            error: result
                .as_ref()
                .err()
                .map(|error| down::invoke_response_message::ErrorMessage {
                    name: error.name.clone(),
                    message: error.message.clone(),
                }),
            metadata: metadata.clone().into_inner(),
        }),
        DownstreamMessage::CancelInvocation { .. } => {
            return Err(ProtocolError::NotInFormat("cancelInvocation"));
        }
        DownstreamMessage::StreamAck {
            stream_id,
            expected_sequence_id,
        } => Down::StreamAckMessage(down::StreamAckMessage {
            stream_id: stream_id.clone(),
            expected_sequence_id: *expected_sequence_id,
        }),
        DownstreamMessage::StreamNack {
            stream_id,
            expected_sequence_id,
            name,
            message,
        } => Down::StreamNackMessage(down::StreamNackMessage {
            stream_id: stream_id.clone(),
            name: name.clone(),
            message: message.clone().unwrap_or_default(),
            expected_sequence_id: *expected_sequence_id,
        }),
        DownstreamMessage::StreamClosed { stream_id, error } => {
            Down::StreamClosedMessage(down::StreamClosedMessage {
                stream_id: stream_id.clone(),
                error: error
                    .as_ref()
                    .map(|error| down::stream_closed_message::StreamClosedError {
                        name: error.name.clone(),
                        message: error.message.clone(),
                    }),
            })
        }
        DownstreamMessage::GroupStateUpdate(states) => {
            Down::GroupStateUpdateMessage(down::GroupStateUpdateMessage {
                group: states.group.clone(),
                items: wire_items(&states.items),
                sequence_id: states.sequence_id,
            })
        }
        DownstreamMessage::GroupStateSnapshot(states) => {
            Down::GroupStateSnapshotMessage(down::GroupStateSnapshotMessage {
                group: states.group.clone(),
                items: wire_items(&states.items),
                sequence_id: states.sequence_id,
            })
        }
    };
    let message = wire::DownstreamMessage {
        message: Some(message),
    };
    Ok(message.encode_to_vec().into())
}

fn decode_send_to_group(message: up::SendToGroupMessage) -> Result<UpstreamMessage, ProtocolError> {
    let kind = "sendToGroup";
    let group = group_name(message.group, kind)?;
    let no_echo = message.no_echo.unwrap_or(false);
    if let Some(stream) = message.stream {
        if message.data.is_some() {
            return Err(field(kind, "stream", "must not stand beside data"));
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

fn decode_data(message: down::DataMessage) -> Result<DownstreamMessage, ProtocolError> {
    let kind = "message";
    let from = match message.from.as_str() {
        "group" => Sender::Group {
            group: id(message.group.unwrap_or_default(), kind, "group")?,
            from_user_id: None,
        },
        "server" => Sender::Server,
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

/// The payload; a message that has metadata may go without, and then it is empty text.
fn data_beside(
    data: Option<wire::MessageData>,
    kind: &'static str,
    metadata: &Metadata,
) -> Result<Data, ProtocolError> {
    match data {
        // A payload whose type is not known here: the oneof is empty.
        Some(data) => payload(data, kind)?
            .ok_or_else(|| ProtocolError::UnknownKind("type of data".to_owned())),
        None if !metadata.is_empty() => Ok(Data::Text(transport::Text::default())),
        None => Err(field(kind, "data", "must be present")),
    }
}

fn payload(data: wire::MessageData, kind: &'static str) -> Result<Option<Data>, ProtocolError> {
    Ok(match data.data {
        Some(wire::message_data::Data::TextData(text)) => Some(Data::Text(text.into())),
        // Checked when it becomes part of another message; its receivers parse it anyway.
        Some(wire::message_data::Data::JsonData(text)) => Some(Data::Json(text.into())),
        Some(wire::message_data::Data::BinaryData(bytes)) => Some(Data::Binary(bytes)),
        Some(wire::message_data::Data::ProtobufData(bytes)) => {
            if !is_any(&bytes) {
                return Err(field(kind, "protobuf_data", "must be a serialised Any"));
            }
            Some(Data::Protobuf(bytes))
        }
        None => None,
    })
}

fn wire_data(data: &Data) -> Result<wire::MessageData, ProtocolError> {
    data.check()?;
    Ok(wire::MessageData {
        data: Some(match data {
            Data::Text(text) => wire::message_data::Data::TextData(text.as_str().to_owned()),
            Data::Json(text) => wire::message_data::Data::JsonData(text.as_str().to_owned()),
            Data::Binary(bytes) => wire::message_data::Data::BinaryData(bytes.clone()),
            Data::Protobuf(bytes) => wire::message_data::Data::ProtobufData(bytes.clone()),
        }),
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

fn wire_stream(stream: &StreamFragment) -> wire::StreamInfo {
    wire::StreamInfo {
        stream_id: stream.stream_id.clone(),
        stream_sequence_id: stream.sequence_id,
        end_of_stream: stream.is_end.then_some(true),
        error: stream
            .error
            .as_ref()
            .map(|error| wire::stream_info::StreamError {
                name: error.name.clone(),
                message: error.message.clone().unwrap_or_default(),
                user_error_code: error.user_error_code.clone().unwrap_or_default(),
            }),
    }
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

fn wire_items(items: &[GroupStateItem]) -> Vec<wire::GroupStateItem> {
    items
        .iter()
        .map(|item| wire::GroupStateItem {
            connection_id: item.connection_id.clone(),
            user_id: item.user_id.clone(),
            state: item.state.clone().map(wire_state),
            updated_at: item.updated_at_ms,
        })
        .collect()
}

fn wire_state(entries: BTreeMap<String, String>) -> wire::group_state_item::GroupState {
    wire::group_state_item::GroupState { entries }
}

fn system(message: down::system_message::Message) -> Down {
    Down::SystemMessage(down::SystemMessage {
        message: Some(message),
    })
}

fn metadata(entries: BTreeMap<String, String>) -> Result<Metadata, ProtocolError> {
    let mut metadata = Metadata::new();
    for (name, value) in entries {
        metadata.insert(name, value)?;
    }
    Ok(metadata)
}

fn group_name(group: String, kind: &'static str) -> Result<String, ProtocolError> {
    if crate::GroupName::new(&group).is_err() {
        return Err(field(kind, "group", "must be a group name"));
    }
    Ok(group)
}

fn event_name(event: String, kind: &'static str) -> Result<String, ProtocolError> {
    if crate::EventName::new(&event).is_err() {
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

fn field(message: &'static str, field: &'static str, rule: &'static str) -> ProtocolError {
    ProtocolError::Field {
        message,
        field,
        rule,
    }
}

/// The sequence id of a frame that cannot be read as a whole.
pub(super) fn number_of(frame: &[u8]) -> Number {
    let Some((kind, content)) = kind_of(frame) else {
        return Number::None;
    };
    let FieldValue::Bytes(content) = content else {
        return match kind.sequence_id {
            Some(_) => Number::Unreadable,
            None => Number::None,
        };
    };
    let mut number = Number::None;
    for field in Fields::new(content) {
        match field {
            Ok((field, value)) if Some(field) == kind.sequence_id => {
                number = match value {
                    FieldValue::Varint(id) => Number::Id(id),
                    _ => return Number::Unreadable,
                };
            }
            Ok(_) => {}
            Err(Malformed) if kind.sequence_id.is_some() => return Number::Unreadable,
            Err(Malformed) => return Number::None,
        }
    }
    number
}

/// That a message of a kind that is known has a field of another form than it must be.
fn broken(frame: &[u8]) -> Option<ProtocolError> {
    let (kind, _) = kind_of(frame)?;
    Some(field(
        kind.name,
        "content",
        "must be of the form in the reference",
    ))
}

/// What kind of message the service sent, and its content.
fn kind_of(frame: &[u8]) -> Option<(&'static Kind, FieldValue<'_>)> {
    let mut found = None;
    for field in Fields::new(frame) {
        let (number, value) = field.ok()?;
        if let Some(kind) = KINDS.iter().find(|kind| kind.field == number) {
            // The last one counts.
            found = Some((kind, value));
        }
    }
    found
}

/// A kind of message of the service: its field in the frame, and that of its sequence id.
struct Kind {
    field: u64,
    name: &'static str,
    sequence_id: Option<u64>,
}

impl Kind {
    const fn new(field: u64, name: &'static str, sequence_id: Option<u64>) -> Self {
        Self {
            field,
            name,
            sequence_id,
        }
    }
}

const KINDS: [Kind; 10] = [
    Kind::new(1, "ack", None),
    Kind::new(2, "message", Some(4)),
    Kind::new(3, "system", None),
    Kind::new(4, "pong", None),
    Kind::new(5, "invokeResponse", None),
    Kind::new(6, "streamAck", None),
    Kind::new(7, "streamNack", None),
    Kind::new(8, "streamClosed", None),
    Kind::new(9, "groupStateUpdate", Some(3)),
    Kind::new(10, "groupStateSnapshot", Some(3)),
];

fn unknown_kind() -> ProtocolError {
    ProtocolError::UnknownKind("none of the known ones".to_owned())
}

fn unknown_error() -> AckError {
    AckError::new("Unknown", "")
}

fn format_error(error: &prost::DecodeError) -> ProtocolError {
    ProtocolError::Format(error.to_string())
}
