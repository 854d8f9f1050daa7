//! The events of the service. Pure.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request};

use super::{
    ConnectRequest, ConnectionContext, GroupJoinedRequest, GroupLeftRequest, InvalidRequest,
    MqttDisconnected, UserEventRequest, header,
};
use crate::members::{self, Members};

/// An event of the service, parsed from a request.
///
/// A [`Webhook`](super::Webhook) checks signatures and limits, and then parses events; use
/// this type directly to dispatch them yourself.
///
/// ```
/// use azwire_pubsub::webhook::UpstreamEvent;
/// use bytes::Bytes;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = http::Request::post("/eventhandler")
///     .header("ce-type", "azure.webpubsub.user.message")
///     .header("ce-hub", "chat")
///     .header("ce-connectionId", "conn1")
///     .header("Content-Type", "text/plain")
///     .body(Bytes::from("hello"))?;
/// let UpstreamEvent::User(event) = UpstreamEvent::from_request(request)? else {
///     panic!("it is a user event");
/// };
/// assert_eq!(event.context().event_name(), "message");
/// assert_eq!(event.data().as_bytes(), b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UpstreamEvent {
    /// A client wants to connect; the response decides.
    Connect(ConnectRequest),
    /// A client has connected; the response is ignored.
    Connected(ConnectedRequest),
    /// A connection has ended; the response is ignored.
    Disconnected(DisconnectedRequest),
    /// A connection joined a group; the response is ignored.
    GroupJoined(GroupJoinedRequest),
    /// A connection left a group; the response is ignored.
    GroupLeft(GroupLeftRequest),
    /// An event of a type unknown to this version.
    Unknown(UnknownRequest),
    /// A client sent an event; the response may contain a payload for it.
    User(UserEventRequest),
}

impl UpstreamEvent {
    /// Parses an event without checking its signature or size.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`], which has the status of the response: a method other than
    /// POST, a header that is missing, repeated or not text, or a malformed
    /// body, which must be an object for `connect`, `disconnected` and the
    /// group events. If a member is repeated, the last one counts; an unknown or malformed
    /// member is ignored, except for the group of a
    /// group event and the identity of an MQTT client. The body of
    /// `connected` is not read at all.
    pub fn from_request(request: Request<Bytes>) -> Result<Self, InvalidRequest> {
        let (head, body) = request.into_parts();
        Self::read(head, body, None)
    }

    pub(super) fn read(
        head: Parts,
        body: Bytes,
        verified_key: Option<usize>,
    ) -> Result<Self, InvalidRequest> {
        if head.method != Method::POST {
            return Err(InvalidRequest::Method);
        }
        let event_type = header::TYPE.require(&head.headers)?.to_owned();
        let Some(kind) = event_type.strip_prefix(PREFIX) else {
            return Err(header::TYPE.wrong("is not that of an event of Web PubSub"));
        };
        let (family, name) = kind.split_once('.').unwrap_or(("", kind));
        let mut context = ConnectionContext::read(head, name)?;
        context.set_verified_key(verified_key);
        Ok(match (family, name) {
            ("user", _) => Self::User(UserEventRequest::read(context, body)?),
            ("sys", "connect") => Self::Connect(ConnectRequest::read(context, &body)?),
            ("sys", "connected") => Self::Connected(ConnectedRequest { context }),
            ("sys", "disconnected") => {
                Self::Disconnected(DisconnectedRequest::read(context, &body)?)
            }
            ("gp", "joined") => Self::GroupJoined(GroupJoinedRequest::read(context, &body)?),
            ("gp", "left") => Self::GroupLeft(GroupLeftRequest::read(context, &body)?),
            _ => Self::Unknown(UnknownRequest { context, body }),
        })
    }

    /// Returns the context of the event.
    pub fn context(&self) -> &ConnectionContext {
        match self {
            Self::Connect(request) => request.context(),
            Self::Connected(request) => request.context(),
            Self::Disconnected(request) => request.context(),
            Self::GroupJoined(request) => request.context(),
            Self::GroupLeft(request) => request.context(),
            Self::Unknown(request) => request.context(),
            Self::User(request) => request.context(),
        }
    }
}

/// The `connected` event: a client has connected. For MQTT clients: a new session has begun.
#[derive(Clone, Debug)]
#[doc(alias = "ConnectedEventRequest")]
pub struct ConnectedRequest {
    context: ConnectionContext,
}

impl ConnectedRequest {
    /// Returns the connection, with the user and the subprotocol that resulted from `connect`.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }
}

/// The `disconnected` event: a connection has ended and can no longer be recovered.
/// For MQTT clients: the session has ended.
#[derive(Clone, Debug)]
#[doc(alias = "DisconnectedEventRequest")]
pub struct DisconnectedRequest {
    context: ConnectionContext,
    fields: DisconnectedFields,
}

#[derive(Clone, Debug, Default)]
struct DisconnectedFields {
    reason: Option<String>,
    mqtt: Option<MqttDisconnected>,
}

impl DisconnectedRequest {
    fn read(context: ConnectionContext, body: &[u8]) -> Result<Self, InvalidRequest> {
        // Clean-up code must learn of the end of a connection even if the rest of the body is
        // malformed.
        let fields = if body.iter().all(u8::is_ascii_whitespace) {
            DisconnectedFields::default()
        } else {
            let members = Members::read(body).ok_or(InvalidRequest::Body {
                expected: "the JSON of a disconnected event",
            })?;
            DisconnectedFields {
                reason: members.lenient("reason", members::text),
                mqtt: members.lenient("mqtt", MqttDisconnected::read),
            }
        };
        Ok(Self { context, fields })
    }

    /// Returns the connection.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Returns the reason, if the service sent one.
    pub fn reason(&self) -> Option<&str> {
        self.fields.reason.as_deref()
    }

    /// Returns how the session of an MQTT client ended; `None` for other clients.
    pub fn mqtt(&self) -> Option<&MqttDisconnected> {
        self.fields.mqtt.as_ref()
    }
}

/// An event of a type unknown to this version, such as one that was
/// added later.
#[derive(Clone)]
pub struct UnknownRequest {
    context: ConnectionContext,
    body: Bytes,
}

impl UnknownRequest {
    /// Returns the connection; [`event_type`](ConnectionContext::event_type) has the type.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Returns the body as received.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl std::fmt::Debug for UnknownRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnknownRequest")
            .field("context", &self.context)
            .field("body_len", &self.body.len())
            .finish()
    }
}

const PREFIX: &str = "azure.webpubsub.";
