//! The requests of clients to their hub. Pure, except for the queues.

use std::time::Instant;

use pubsub::Data;
use pubsub::protocol::{
    AckError, DataOrigin, DownstreamMessage, Metadata, StreamError, UpstreamMessage,
};

use super::Hub;
use super::outcome::Outcome;
use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::event_handler::UserEvent;
use crate::pubsub::permission::Permission;
use crate::pubsub::stream::Stream;

impl Hub {
    /// Performs a client's request. `next` is a number for a stream that it may open.
    pub(in crate::pubsub) fn perform(
        &mut self,
        id: &str,
        message: UpstreamMessage,
        next: u64,
        now: Instant,
    ) -> Outcome {
        if let Some(ack_id) = ack_id(&message)
            && let Some(connection) = self.connection(id)
            && connection.acks.contains(ack_id)
        {
            return Outcome::acked(Some(ack_id), Err(duplicate(ack_id)));
        }
        let outcome = self.carry_out(id, message, next, now);
        if let (Some(ack_id), Ok(())) = (outcome.ack_id, &outcome.result)
            && let Some(connection) = self.connection_mut(id)
        {
            connection.acks.insert(ack_id);
        }
        outcome
    }

    fn carry_out(
        &mut self,
        id: &str,
        message: UpstreamMessage,
        next: u64,
        now: Instant,
    ) -> Outcome {
        match message {
            UpstreamMessage::JoinGroup { group, ack_id } => {
                let result = self.may(id, Permission::JoinLeaveGroup, "join", &group);
                if result.is_ok() {
                    self.join(id, &group);
                }
                Outcome::acked(ack_id, result)
            }
            UpstreamMessage::LeaveGroup { group, ack_id } => {
                let result = self.may(id, Permission::JoinLeaveGroup, "leave", &group);
                Outcome::acked(ack_id, result.map(|()| self.leave(id, &group, now)))
            }
            UpstreamMessage::SendToGroup {
                group,
                ack_id,
                no_echo,
                data,
                ttl_seconds,
                metadata,
            } => {
                let result = self.may(id, Permission::SendToGroup, "send to", &group);
                let result = result.map(|()| {
                    let expires = crate::pubsub::expiry(ttl_seconds, now);
                    let message = self.group_message(id, &group, data, metadata);
                    let excluded = if no_echo {
                        vec![id.to_owned()]
                    } else {
                        Vec::new()
                    };
                    self.publish(
                        &group,
                        &excluded,
                        &mut Broadcast::new(message, expires),
                        now,
                    )
                });
                Outcome {
                    receivers: result.as_ref().ok().copied(),
                    ..Outcome::acked(ack_id, result.map(|_| ()))
                }
            }
            UpstreamMessage::Event {
                event,
                ack_id,
                data,
                metadata,
            } => Outcome {
                event: Some(UserEvent::event(event, ack_id, data, metadata)),
                ..Outcome::default()
            },
            UpstreamMessage::Invoke {
                invocation_id,
                event,
                data,
                metadata,
            } => Outcome {
                event: Some(UserEvent::invocation(invocation_id, event, data, metadata)),
                ..Outcome::default()
            },
            UpstreamMessage::CancelInvocation { invocation_id } => Outcome {
                canceled: Some(invocation_id),
                ..Outcome::default()
            },
            UpstreamMessage::SequenceAck { sequence_id } => {
                if let Some(connection) = self.connection(id) {
                    connection.send_queue.acknowledge(sequence_id);
                }
                Outcome::default()
            }
            UpstreamMessage::Ping => Outcome::reply(DownstreamMessage::Pong),
            UpstreamMessage::StreamStart {
                group,
                no_echo,
                stream_id,
                idle_timeout_ms,
            } => {
                let stream =
                    Stream::new(group.as_str().into(), no_echo, idle_timeout_ms, next, now);
                self.start_stream(id, stream_id, stream)
            }
            UpstreamMessage::StreamData {
                stream_id,
                fragment,
            } => self.continue_stream(id, stream_id, fragment, now),
            UpstreamMessage::StreamEnd { stream_id, error } => {
                let error = error.map(|error| {
                    let mut shown = StreamError::new("UserError");
                    shown.message = error.message;
                    shown.user_error_code = error.user_error_code;
                    shown
                });
                self.finish_stream(id, stream_id, error, now)
            }
            UpstreamMessage::SetGroupState {
                group,
                ack_id,
                state,
            } => {
                let result = self.may_hold_state(id, &group);
                Outcome::acked(
                    ack_id,
                    result.map(|()| self.set_state(id, &group, state, now)),
                )
            }
            UpstreamMessage::SubscribeGroupState { group, ack_id } => {
                let result = self.may_with_states(
                    id,
                    Permission::GetGroupState,
                    "subscribe to the states of",
                    &group,
                );
                Outcome {
                    subscribed: result.is_ok().then_some(group),
                    ..Outcome::acked(ack_id, result)
                }
            }
            UpstreamMessage::UnsubscribeGroupState { group, ack_id } => {
                self.unsubscribe(id, &group);
                Outcome::acked(ack_id, Ok(()))
            }
            // Responses to calls that the service never makes, and messages that later
            // versions may add.
            _ => Outcome::default(),
        }
    }

    fn may(
        &self,
        id: &str,
        permission: Permission,
        action: &str,
        group: &str,
    ) -> Result<(), AckError> {
        match self.connection(id) {
            Some(connection) => connection.may(permission, action, group),
            None => Ok(()),
        }
    }

    /// Checks that the connection is a member: only members have states.
    fn may_hold_state(&self, id: &str, group: &str) -> Result<(), AckError> {
        if let Some(connection) = self.connection(id)
            && !connection.groups.contains(group)
        {
            return Err(AckError::new(
                "Forbidden",
                format!("The client is not a member of group '{group}'."),
            ));
        }
        let permission = Permission::SetGroupState;
        self.may_with_states(id, permission, "set a state in", group)
    }

    /// Checks a permission for states; a connection that may join a group has all of them.
    fn may_with_states(
        &self,
        id: &str,
        permission: Permission,
        action: &str,
        group: &str,
    ) -> Result<(), AckError> {
        self.may(id, permission, action, group).or_else(|error| {
            let joins = self.may(id, Permission::JoinLeaveGroup, action, group);
            joins.map_err(|_| error)
        })
    }

    /// Builds a client's message to a group.
    pub(in crate::pubsub) fn group_message(
        &self,
        id: &str,
        group: &str,
        data: Data,
        metadata: Metadata,
    ) -> DownstreamMessage {
        let user = self
            .connection(id)
            .and_then(|connection| connection.user_id.as_deref());
        DownstreamMessage::Data {
            from: DataOrigin::Group {
                group: group.into(),
                from_user_id: user.map(Into::into),
            },
            data,
            sequence_id: None,
            metadata,
            stream: None,
        }
    }
}

/// Returns the error for a request that was processed before, with the service's text.
pub(in crate::pubsub) fn duplicate(ack_id: u64) -> AckError {
    AckError::new(
        "Duplicate",
        format!("Message with ack-id: {ack_id} has been processed"),
    )
}

/// Returns the ack id of a message that requests an acknowledgement.
fn ack_id(message: &UpstreamMessage) -> Option<u64> {
    match message {
        UpstreamMessage::JoinGroup { ack_id, .. }
        | UpstreamMessage::LeaveGroup { ack_id, .. }
        | UpstreamMessage::SendToGroup { ack_id, .. }
        | UpstreamMessage::Event { ack_id, .. }
        | UpstreamMessage::SetGroupState { ack_id, .. }
        | UpstreamMessage::SubscribeGroupState { ack_id, .. }
        | UpstreamMessage::UnsubscribeGroupState { ack_id, .. } => *ack_id,
        _ => None,
    }
}
