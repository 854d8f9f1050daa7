//! Requests and responses on a separate socket. Pure.
//!
//! A body is one binary WebSocket message in fragments. Here each fragment is a
//! [`Message::Binary`], and an empty one stands for the end of the message.

use bytes::Bytes;
use http::request;
use transport::Message;

use super::{BODY_FRAGMENT, ExchangeError, Responder, head, responder};
use crate::command::Command;

/// A request of which only the address is known.
#[derive(Debug)]
pub struct Pointer(String);

impl Pointer {
    pub(super) fn new(address: String) -> Self {
        Self(address)
    }

    /// Returns the address at which the request waits: a bearer secret, valid for one use.
    pub fn address(&self) -> &str {
        &self.0
    }
}

/// Parses the head that comes first on a rendezvous, and again for each further
/// request of the same sender.
///
/// # Errors
///
/// Text that is not a request; with the responder, if it can be answered.
pub fn read_head(text: &str) -> Result<Received, (Option<Responder>, ExchangeError)> {
    let Ok(Some(Command::Request(command))) = Command::decode(text) else {
        return Err((None, ExchangeError::NotARequest));
    };
    let Some(id) = &command.id else {
        return Err((None, ExchangeError::MissingId));
    };
    match head::request(&command) {
        Ok(head) => Ok(Received {
            body: (command.body == Some(true)).then_some(RequestBody(())),
            responder: responder(id, None, &head.method),
            head,
        }),
        Err(error) => {
            let responder = responder(id, None, &http::Method::GET);
            Err((Some(responder), error))
        }
    }
}

/// A request whose head has arrived by rendezvous.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// The head.
    pub head: request::Parts,
    /// The receiver of the body, which comes next; `None` if there is none.
    pub body: Option<RequestBody>,
    /// Answers the request.
    pub responder: Responder,
}

/// The body of a request that is being received.
#[derive(Debug)]
pub struct RequestBody(());

impl RequestBody {
    /// Accepts the next message of the rendezvous.
    ///
    /// # Errors
    ///
    /// [`TextInBody`](ExchangeError::TextInBody),
    /// [`BodyMissing`](ExchangeError::BodyMissing) for a close frame.
    pub fn receive(self, message: Message) -> Result<BodyPart, ExchangeError> {
        match message {
            Message::Binary(chunk) if chunk.is_empty() => Ok(BodyPart::End),
            Message::Binary(chunk) => Ok(BodyPart::Chunk(chunk, self)),
            Message::Ping(_) | Message::Pong(_) => Ok(BodyPart::Chunk(Bytes::new(), self)),
            Message::Text(_) => Err(ExchangeError::TextInBody),
            _ => Err(ExchangeError::BodyMissing),
        }
    }
}

/// The meaning of a message of a request body.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum BodyPart {
    /// A piece, possibly empty; more follows.
    Chunk(Bytes, RequestBody),
    /// The end of the body.
    End,
}

/// Encodes a response body as messages.
#[derive(Debug)]
#[must_use = "a body that is not finished keeps its sender waiting"]
pub struct ResponseBody(pub(super) ());

impl ResponseBody {
    /// Splits a piece of the body into messages; none for an empty piece, which would mean the end.
    pub fn chunk(&self, mut chunk: Bytes) -> impl Iterator<Item = Message> + use<> {
        std::iter::from_fn(move || {
            let len = chunk.len().min(BODY_FRAGMENT);
            (len > 0).then(|| Message::Binary(chunk.split_to(len)))
        })
    }

    /// Ends the body.
    pub fn finish(self) -> Message {
        Message::Binary(Bytes::new())
    }
}
