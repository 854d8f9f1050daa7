//! One relayed HTTP request, from its announcement to the end of its response,
//! as a chain of types: each step can only be taken in its state. Pure.
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
/// It knows where the answer has to go: back on the control channel if it is
/// small and the request came from there, otherwise to a rendezvous.
#[derive(Debug)]
#[must_use = "a request that is not answered holds its sender for 60 s"]
pub struct Responder {
    id: String,
    /// Where a response that is too large for the control channel goes; `None`
    /// when the request came by a rendezvous, which takes every response.
    address: Option<String>,
    is_head: bool,
    several_cookies: SeveralCookies,
}

impl Responder {
    /// The id of the request; the service's tracking id, too.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the request came on the control channel, so that a small response may go there.
    pub fn is_inline(&self) -> bool {
        self.address.is_some()
    }

    /// Whether a response with this head has no body, whatever its handler
    /// gives: to HEAD, and with 204 or 304 (RFC 9110 §6.4.1).
    pub fn is_bodiless(&self, status: StatusCode) -> bool {
        self.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    /// Sets what becomes of the cookies of a response that sets more than one;
    /// default [`SeveralCookies::First`].
    pub fn with_several_cookies(mut self, several: SeveralCookies) -> Self {
        self.several_cookies = several;
        self
    }

    /// Answers. Headers that the relay does not carry are left out and logged:
    /// those of the message framing, and the largest of those that are together
    /// over [`MAX_HEADERS`].
    ///
    /// # Errors
    ///
    /// The responder itself and [`Informational`](ExchangeError::Informational)
    /// for a status below 200; [`fail`](Self::fail) then tells the sender.
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

/// What becomes of the cookies of a response that sets more than one. The relay
/// carries one text for each header, and `Set-Cookie` is the one header whose
/// values cannot be joined without a loss (RFC 6265 §3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SeveralCookies {
    /// The first one goes out, as from the official Node listener; the others
    /// are left out and logged.
    #[default]
    First,
    /// They go out joined by `, `, as from the official .NET listener. Only for
    /// senders that take them apart again: a browser takes the whole for one
    /// cookie, with the attributes of all.
    Joined,
}

/// The body of a response, as far as it is known when the head is written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OutgoingBody {
    /// All of it; may be empty.
    Whole(Bytes),
    /// It comes piece by piece, or is over [`MAX_CONTROL_BODY`].
    Streamed,
}

/// Where a response goes, and its first messages.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Responded {
    /// To the control channel, as one unit.
    OnControl(InlineResponse),
    /// To a rendezvous.
    OnRendezvous {
        /// The address to open first; `None` for the rendezvous that brought the request.
        address: Option<String>,
        /// The message to send first.
        head: Message,
        /// What makes messages of the body; `None` if there is none.
        body: Option<ResponseBody>,
        /// The part of the body that was given with the head.
        ready: Bytes,
    },
}

/// Which rule of a relayed HTTP request was broken, and by whom.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The relay announced a body and sent something else.
    #[error("the body of the request did not follow its head")]
    BodyMissing,
    /// The relay sent a larger body on the control channel than it may.
    #[error("a request body of {len} bytes is over what the control channel takes")]
    BodyTooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// The request line cannot be used: no such method or target.
    #[error("the method or the target of the request is not valid")]
    InvalidRequestLine,
    /// A header of the request has no valid name or value.
    #[error("a header of the request is not valid")]
    InvalidRequestHeader,
    /// A response has a status below 200.
    #[error("an informational status cannot be relayed")]
    Informational,
    /// The relay gave no id, so nothing can be answered.
    #[error("the request has no id")]
    MissingId,
    /// Text where a head is due that is no request.
    #[error("not the head of a request")]
    NotARequest,
    /// A text message where the body is due.
    #[error("the body of the request is not binary")]
    TextInBody,
}

impl ExchangeError {
    /// What to answer a sender with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequestHeader | Self::InvalidRequestLine => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The largest body on the control channel, in bytes, either way. Source: the protocol guide.
pub const MAX_CONTROL_BODY: usize = 64 * 1024;

/// The longest command on the control channel: the official .NET listener has a fixed buffer of this size.
pub const MAX_CONTROL_HEAD: usize = 64 * 1024;

/// All names and values of the headers of one request or response together. Source: the protocol guide.
pub const MAX_HEADERS: usize = 32 * 1024;

/// How long path and query of a request may be, as the listener is told them. The
/// emulator has the same; the service's own bound is not known.
#[cfg(feature = "sender")]
pub(crate) const MAX_TARGET: usize = 60 * 1024;

/// How large the method, target and headers of a request may be together, by
/// their lengths in bytes: what the relay tells a listener of a request takes one
/// command of at most [`MAX_CONTROL_HEAD`], of which 1 KiB is for what the relay adds.
#[cfg(feature = "sender")]
pub(crate) const MAX_HEAD: usize = MAX_CONTROL_HEAD - 1024;

/// The pieces in which a body leaves on a rendezvous, as the service's own.
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
