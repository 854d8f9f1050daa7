//! The requests of an application to the service.

use std::collections::BTreeMap;
use std::time::Duration;

use transport::Message;

use super::ack::{AckId, RequestError};
use super::effect::Effect;
use super::frame::{self, Unfit};
use crate::protocol::{Data, Metadata, Subprotocol, UpstreamMessage};
use crate::{EventName, GroupName, ttl};

/// A request to the service.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Joins a group. Requires the role `webpubsub.joinLeaveGroup` for the group.
    JoinGroup(GroupName),
    /// Leaves a group. Requires the role `webpubsub.joinLeaveGroup` for the group.
    LeaveGroup(GroupName),
    /// Publishes to a group. Requires the role `webpubsub.sendToGroup` for the group.
    SendToGroup {
        /// The group.
        group: GroupName,
        /// The payload.
        data: Data,
        /// The options.
        options: SendToGroupOptions,
    },
    /// Sends an event to the application's event handler.
    SendEvent {
        /// The event.
        event: EventName,
        /// The payload.
        data: Data,
        /// The metadata.
        metadata: Metadata,
    },
    /// Sets or clears this connection's state in a group.
    SetGroupState {
        /// The group.
        group: GroupName,
        /// The state; `None` clears it.
        state: Option<BTreeMap<String, String>>,
    },
    /// Subscribes to the states of a group's members.
    SubscribeGroupState(GroupName),
    /// Unsubscribes from the states of a group's members.
    UnsubscribeGroupState(GroupName),
}

/// The options of publishing to a group.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SendToGroupOptions {
    /// Whether the sender's own connection does not receive the message. Default: `false`.
    pub no_echo: bool,
    /// How long the service keeps the message for a connection that does not
    /// receive it, in whole seconds, rounded up. At most
    /// [`MAX_TTL`](Self::MAX_TTL); a longer one is an error. Default: `None`, which, like 0,
    /// means no limit.
    pub ttl: Option<Duration>,
    /// The metadata.
    pub metadata: Metadata,
    /// The ack id; default: a free one. By choosing it, an
    /// application can repeat a request after its end without repeating its effect,
    /// as long as the service remembers the id. The client counts its own ids from 1 and
    /// skips given ones. A number that it has already used fails with
    /// [`DuplicateAckId`](RequestError::DuplicateAckId), so choose large ones.
    pub ack_id: Option<AckId>,
    /// Whether the request has no ack, so that there is no report whether the
    /// message arrived or was allowed. Default: `false`.
    pub fire_and_forget: bool,
}

impl SendToGroupOptions {
    /// The longest [`ttl`](Self::ttl): five minutes.
    pub const MAX_TTL: Duration = ttl::MAX;

    /// Sets [`no_echo`](Self::no_echo).
    #[must_use]
    pub fn with_no_echo(mut self, no_echo: bool) -> Self {
        self.no_echo = no_echo;
        self
    }

    /// Sets [`ttl`](Self::ttl).
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets [`metadata`](Self::metadata).
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets [`ack_id`](Self::ack_id).
    #[must_use]
    pub fn with_ack_id(mut self, ack_id: AckId) -> Self {
        self.ack_id = Some(ack_id);
        self
    }

    /// Sets [`fire_and_forget`](Self::fire_and_forget).
    #[must_use]
    pub fn with_fire_and_forget(mut self, fire_and_forget: bool) -> Self {
        self.fire_and_forget = fire_and_forget;
        self
    }
}

/// The options of sending an event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SendEventOptions {
    /// The metadata.
    pub metadata: Metadata,
    /// Same as [`SendToGroupOptions::ack_id`].
    pub ack_id: Option<AckId>,
    /// Same as [`SendToGroupOptions::fire_and_forget`].
    pub fire_and_forget: bool,
}

impl SendEventOptions {
    /// Sets [`metadata`](Self::metadata).
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets [`ack_id`](Self::ack_id).
    #[must_use]
    pub fn with_ack_id(mut self, ack_id: AckId) -> Self {
        self.ack_id = Some(ack_id);
        self
    }

    /// Sets [`fire_and_forget`](Self::fire_and_forget).
    #[must_use]
    pub fn with_fire_and_forget(mut self, fire_and_forget: bool) -> Self {
        self.fire_and_forget = fire_and_forget;
        self
    }
}

/// The options of an invocation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvokeEventOptions {
    /// The invocation id, unique among those in flight; default: a free one.
    pub invocation_id: Option<String>,
    /// How long to wait for the response; default: [`SessionOptions::invocation_timeout`](crate::SessionOptions::invocation_timeout).
    pub timeout: Option<Duration>,
}

impl InvokeEventOptions {
    /// Sets [`invocation_id`](Self::invocation_id).
    #[must_use]
    pub fn with_invocation_id(mut self, id: impl Into<String>) -> Self {
        self.invocation_id = Some(id.into());
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl Request {
    /// The name of the method that makes it.
    #[cfg(feature = "client")]
    pub(crate) fn operation(&self) -> &'static str {
        match self {
            Self::JoinGroup(_) => "join_group",
            Self::LeaveGroup(_) => "leave_group",
            Self::SendToGroup { .. } => "send_to_group",
            Self::SendEvent { .. } => "send_event",
            Self::SetGroupState { .. } => "set_group_state",
            Self::SubscribeGroupState(_) => "subscribe_group_state",
            Self::UnsubscribeGroupState(_) => "unsubscribe_group_state",
        }
    }

    /// Checks the rules that do not depend on the subprotocol.
    pub(super) fn check(&self) -> Result<(), RequestError> {
        match self {
            Self::SendToGroup { options, .. } => options.check(),
            _ => Ok(()),
        }
    }

    pub(super) fn encode(
        &self,
        subprotocol: Subprotocol,
        ack_id: Option<u64>,
    ) -> Result<Message, Unfit> {
        let name = |group: &GroupName| group.as_str().to_owned();
        let message = match self {
            // The two hot ones are encoded from their parts, without an intermediate message.
            Self::SendToGroup {
                group,
                data,
                options,
            } => return encode_send_to_group(subprotocol, group, ack_id, data, options),
            Self::SendEvent {
                event,
                data,
                metadata,
            } => return encode_event(subprotocol, event, ack_id, data, metadata),
            Self::JoinGroup(group) => UpstreamMessage::JoinGroup {
                group: name(group),
                ack_id,
            },
            Self::LeaveGroup(group) => UpstreamMessage::LeaveGroup {
                group: name(group),
                ack_id,
            },
            Self::SetGroupState { group, state } => UpstreamMessage::SetGroupState {
                group: name(group),
                ack_id,
                state: state.clone(),
            },
            Self::SubscribeGroupState(group) => UpstreamMessage::SubscribeGroupState {
                group: name(group),
                ack_id,
            },
            Self::UnsubscribeGroupState(group) => UpstreamMessage::UnsubscribeGroupState {
                group: name(group),
                ack_id,
            },
        };
        frame::encode(subprotocol, &message)
    }

    /// Returns the effect on the session once the request has succeeded.
    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::JoinGroup(group) => Effect::Join(group.clone()),
            Self::LeaveGroup(group) => Effect::Leave(group.clone()),
            Self::SubscribeGroupState(_) | Self::UnsubscribeGroupState(_) => Effect::Repeatable,
            Self::SendEvent { .. } => Effect::Handled,
            _ => Effect::None,
        }
    }
}

impl SendToGroupOptions {
    fn check(&self) -> Result<(), RequestError> {
        if self.ttl > Some(ttl::MAX) {
            return Err(RequestError::InvalidTtl);
        }
        Ok(())
    }

    /// Returns the time to live in seconds; `None` also if it is too long, which [`Request::check`]
    /// rejects.
    fn ttl_seconds(&self) -> Option<u32> {
        ttl::seconds(self.ttl?)
    }
}

/// A request without an ack, already encoded, so that its caller
/// learns at once of any error.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(super) frame: Message,
    pub(super) effect: Effect,
}

impl Posted {
    pub(crate) fn new(
        request: &Request,
        subprotocol: Option<Subprotocol>,
    ) -> Result<Self, RequestError> {
        let subprotocol = subprotocol.ok_or(RequestError::Unsupported)?;
        request.check()?;
        Ok(Self {
            frame: request.encode(subprotocol, None)?,
            effect: request.effect(),
        })
    }

    /// As [`new`](Self::new) with [`Request::SendToGroup`].
    #[cfg(feature = "client")]
    pub(crate) fn send_to_group(
        subprotocol: Option<Subprotocol>,
        group: &GroupName,
        data: &Data,
        options: &SendToGroupOptions,
    ) -> Result<Self, RequestError> {
        let subprotocol = subprotocol.ok_or(RequestError::Unsupported)?;
        options.check()?;
        Ok(Self {
            frame: encode_send_to_group(subprotocol, group, None, data, options)?,
            effect: Effect::None,
        })
    }

    /// As [`new`](Self::new) with [`Request::SendEvent`].
    #[cfg(feature = "client")]
    pub(crate) fn send_event(
        subprotocol: Option<Subprotocol>,
        event: &EventName,
        data: &Data,
        metadata: &Metadata,
    ) -> Result<Self, RequestError> {
        let subprotocol = subprotocol.ok_or(RequestError::Unsupported)?;
        Ok(Self {
            frame: encode_event(subprotocol, event, None, data, metadata)?,
            effect: Effect::Handled,
        })
    }
}

fn encode_send_to_group(
    subprotocol: Subprotocol,
    group: &GroupName,
    ack_id: Option<u64>,
    data: &Data,
    options: &SendToGroupOptions,
) -> Result<Message, Unfit> {
    frame::measure_data(data)?;
    let frame = subprotocol.encode_send_to_group(
        group.as_str(),
        ack_id,
        options.no_echo,
        data,
        options.ttl_seconds(),
        &options.metadata,
    )?;
    frame::measure(frame)
}

fn encode_event(
    subprotocol: Subprotocol,
    event: &EventName,
    ack_id: Option<u64>,
    data: &Data,
    metadata: &Metadata,
) -> Result<Message, Unfit> {
    frame::measure_data(data)?;
    let frame = subprotocol.encode_event(event.as_str(), ack_id, data, metadata)?;
    frame::measure(frame)
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;

    /// Errors and logs name the operation.
    #[test]
    fn a_request_has_the_name_of_the_method_of_the_client_that_makes_it() {
        let group = || GroupName::new("g").unwrap();
        let requests = [
            (Request::JoinGroup(group()), "join_group"),
            (Request::LeaveGroup(group()), "leave_group"),
            (
                Request::SendToGroup {
                    group: group(),
                    data: Data::Text("x".into()),
                    options: SendToGroupOptions::default(),
                },
                "send_to_group",
            ),
            (
                Request::SendEvent {
                    event: EventName::new("e").unwrap(),
                    data: Data::Text("x".into()),
                    metadata: Metadata::new(),
                },
                "send_event",
            ),
            (
                Request::SetGroupState {
                    group: group(),
                    state: None,
                },
                "set_group_state",
            ),
            (
                Request::SubscribeGroupState(group()),
                "subscribe_group_state",
            ),
            (
                Request::UnsubscribeGroupState(group()),
                "unsubscribe_group_state",
            ),
        ];
        for (request, name) in requests {
            assert_eq!(request.operation(), name);
            assert!(
                include_str!("../client/mod.rs").contains(&format!("pub async fn {name}<")),
                "{name}"
            );
        }
    }
}
