//! One relayed HTTP request, from its announcement to the end of its response,
//! as a chain of types: each step is possible only in its state. Pure.
//!
//! ```text
//! control channel:  Announced ─► Whole ───────────────────────► Responder ─► Responded
//!                       ├──────► AwaitsBody ─ one message ────►     │
//!                       └──────► Pointer ─┐                         │
//! rendezvous:                     read_head ─► RequestBody ─────────┘
//! ```
//!
//! Source: the Azure Relay Hybrid Connections protocol guide, "HTTP request" and
//! "HTTP response", and what the official .NET, Java and Node listeners do.

mod head;
mod inline;
mod rendezvous;

pub use head::{RequestInfo, forbidden_in_response};
pub use inline::{Announced, AwaitsBody, InlineResponse};
pub use rendezvous::{BodyPart, Pointer, Received, RequestBody, ResponseBody, read_head};

use bytes::Bytes;
use http::{Method, StatusCode, response};
use transport::Message;

use crate::command::{Reply, Response};

/// Answers one request, once.
///
/// It decides where the response is sent: on the control channel if it is
/// small and the request came from there, otherwise on a rendezvous.
#[derive(Debug)]
#[must_use = "a request that is not answered holds its sender for 60 s"]
pub struct Responder {
    id: String,
    /// The address for a response that is too large for the control channel; `None`
    /// if the request came by a rendezvous, which accepts every response.
    address: Option<String>,
    is_head: bool,
    several_cookies: SeveralCookies,
}

impl Responder {
    /// Returns the id of the request, which is also the service's tracking id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the request came on the control channel, so that a small response can be sent there.
    pub fn is_inline(&self) -> bool {
        self.address.is_some()
    }

    /// Whether a response with this status has no body, whatever the handler
    /// returns: to HEAD, and with 204 or 304 (RFC 9110 §6.4.1).
    pub fn is_bodiless(&self, status: StatusCode) -> bool {
        self.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    /// Sets how to send a response that sets more than one cookie;
    /// default: [`SeveralCookies::First`].
    pub fn with_several_cookies(mut self, several: SeveralCookies) -> Self {
        self.several_cookies = several;
        self
    }

    /// Answers the request. Headers that the relay does not carry are dropped and logged:
    /// those of the message framing, and the largest ones if together they
    /// exceed [`MAX_HEADERS`].
    ///
    /// # Errors
    ///
    /// The responder itself and [`Informational`](ExchangeError::Informational)
    /// for a status below 200; [`fail`](Self::fail) then answers the sender.
    pub fn respond(
        self,
        head: &response::Parts,
        body: OutgoingBody,
    ) -> Result<Responded, (Self, ExchangeError)> {
        match head::response(&self.id, head, self.several_cookies) {
            Ok(response) => Ok(self.place(response, body)),
            Err(error) => Err((self, error)),
        }
    }

    /// Answers with a status and a text of our own, and no body.
    pub fn fail(self, status: StatusCode, text: &str) -> Responded {
        let mut response = Response::new(self.id.as_str(), status.as_u16());
        response.status_description = Some(text.to_owned());
        self.place(response, OutgoingBody::Whole(Bytes::new()))
    }

    fn place(self, mut response: Response, body: OutgoingBody) -> Responded {
        let status = StatusCode::from_u16(response.status_code);
        let body = match body {
            _ if status.is_ok_and(|status| self.is_bodiless(status)) => {
                OutgoingBody::Whole(Bytes::new())
            }
            body => body,
        };
        response.body = match &body {
            OutgoingBody::Whole(bytes) => !bytes.is_empty(),
            OutgoingBody::Streamed => true,
        };
        let has_body = response.body;
        let head = Reply::Response(response).encode();
        match (self.address, body) {
            (Some(_), OutgoingBody::Whole(body))
                if body.len() <= MAX_CONTROL_BODY && head.len() <= MAX_CONTROL_HEAD =>
            {
                Responded::OnControl(InlineResponse::new(self.id, head, body))
            }
            (address, body) => Responded::OnRendezvous {
                address,
                head: Message::text(head),
                body: has_body.then_some(ResponseBody(())),
                ready: match body {
                    OutgoingBody::Whole(bytes) => bytes,
                    OutgoingBody::Streamed => Bytes::new(),
                },
            },
        }
    }
}

/// How to send a response that sets more than one cookie. The relay
/// carries one text per header, and `Set-Cookie` is the one header whose
/// values cannot be joined without loss (RFC 6265 §3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SeveralCookies {
    /// The first one is sent, as by the official Node listener; the others
    /// are dropped and logged.
    #[default]
    First,
    /// They are sent joined by `, `, as by the official .NET listener. Only for
    /// senders that split them again: a browser takes the whole text for one
    /// cookie with the attributes of all.
    Joined,
}

/// The body of a response, as far as it is known when the head is written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OutgoingBody {
    /// The whole body; may be empty.
    Whole(Bytes),
    /// The body is produced piece by piece, or exceeds [`MAX_CONTROL_BODY`].
    Streamed,
}

/// The destination of a response, and its first messages.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Responded {
    /// The control channel, as one unit.
    OnControl(InlineResponse),
    /// A rendezvous.
    OnRendezvous {
        /// The address to open first; `None` for the rendezvous that brought the request.
        address: Option<String>,
        /// The message to send first.
        head: Message,
        /// The encoder of the body; `None` if there is none.
        body: Option<ResponseBody>,
        /// The part of the body that was passed with the head.
        ready: Bytes,
    },
}

/// A violated rule of a relayed HTTP request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The relay announced a body and sent something else.
    #[error("the request body did not follow its head")]
    BodyMissing,
    /// The relay sent a larger body on the control channel than allowed.
    #[error("a request body of {len} bytes exceeds the limit of the control channel")]
    BodyTooLarge {
        /// The length in bytes.
        len: usize,
    },
    /// The request line is invalid: its method or target.
    #[error("the request method or target is invalid")]
    InvalidRequestLine,
    /// A header of the request has an invalid name or value.
    #[error("a request header is invalid")]
    InvalidRequestHeader,
    /// The response has a status below 200.
    #[error("an informational status cannot be relayed")]
    Informational,
    /// The relay sent no id, so the request cannot be answered.
    #[error("the request has no id")]
    MissingId,
    /// Text that is not a request was sent where a head was expected.
    #[error("the message is not the head of a request")]
    NotARequest,
    /// A text message was sent where the body was expected.
    #[error("the request body is not binary")]
    TextInBody,
}

impl ExchangeError {
    /// Returns the status with which to answer the sender.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequestHeader | Self::InvalidRequestLine => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The largest body on the control channel in bytes, in both directions. Source: the protocol guide.
pub const MAX_CONTROL_BODY: usize = 64 * 1024;

/// The longest command on the control channel: the official .NET listener has a fixed buffer of this size.
pub const MAX_CONTROL_HEAD: usize = 64 * 1024;

/// The largest total size in bytes of the names and values of one request's or response's headers. Source: the protocol guide.
pub const MAX_HEADERS: usize = 32 * 1024;

/// The largest path and query of a request in bytes, as the listener sees them. The
/// emulator has the same limit; the service's own is not known.
#[cfg(feature = "sender")]
pub(crate) const MAX_TARGET: usize = 60 * 1024;

/// The largest total size in bytes of the method, target and headers of a request:
/// the relay describes a request to a listener in one
/// command of at most [`MAX_CONTROL_HEAD`], of which 1 KiB is for what the relay adds.
#[cfg(feature = "sender")]
pub(crate) const MAX_HEAD: usize = MAX_CONTROL_HEAD - 1024;

/// The size of the pieces in which a body is sent on a rendezvous, the same as the service's.
pub const BODY_FRAGMENT: usize = 32 * 1024;

fn responder(id: &str, address: Option<String>, method: &Method) -> Responder {
    Responder {
        id: id.to_owned(),
        address,
        is_head: method == Method::HEAD,
        several_cookies: SeveralCookies::default(),
    }
}

#[cfg(test)]
mod tests;
