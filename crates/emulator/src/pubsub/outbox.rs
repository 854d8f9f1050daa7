//! The bounded queue of one connection. Payloads are encoded once for each
//! format and shared by every queue.

use bytes::Bytes;
use pubsub::Data;
use pubsub::protocol::{DownstreamMessage, Sender, json};
use tokio::sync::mpsc;
use transport::{CloseFrame, Message};

/// How a connection wants its messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// No subprotocol: payloads as they are.
    Simple,
    /// `json.webpubsub.azure.v1`.
    Json,
}

/// One data message for many connections, encoded for a format when the first of them needs it.
#[derive(Debug)]
pub(super) struct Broadcast {
    message: DownstreamMessage,
    json: Option<Message>,
    simple: Option<Message>,
}

impl Broadcast {
    pub(super) fn new(from: Sender, data: Data) -> Self {
        Self {
            message: DownstreamMessage::Data {
                from,
                data,
                sequence_id: None,
            },
            json: None,
            simple: None,
        }
    }

    pub(super) fn encode(&mut self, format: Format) -> Option<Message> {
        let message = &self.message;
        match format {
            Format::Json => Some(
                self.json
                    .get_or_insert_with(|| Message::Text(json::encode_downstream(message)))
                    .clone(),
            ),
            Format::Simple => {
                if self.simple.is_none()
                    && let DownstreamMessage::Data { data, .. } = message
                {
                    self.simple = simple(data);
                }
                self.simple.clone()
            }
        }
    }
}

/// What a client without a subprotocol receives of a payload.
fn simple(data: &Data) -> Option<Message> {
    match data {
        Data::Text(text) | Data::Json(text) => Some(Message::Text(text.clone())),
        Data::Binary(bytes) | Data::Protobuf(bytes) => Some(Message::Binary(Bytes::clone(bytes))),
        _ => None,
    }
}

/// What is put into a connection's queue.
#[derive(Debug)]
pub(super) enum Outgoing {
    Message(Message),
    Close(CloseFrame),
}

/// The writing end of a connection's queue.
#[derive(Clone, Debug)]
pub(super) struct Outbox(mpsc::Sender<Outgoing>);

impl Outbox {
    pub(super) fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self(sender), receiver)
    }

    /// Queues without waiting; `false` when the reader is too slow or gone.
    pub(super) fn push(&self, outgoing: Outgoing) -> bool {
        self.0.try_send(outgoing).is_ok()
    }

    pub(super) fn downgrade(&self) -> WeakOutbox {
        WeakOutbox(self.0.downgrade())
    }
}

/// A writing end that does not keep the queue alive.
#[derive(Debug)]
pub(super) struct WeakOutbox(mpsc::WeakSender<Outgoing>);

impl WeakOutbox {
    /// Queues without waiting; `false` when the reader is too slow or gone.
    pub(super) fn push(&self, outgoing: Outgoing) -> bool {
        self.0
            .upgrade()
            .is_some_and(|sender| sender.try_send(outgoing).is_ok())
    }
}

/// 1,000 messages, at which the service drops a slow reader.
const CAPACITY: usize = 1000;
