//! Encoding. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use super::hot;
use crate::generated::webpubsub_v1 as wire;
use crate::protocol::{
    Data, DataOrigin, DownstreamMessage, GroupStateItem, ProtocolError, StreamFragment,
    UpstreamMessage,
};
use wire::downstream_message::Message as Down;
use wire::upstream_message::Message as Up;
use wire::{downstream_message as down, upstream_message as up};

/// Encodes a message from a client.
///
/// # Errors
///
/// [`ProtocolError::NotInFormat`] for [`UpstreamMessage::InvokeResponse`],
/// [`ProtocolError::Field`] for data that [`Data::check`] rejects.
pub fn encode_upstream(message: &UpstreamMessage) -> Result<Bytes, ProtocolError> {
    let message = match message {
        UpstreamMessage::SendToGroup {
            group,
            ack_id,
            no_echo,
            data,
            ttl_seconds,
            metadata,
        } => return hot::send_to_group(group, *ack_id, *no_echo, data, *ttl_seconds, metadata),
        UpstreamMessage::Event {
            event,
            ack_id,
            data,
            metadata,
        } => return hot::event(event, *ack_id, data, metadata),
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

/// Encodes a message from the service. The sender's user id does not exist in protobuf and is
/// omitted.
///
/// # Errors
///
/// [`ProtocolError::NotInFormat`] for [`DownstreamMessage::CancelInvocation`],
/// [`ProtocolError::Field`] for data that [`Data::check`] rejects.
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
                DataOrigin::Server => ("server", None),
                DataOrigin::Group { group, .. } => ("group", Some(group.to_string())),
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
