//! Requests and responses on the control channel, within its size limits. Pure.

use bytes::Bytes;
use http::{Request, request};
use transport::Message;

use super::rendezvous::Pointer;
use super::{ExchangeError, MAX_CONTROL_BODY, Responder, head, responder};
use crate::command;

/// A request as the control channel announced it.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Announced {
    /// The body is the next message.
    AwaitsBody(Box<AwaitsBody>),
    /// The whole request waits at a rendezvous.
    Pointer(Pointer),
    /// The request is complete.
    Whole(Box<Request<Bytes>>, Responder),
}

impl Announced {
    /// Begins an exchange.
    ///
    /// # Errors
    ///
    /// An invalid command; with the responder, if the request can at least be answered.
    pub fn new(command: command::Request) -> Result<Self, (Option<Responder>, ExchangeError)> {
        // Without a method it only refers to the rendezvous; `body` is absent too.
        if command.method.is_none() {
            return Ok(Self::Pointer(Pointer::new(command.address)));
        }
        let Some(id) = &command.id else {
            return Err((None, ExchangeError::MissingId));
        };
        match head::request(&command) {
            Ok(head) => {
                let responder = responder(id, Some(command.address), &head.method);
                Ok(if command.body == Some(true) {
                    Self::AwaitsBody(Box::new(AwaitsBody { head, responder }))
                } else {
                    Self::whole(head, Bytes::new(), responder)
                })
            }
            Err(error) => {
                let responder = responder(id, Some(command.address.clone()), &http::Method::GET);
                Err((Some(responder), error))
            }
        }
    }

    fn whole(head: request::Parts, body: Bytes, responder: Responder) -> Self {
        Self::Whole(Box::new(Request::from_parts(head, body)), responder)
    }
}

/// A request whose body is the next data message on the control channel.
#[derive(Debug)]
#[must_use]
pub struct AwaitsBody {
    head: request::Parts,
    responder: Responder,
}

impl AwaitsBody {
    /// Accepts the next data message.
    ///
    /// # Errors
    ///
    /// [`BodyMissing`](ExchangeError::BodyMissing) if it is not binary,
    /// [`BodyTooLarge`](ExchangeError::BodyTooLarge) if it exceeds the limit.
    pub fn body(
        self,
        message: &Message,
    ) -> Result<(Request<Bytes>, Responder), (Responder, ExchangeError)> {
        match message {
            Message::Binary(body) if body.len() <= MAX_CONTROL_BODY => {
                Ok((Request::from_parts(self.head, body.clone()), self.responder))
            }
            Message::Binary(body) => Err((
                self.responder,
                ExchangeError::BodyTooLarge { len: body.len() },
            )),
            _ => Err((self.responder, ExchangeError::BodyMissing)),
        }
    }
}

/// A response for the control channel: one text message, then the body if there
/// is one, with nothing between them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct InlineResponse {
    id: String,
    head: String,
    body: Bytes,
}

impl InlineResponse {
    pub(super) fn new(id: String, head: String, body: Bytes) -> Self {
        Self { id, head, body }
    }

    /// Returns the id of the request that it answers.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the messages, in order.
    pub fn into_messages(self) -> impl Iterator<Item = Message> {
        let body = (!self.body.is_empty()).then_some(Message::Binary(self.body));
        std::iter::once(Message::text(self.head)).chain(body)
    }
}
