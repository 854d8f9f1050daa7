//! What an application asks of the service, ready to be written.

use std::collections::BTreeMap;
use std::time::Duration;

use transport::Message;

use super::ack::{AckId, RequestError};
use super::effect::Effect;
use super::frame::{self, Unfit};
use crate::protocol::{Data, Metadata, Subprotocol, UpstreamMessage, json};
use crate::{EventName, GroupName, ttl};

/// A request that the service may acknowledge.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Join a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    JoinGroup(GroupName),
    /// Leave a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    LeaveGroup(GroupName),
    /// Publish to a group. Needs the role `webpubsub.sendToGroup` for it.
    SendToGroup {
        /// The group.
        group: GroupName,
        /// The payload.
        data: Data,
        /// Everything else.
        options: SendToGroupOptions,
    },
    /// Send an event to the application's event handler.
    SendEvent {
        /// The event.
        event: EventName,
        /// The payload.
        data: Data,
        /// What goes along with the payload.
        metadata: Metadata,
    },
    /// Set or clear this connection's state in a group.
    SetGroupState {
        /// The group.
        group: GroupName,
        /// The state; `None` clears it.
        state: Option<BTreeMap<String, String>>,
    },
    /// Ask for the states of a group's members.
    SubscribeGroupState(GroupName),
    /// Ask for no more states.
    UnsubscribeGroupState(GroupName),
}

/// How something is published to a group.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SendToGroupOptions {
    /// Whether the sender's own connection is left out. Default `false`.
    pub no_echo: bool,
    /// How long the service keeps the message for a connection that does not
    /// take it, in whole seconds, rounded up; 0 and `None` mean no limit. At most
    /// [`MAX_TTL`](Self::MAX_TTL); a request with a longer one is refused.
    pub ttl: Option<Duration>,
    /// What goes along with the payload.
    pub metadata: Metadata,
    /// The acknowledgement id; default: a free one. With one of its own an
    /// application can repeat a request after its end without repeating its effect,
    /// as long as the service remembers it. The client counts its own ids from 1 and
    /// goes round given ones; a number that it has used already is refused with
    /// [`DuplicateAckId`](RequestError::DuplicateAckId), so that large ones are safe.
    pub ack_id: Option<AckId>,
    /// Whether no acknowledgement is asked for; then nobody tells whether the
    /// message arrived, or was allowed. Default `false`.
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

/// How an event is sent to the application.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SendEventOptions {
    /// What goes along with the payload.
    pub metadata: Metadata,
    /// As [`SendToGroupOptions::ack_id`].
    pub ack_id: Option<AckId>,
    /// As [`SendToGroupOptions::fire_and_forget`].
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

/// How an event handler is called.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvokeEventOptions {
    /// The name of the call, unique among those under way; default: a free one.
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
    /// Checks what does not depend on the subprotocol.
    pub(super) fn check(&self) -> Result<(), RequestError> {
        match self {
            Self::SendToGroup { options, .. } if options.ttl > Some(ttl::MAX) => {
                Err(RequestError::InvalidTtl)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn encode(
        &self,
        subprotocol: Subprotocol,
        ack_id: Option<u64>,
    ) -> Result<Message, Unfit> {
        if let Self::SendToGroup { data, .. } | Self::SendEvent { data, .. } = self {
            frame::measure_data(data)?;
        }
        if subprotocol.is_json() {
            // The two hot ones are written from their parts, without a message between.
            match self {
                Self::SendToGroup {
                    group,
                    data,
                    options,
                } => {
                    let text = json::send_to_group(
                        group.as_str(),
                        ack_id,
                        options.no_echo,
                        data,
                        options.ttl_seconds(),
                        &options.metadata,
                    )?;
                    return frame::measure(Message::Text(text));
                }
                Self::SendEvent {
                    event,
                    data,
                    metadata,
                } => {
                    let text = json::event(event.as_str(), ack_id, data, metadata)?;
                    return frame::measure(Message::Text(text));
                }
                _ => {}
            }
        }
        frame::encode(subprotocol, &self.to_message(ack_id))
    }

    fn to_message(&self, ack_id: Option<u64>) -> UpstreamMessage {
        let name = |group: &GroupName| group.as_str().to_owned();
        match self {
            Self::JoinGroup(group) => UpstreamMessage::JoinGroup {
                group: name(group),
                ack_id,
            },
            Self::LeaveGroup(group) => UpstreamMessage::LeaveGroup {
                group: name(group),
                ack_id,
            },
            Self::SendToGroup {
                group,
                data,
                options,
            } => UpstreamMessage::SendToGroup {
                group: name(group),
                ack_id,
                no_echo: options.no_echo,
                data: data.clone(),
                ttl_seconds: options.ttl_seconds(),
                metadata: options.metadata.clone(),
            },
            Self::SendEvent {
                event,
                data,
                metadata,
            } => UpstreamMessage::Event {
                event: event.as_str().to_owned(),
                ack_id,
                data: data.clone(),
                metadata: metadata.clone(),
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
        }
    }

    /// What the session remembers once the service has carried it out.
    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::JoinGroup(group) => Effect::Join(group.clone()),
            Self::LeaveGroup(group) => Effect::Leave(group.clone()),
            Self::SubscribeGroupState(_) | Self::UnsubscribeGroupState(_) => Effect::Repeatable,
            _ => Effect::None,
        }
    }
}

impl SendToGroupOptions {
    /// None for one that is too long, which [`Request::check`] refuses.
    fn ttl_seconds(&self) -> Option<u32> {
        ttl::seconds(self.ttl?)
    }
}

/// A request without an acknowledgement, written already: whoever asks for it is
/// told at once what is wrong with it.
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
}
