//! From a request to an event. Pure.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request};

use super::{
    ConnectRequest, ConnectionContext, GroupJoinedRequest, GroupLeftRequest, InvalidRequest,
    MqttDisconnected, UserEventRequest, header,
};
use crate::members::{self, Members};

/// An event of the service, read from a request.
///
/// A [`Webhook`](super::Webhook) does this, and checks keys and limits before;
/// this is for those who dispatch events themselves.
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
    /// A client wants to connect; the answer decides.
    Connect(ConnectRequest),
    /// A client has connected; the answer does not matter.
    Connected(ConnectedRequest),
    /// A connection has ended; the answer does not matter.
    Disconnected(DisconnectedRequest),
    /// A connection joined a group; the answer does not matter.
    GroupJoined(GroupJoinedRequest),
    /// A connection left a group; the answer does not matter.
    GroupLeft(GroupLeftRequest),
    /// An event of the service that this version does not know.
    Unknown(UnknownRequest),
    /// A client sent something; the answer may hold something for it.
    User(UserEventRequest),
}

impl UpstreamEvent {
    /// Reads an event, without a look at its signature and its size.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`], with the status that answers it: another method than
    /// POST, a header that is missing, there twice or no text, a body that is
    /// not what it should be: an object, for `connect`, `disconnected` and the
    /// events of groups. Of two members with one name the last counts; one that
    /// is not known or not what it should be is ignored, but for the group of a
    /// group's event and for who an MQTT client says it is. The body of
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

    /// The connection that the event belongs to.
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

/// A client has connected. For MQTT clients: a new session has begun.
#[derive(Clone, Debug)]
#[doc(alias = "ConnectedEventRequest")]
pub struct ConnectedRequest {
    context: ConnectionContext,
}

impl ConnectedRequest {
    /// The connection, with the user and the subprotocol that `connect` led to.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }
}

/// A connection has ended for good: a client that can recover its connection has
/// had its time to do so. For MQTT clients: the session has ended.
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
        // Code that cleans up after a connection must learn of its end, whatever else the body holds.
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

    /// The connection.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// Why it ended, if the service says so.
    pub fn reason(&self) -> Option<&str> {
        self.fields.reason.as_deref()
    }

    /// How the session of an MQTT client ended; none for other clients.
    pub fn mqtt(&self) -> Option<&MqttDisconnected> {
        self.fields.mqtt.as_ref()
    }
}

/// An event of the service that this version does not know, such as one that was
/// added later.
#[derive(Clone)]
pub struct UnknownRequest {
    context: ConnectionContext,
    body: Bytes,
}

impl UnknownRequest {
    /// The connection; [`event_type`](ConnectionContext::event_type) says what it is.
    pub fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// The body as it came.
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
