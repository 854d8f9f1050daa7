//! What each kind of record says. Pure.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::payload::Payload;
use super::text::{Headers, Text, Url};

/// What a record says besides what all records have; its variant is the kind of the record.
///
/// Further variants and fields may be added.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(untagged)]
pub enum Details {
    /// A REST request.
    Request(Request),
    /// A Web PubSub client connected, or recovered its connection.
    Connected(Connected),
    /// A Web PubSub client lost its socket, or its connection ended.
    Disconnected(Disconnected),
    /// A Web PubSub client sent a message.
    Message(Message),
    /// An event handler was called: one record an attempt.
    Event(Event),
    /// A token or a permission was refused.
    Refused(Refused),
    /// A Relay listener came, renewed its token, or went.
    Listener(Listener),
    /// A Relay sender wanted to connect.
    Sender(Sender),
    /// An HTTP request went through Relay, or could not.
    RelayedRequest(RelayedRequest),
    /// A listener and a sender meet at a rendezvous address.
    Rendezvous(Rendezvous),
    /// An injected fault struck.
    Fault(Fault),
    /// The emulator's clock was moved.
    Clock(Clock),
}

/// A REST request, when its response is there: of Web PubSub, for a description of Relay, or to the
/// authority, whose bodies are never recorded. The hub, the group, the user and the connection of the
/// record are those that the request is for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The operation, such as `sendToGroup`; without one, no operation is at this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Text>,
    /// The method.
    pub method: Text,
    /// The path, and the query without secrets.
    pub url: Url,
    /// The status of the response.
    pub status: u16,
    /// The error code of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// How many connections it was sent to, or applied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receivers: Option<u64>,
}

/// A Web PubSub client that connected, or recovered its connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Connected {
    /// The subprotocol; none for a simple WebSocket client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subprotocol: Option<Text>,
    /// The groups that it is in from the start: as many as fit into 16 KiB, and then `…` if there are
    /// more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Text>,
    /// The roles of its token and of its `connect` handler, as many as of the groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Text>,
    /// Whether it is a connection that was there before.
    pub is_recovered: bool,
}

/// A Web PubSub client that lost its socket, or whose connection ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// The close code; none if there was no close frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The party that ended it.
    pub ended_by: EndedBy,
    /// Whether the client may recover it.
    pub may_recover: bool,
}

/// The party that ended a connection.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum EndedBy {
    /// The client of Web PubSub.
    Client,
    /// The listener.
    Listener,
    /// The sender.
    Sender,
    /// The service by its own rules: a violation of the protocol, a slow reader, a time limit, a
    /// token that expired.
    Service,
    /// A REST request.
    Request,
    /// An event handler.
    EventHandler,
    /// An injected fault.
    Fault,
    /// Nobody: the connection broke.
    #[default]
    Network,
}

/// A message of a Web PubSub client.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The type of the message, such as `sendToGroup`, `event` or `joinGroup`.
    pub operation: Text,
    /// The name of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Text>,
    /// The ack id, if the client wants an acknowledgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_id: Option<u64>,
    /// The name of the error with which it was refused; none if it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// How many connections it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receivers: Option<u64>,
}

/// A call of an event handler, when its response is there or has failed to come. The payload of the record is that of
/// the event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The name of the event, such as `connect`; none for the request that asks whether the
    /// handler accepts events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Text>,
    /// The address, without secrets.
    pub url: Url,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// The headers of the request that say what it is.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// The status of the response; none if there was no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Payload>,
    /// The states of the connection that the response changed, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Text>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// Whether it will be tried again.
    pub will_retry: bool,
}

/// A rule that was broken, beside the record of the request or message that broke it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// What was not good enough: `token`, `role`, `right`, `permission`, `credential`, `recovery`, `message`,
    /// `request`, `listener` or `rendezvous`; or that of which there are too many, such as `streams`.
    pub subject: Text,
    /// The rule that it broke, in a sentence.
    pub rule: Text,
    /// What was asked for, such as the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Text>,
    /// The address, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// The status of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A Relay listener; the connection of the record is the listener's id.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// What it did.
    pub action: ListenerAction,
    /// The close code, if it went with a close frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The party that ended it, if it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
}

/// What a listener did.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum ListenerAction {
    /// It came.
    #[default]
    Opened,
    /// It renewed its token.
    Renewed,
    /// It went.
    Closed,
}

/// The opening of a Relay sender, when its response is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// The path, and the query without secrets.
    pub url: Url,
    /// The status of the response: 101 if a listener accepted it; none if the sender was gone before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The text of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// The id of the listener that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<Text>,
}

/// An HTTP request that went through Relay, when its response is there. The payload of the record
/// is the body of the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct RelayedRequest {
    /// The method.
    pub method: Text,
    /// The path, and the query without secrets.
    pub url: Url,
    /// The status of the response; none if the sender was gone before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The text of the refusal, if the status is not the listener's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// The id of the listener that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<Text>,
    /// Whether it went over a rendezvous, not over the control channel.
    pub is_by_rendezvous: bool,
    /// The body of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Payload>,
}

/// A step in the meeting of a listener and a sender. The connection of the record is the sender's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Rendezvous {
    /// Which step.
    pub action: RendezvousAction,
    /// The id of the listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<Text>,
    /// The status of a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The close code of an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The reason of a rejection or an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The party that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// How many bytes went to the listener, at an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_to_listener: Option<u64>,
    /// How many bytes went to the sender, at an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_to_sender: Option<u64>,
}

/// A step in the meeting of a listener and a sender.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum RendezvousAction {
    /// The listener was told of the address.
    #[default]
    Offered,
    /// The listener came, and the two are joined.
    Joined,
    /// The listener rejected the sender.
    Rejected,
    /// Nobody came in time.
    Expired,
    /// The joined pair ended.
    Ended,
}

/// An injected fault that struck.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The fault, as in a plan, such as `withholdAck`.
    pub fault: Text,
    /// The occasion, as in a plan, such as `ack`.
    pub at: Text,
    /// The place of its rule among the [armed ones](crate::FaultState::rules), counted from 0; none if
    /// it struck when it was armed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<u64>,
}

/// A move of the emulator's clock. The time of the record is that after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// What was done.
    pub action: ClockAction,
    /// How far it was advanced; in JSON, seconds.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_seconds"
    )]
    pub by: Option<Duration>,
    /// How far it has been advanced in all; in JSON, seconds.
    #[serde(serialize_with = "seconds")]
    pub offset: Duration,
    /// Whether it is held.
    pub is_held: bool,
}

/// How the clock was moved.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum ClockAction {
    /// It was advanced.
    #[default]
    Advanced,
    /// It was held.
    Held,
    /// It runs again.
    Released,
}

/// In seconds, as the admin API has times.
fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

pub(super) fn optional_seconds<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => seconds(time, serializer),
        None => serializer.serialize_none(),
    }
}
