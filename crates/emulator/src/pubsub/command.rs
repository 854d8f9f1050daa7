//! What a client's messages do to its hub. Pure but for the queues.

use std::sync::Arc;
use std::time::Instant;

use pubsub::Data;
use pubsub::protocol::{
    AckError, DataOrigin, DownstreamMessage, Metadata, StreamError, StreamFragment, UpstreamMessage,
};

use super::broadcast::Broadcast;
use super::event_handler::UserEvent;
use super::hub::{Hub, excluded_publisher, stream_message};
use super::permission::Permission;
use super::stream::{Stream, Verdict};

/// What is left to do after a message.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// To be sent to the client, before the acknowledgement.
    pub(super) replies: Vec<DownstreamMessage>,
    /// To be acknowledged.
    pub(super) ack: Option<(u64, Result<(), AckError>)>,
    /// A group whose states the client has subscribed to: they come after the acknowledgement.
    pub(super) subscribed: Option<String>,
    /// For the event handler.
    pub(super) event: Option<UserEvent>,
    /// An invocation that is given up.
    pub(super) canceled: Option<String>,
    /// A stream that may fall silent: its name, number, and when.
    pub(super) stream: Option<(String, u64, Instant)>,
}

impl Outcome {
    fn acked(ack_id: Option<u64>, result: Result<(), AckError>) -> Self {
        Self {
            ack: ack_id.map(|id| (id, result)),
            ..Self::default()
        }
    }

    fn reply(message: DownstreamMessage) -> Self {
        Self {
            replies: vec![message],
            ..Self::default()
        }
    }
}

impl Hub {
    /// Carries out what a client asks for. `next` is a number for a stream that it may open.
    pub(super) fn perform(
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
        if let Some((ack_id, Ok(()))) = outcome.ack
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
                    let expires = super::expiry(ttl_seconds, now);
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
                    );
                });
                Outcome::acked(ack_id, result)
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
            // Answers to calls that the service never makes, and what later versions may add.
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

    /// A state belongs to a member.
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

    /// Who may join a group may do all that there is to its states, too.
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

    /// A message of a client to a group.
    pub(super) fn group_message(
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
                group: group.to_owned(),
                from_user_id: user.map(str::to_owned),
            },
            data,
            sequence_id: None,
            metadata,
            stream: None,
        }
    }

    fn start_stream(&mut self, id: &str, stream_id: String, stream: Stream) -> Outcome {
        let Some(connection) = self.connection_mut(id) else {
            return Outcome::default();
        };
        let refusal = connection
            .may(Permission::SendToGroup, "send to", &stream.group)
            .err()
            .or_else(|| {
                connection
                    .streams
                    .contains_key(&stream_id)
                    .then(|| AckError::new("BadRequest", "A stream of that id is open already."))
            })
            .or_else(|| {
                (connection.streams.len() >= MAX_STREAMS).then(|| {
                    AckError::new("BadRequest", "The connection has too many open streams.")
                })
            });
        if let Some(error) = refusal {
            return Outcome::reply(DownstreamMessage::StreamClosed {
                stream_id,
                error: Some(error),
            });
        }
        let silent = (stream_id.clone(), stream.number, stream.deadline());
        connection.streams.insert(stream_id.clone(), stream);
        Outcome {
            stream: Some(silent),
            ..Outcome::reply(DownstreamMessage::StreamAck {
                stream_id,
                expected_sequence_id: 1,
            })
        }
    }

    fn continue_stream(
        &mut self,
        id: &str,
        stream_id: String,
        fragment: Option<(u64, Data)>,
        now: Instant,
    ) -> Outcome {
        let Some(connection) = self.connection_mut(id) else {
            return Outcome::default();
        };
        let Some(stream) = connection.streams.get_mut(&stream_id) else {
            return stream_not_found(stream_id);
        };
        let Some((sequence_id, data)) = fragment else {
            stream.keep_alive(now);
            return Outcome::default();
        };
        let verdict = stream.take(sequence_id, now);
        let expected_sequence_id = stream.expected;
        if verdict == Verdict::Gap {
            return Outcome::reply(DownstreamMessage::StreamNack {
                stream_id,
                expected_sequence_id,
                name: "InvalidSequenceId".to_owned(),
                message: Some(format!(
                    "The expected sequence id is {expected_sequence_id}."
                )),
            });
        }
        if verdict == Verdict::Publish {
            let stream = stream.clone();
            let fragment = StreamFragment::new(stream_id.as_str(), sequence_id);
            let mut broadcast = stream_message(connection, &stream, data, fragment);
            let excluded = excluded_publisher(connection, &stream);
            self.publish(&stream.group, &excluded, &mut broadcast, now);
        }
        Outcome::reply(DownstreamMessage::StreamAck {
            stream_id,
            expected_sequence_id,
        })
    }

    fn finish_stream(
        &mut self,
        id: &str,
        stream_id: String,
        error: Option<StreamError>,
        now: Instant,
    ) -> Outcome {
        let removed = self
            .connection_mut(id)
            .and_then(|connection| connection.streams.remove(&stream_id));
        if let Some(stream) = &removed {
            self.cancel_timer(stream);
        }
        let (Some(stream), Some(connection)) = (removed, self.connection(id)) else {
            return stream_not_found(stream_id);
        };
        let slow = self.end_stream(connection, &stream_id, &stream, error, now);
        self.drop_slow(slow, now);
        Outcome::reply(DownstreamMessage::StreamClosed {
            stream_id,
            error: None,
        })
    }

    /// Ends a stream whose publisher has been silent for too long; otherwise
    /// tells when to look again, or nothing if it has ended.
    pub(super) fn expire_stream(
        &mut self,
        id: &str,
        stream_id: &str,
        number: u64,
        now: Instant,
    ) -> Option<Instant> {
        let connection = self.connection_mut(id)?;
        let stream = connection.streams.get(stream_id)?;
        if stream.number != number {
            return None;
        }
        if now < stream.deadline() {
            return Some(stream.deadline());
        }
        let stream = connection.streams.remove(stream_id)?;
        let closed = DownstreamMessage::StreamClosed {
            stream_id: stream_id.to_owned(),
            error: Some(AckError::new(
                "IdleTimeout",
                "The stream was idle for too long.",
            )),
        };
        let send_queue = Arc::clone(&connection.send_queue);
        let connection = self.connection(id)?;
        let error =
            StreamError::new("IdleTimeout").with_message("The stream was idle for too long.");
        let mut slow = self.end_stream(connection, stream_id, &stream, Some(error), now);
        if let Some(frame) = send_queue.format().encode(&closed)
            && send_queue.push_control(frame).is_err()
        {
            slow.push(Arc::clone(send_queue.id()));
        }
        self.drop_slow(slow, now);
        None
    }
}

/// The error for a request that was carried out before, in the service's words.
pub(super) fn duplicate(ack_id: u64) -> AckError {
    AckError::new(
        "Duplicate",
        format!("Message with ack-id: {ack_id} has been processed"),
    )
}

/// The ack id of a message that asks for an acknowledgement.
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

fn stream_not_found(stream_id: String) -> Outcome {
    Outcome::reply(DownstreamMessage::StreamClosed {
        stream_id,
        error: Some(AckError::new(
            "StreamNotFound",
            "There is no such open stream.",
        )),
    })
}

/// A bound of ours, because each stream holds memory.
const MAX_STREAMS: usize = 100;
