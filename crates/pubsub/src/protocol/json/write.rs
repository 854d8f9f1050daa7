//! Encoding, in the key order of the official JavaScript client.

use std::fmt::Write as _;

use transport::Text;

use super::hot::{self, ACK_ID, SEND_TO_GROUP, no_echo_member, push_number};
use super::value::{
    Members, data_len, push_data, push_entries, push_member, push_metadata, push_string, push_u64,
};
use crate::protocol::{
    AckError, Data, DataOrigin, DownstreamMessage, GroupStates, ProtocolError, StreamFragment,
    UpstreamMessage,
};

/// Encodes a message from a client.
///
/// # Errors
///
/// [`ProtocolError::Field`] for data that [`Data::check`] rejects.
pub fn encode_upstream(message: &UpstreamMessage) -> Result<Text, ProtocolError> {
    let mut out = String::with_capacity(128);
    match message {
        UpstreamMessage::JoinGroup { group, ack_id } => {
            group_request(&mut out, "joinGroup", group, *ack_id);
        }
        UpstreamMessage::LeaveGroup { group, ack_id } => {
            group_request(&mut out, "leaveGroup", group, *ack_id);
        }
        UpstreamMessage::SendToGroup {
            group,
            ack_id,
            no_echo,
            data,
            ttl_seconds,
            metadata,
        } => return hot::send_to_group(group, *ack_id, *no_echo, data, *ttl_seconds, metadata),
        UpstreamMessage::Event {
            event: name,
            ack_id,
            data,
            metadata,
        } => return hot::event(name, *ack_id, data, metadata),
        UpstreamMessage::SequenceAck { sequence_id } => {
            out.push_str(r#"{"type":"sequenceAck","sequenceId":"#);
            push_u64(&mut out, *sequence_id);
        }
        UpstreamMessage::Ping => out.push_str(r#"{"type":"ping""#),
        UpstreamMessage::Invoke {
            invocation_id,
            event,
            data,
            metadata,
        } => {
            out.push_str(r#"{"type":"invoke","invocationId":"#);
            push_string(&mut out, invocation_id);
            out.push_str(r#","target":"event","event":"#);
            push_string(&mut out, event);
            push_optional_data(&mut out, data.as_ref())?;
            push_metadata(&mut out, metadata);
        }
        UpstreamMessage::CancelInvocation { invocation_id } => {
            cancel_invocation(&mut out, invocation_id);
        }
        UpstreamMessage::InvokeResponse {
            invocation_id,
            result,
        } => invoke_response(&mut out, invocation_id, result)?,
        UpstreamMessage::StreamStart {
            group,
            no_echo,
            stream_id,
            idle_timeout_ms,
        } => {
            out.push_str(SEND_TO_GROUP);
            push_string(&mut out, group);
            out.push_str(no_echo_member(*no_echo));
            out.push_str(r#","stream":{"streamId":"#);
            push_string(&mut out, stream_id);
            if let Some(timeout) = idle_timeout_ms {
                out.push_str(r#","idleTimeoutMs":"#);
                push_u64(&mut out, u64::from(*timeout));
            }
            out.push('}');
        }
        UpstreamMessage::StreamData {
            stream_id,
            fragment,
        } => {
            out.push_str(r#"{"type":"streamData","streamId":"#);
            push_string(&mut out, stream_id);
            if let Some((sequence_id, data)) = fragment {
                out.push_str(r#","streamSequenceId":"#);
                push_u64(&mut out, *sequence_id);
                push_data(&mut out, data)?;
            }
        }
        UpstreamMessage::StreamEnd { stream_id, error } => {
            out.push_str(r#"{"type":"streamEnd","streamId":"#);
            push_string(&mut out, stream_id);
            if let Some(error) = error {
                out.push_str(r#","error":{"#);
                let mut members = Members::default();
                members.push(&mut out, "message", error.message.as_deref());
                members.push(&mut out, "userErrorCode", error.user_error_code.as_deref());
                out.push('}');
            }
        }
        UpstreamMessage::SetGroupState {
            group,
            ack_id,
            state,
        } => {
            group_request(&mut out, "setGroupState", group, *ack_id);
            if let Some(state) = state {
                out.push_str(r#","state":"#);
                push_entries(&mut out, state);
            }
        }
        UpstreamMessage::SubscribeGroupState { group, ack_id } => {
            group_request(&mut out, "subscribeGroupState", group, *ack_id);
        }
        UpstreamMessage::UnsubscribeGroupState { group, ack_id } => {
            group_request(&mut out, "unsubscribeGroupState", group, *ack_id);
        }
    }
    out.push('}');
    Ok(out.into())
}

/// Encodes a message from the service.
///
/// # Errors
///
/// [`ProtocolError::Field`] for data that [`Data::check`] rejects.
pub fn encode_downstream(message: &DownstreamMessage) -> Result<Text, ProtocolError> {
    let mut out = String::with_capacity(160);
    match message {
        DownstreamMessage::Connected {
            connection_id,
            user_id,
            reconnection_token,
        } => {
            out.push_str(r#"{"type":"system","event":"connected","userId":"#);
            match user_id {
                Some(user) => push_string(&mut out, user),
                None => out.push_str("null"),
            }
            out.push_str(r#","connectionId":"#);
            push_string(&mut out, connection_id);
            if let Some(token) = reconnection_token {
                out.push_str(r#","reconnectionToken":"#);
                push_string(&mut out, token.expose());
            }
        }
        DownstreamMessage::Disconnected { message } => {
            out.push_str(r#"{"type":"system","event":"disconnected""#);
            push_member(&mut out, "message", message.as_deref());
        }
        DownstreamMessage::Ack { ack_id, result } => {
            out.push_str(r#"{"type":"ack","ackId":"#);
            push_u64(&mut out, *ack_id);
            push_success(&mut out, result.is_ok());
            if let Err(error) = result {
                push_error(&mut out, error);
            }
        }
        DownstreamMessage::Data {
            from,
            data,
            sequence_id,
            metadata,
            stream,
        } => {
            out.reserve(data_len(data));
            out.push('{');
            if let Some(id) = sequence_id {
                out.push_str(r#""sequenceId":"#);
                push_u64(&mut out, *id);
                out.push(',');
            }
            push_origin(&mut out, from);
            push_data(&mut out, data)?;
            push_metadata(&mut out, metadata);
            if let Some(stream) = stream {
                push_stream(&mut out, stream);
            }
        }
        DownstreamMessage::Pong => out.push_str(r#"{"type":"pong""#),
        DownstreamMessage::InvokeResponse {
            invocation_id,
            result,
            metadata,
        } => {
            invoke_response(&mut out, invocation_id, result)?;
            push_metadata(&mut out, metadata);
        }
        DownstreamMessage::CancelInvocation { invocation_id } => {
            cancel_invocation(&mut out, invocation_id);
        }
        DownstreamMessage::StreamAck {
            stream_id,
            expected_sequence_id,
        } => push_stream_answer(&mut out, "streamAck", stream_id, *expected_sequence_id),
        DownstreamMessage::StreamNack {
            stream_id,
            expected_sequence_id,
            name,
            message,
        } => {
            push_stream_answer(&mut out, "streamNack", stream_id, *expected_sequence_id);
            push_member(&mut out, "name", Some(name));
            push_member(&mut out, "message", message.as_deref());
        }
        DownstreamMessage::StreamClosed { stream_id, error } => {
            out.push_str(r#"{"type":"streamClosed","streamId":"#);
            push_string(&mut out, stream_id);
            if let Some(error) = error {
                push_error(&mut out, error);
            }
        }
        DownstreamMessage::GroupStateSnapshot(states) => {
            push_group_states(&mut out, "groupStateSnapshot", states);
        }
        DownstreamMessage::GroupStateUpdate(states) => {
            push_group_states(&mut out, "groupStateUpdate", states);
        }
    }
    out.push('}');
    Ok(out.into())
}

fn group_request(out: &mut String, kind: &str, group: &str, ack_id: Option<u64>) {
    let _ = write!(out, r#"{{"type":"{kind}","group":"#);
    push_string(out, group);
    push_number(out, ACK_ID, ack_id);
}

fn cancel_invocation(out: &mut String, invocation_id: &str) {
    out.push_str(r#"{"type":"cancelInvocation","invocationId":"#);
    push_string(out, invocation_id);
}

fn invoke_response(
    out: &mut String,
    invocation_id: &str,
    result: &Result<Option<Data>, AckError>,
) -> Result<(), ProtocolError> {
    out.push_str(r#"{"type":"invokeResponse","invocationId":"#);
    push_string(out, invocation_id);
    push_success(out, result.is_ok());
    match result {
        Ok(data) => push_optional_data(out, data.as_ref())?,
        Err(error) => push_error(out, error),
    }
    Ok(())
}

fn push_origin(out: &mut String, from: &DataOrigin) {
    match from {
        DataOrigin::Server => out.push_str(r#""type":"message","from":"server""#),
        DataOrigin::Group {
            group,
            from_user_id,
        } => {
            out.push_str(r#""type":"message","from":"group","group":"#);
            push_string(out, group);
            push_member(out, "fromUserId", from_user_id.as_deref());
        }
    }
}

fn push_stream(out: &mut String, stream: &StreamFragment) {
    out.push_str(r#","stream":{"streamId":"#);
    push_string(out, &stream.stream_id);
    out.push_str(r#","streamSequenceId":"#);
    push_u64(out, stream.sequence_id);
    if stream.is_end {
        out.push_str(r#","endOfStream":true"#);
    }
    if let Some(error) = &stream.error {
        out.push_str(r#","error":{"#);
        let mut members = Members::default();
        members.push(out, "name", Some(&error.name));
        members.push(out, "message", error.message.as_deref());
        members.push(out, "userErrorCode", error.user_error_code.as_deref());
        out.push('}');
    }
    out.push('}');
}

fn push_stream_answer(out: &mut String, kind: &str, stream_id: &str, expected: u64) {
    let _ = write!(out, r#"{{"type":"{kind}","streamId":"#);
    push_string(out, stream_id);
    out.push_str(r#","expectedSequenceId":"#);
    push_u64(out, expected);
}

fn push_group_states(out: &mut String, kind: &str, states: &GroupStates) {
    out.push('{');
    if let Some(id) = states.sequence_id {
        let _ = write!(out, r#""sequenceId":{id},"#);
    }
    let _ = write!(out, r#""type":"{kind}","group":"#);
    push_string(out, &states.group);
    out.push_str(r#","items":["#);
    for (index, item) in states.items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(r#"{"connectionId":"#);
        push_string(out, &item.connection_id);
        push_member(out, "userId", item.user_id.as_deref());
        if let Some(state) = &item.state {
            out.push_str(r#","state":"#);
            push_entries(out, state);
        }
        let _ = write!(out, r#","updatedAt":{}}}"#, item.updated_at_ms);
    }
    out.push(']');
}

fn push_success(out: &mut String, success: bool) {
    out.push_str(if success {
        r#","success":true"#
    } else {
        r#","success":false"#
    });
}

fn push_error(out: &mut String, error: &AckError) {
    out.push_str(r#","error":{"name":"#);
    push_string(out, &error.name);
    out.push_str(r#","message":"#);
    push_string(out, &error.message);
    out.push('}');
}

fn push_optional_data(out: &mut String, data: Option<&Data>) -> Result<(), ProtocolError> {
    data.map_or(Ok(()), |data| push_data(out, data))
}
