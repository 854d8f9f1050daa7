//! One client's socket, driven by one task that polls writing each time it wakes, and reading
//! when that may have something new. Queued messages are written in batches, each with one flush.
//! Shell.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::select;
use futures::{Sink, Stream};
use pubsub::protocol::{Metadata, UpstreamMessage};
use pubsub::{Data, Subprotocol};
use transport::_internal::{ROUNDS_BEFORE_YIELD, Subtask, within};
use transport::{CloseCode, ErrorKind, Message, WebSocket};

use super::Mode;
use super::message_check::{check_json, rule};
use crate::fault::{Fault, Occasion, Subject};
use crate::pubsub::Service;
use crate::pubsub::ending::{EndedBy, Ending};
use crate::pubsub::event_handler::EventQueue;
use crate::pubsub::lifecycle::TransportEnd;
use crate::pubsub::recording;
use crate::pubsub::send_queue::{SendQueue, Taken};

/// What drives a client's socket. It is held for as long as a connection lives, so what is needed only
/// to open and to close it is boxed.
pub(super) struct ClientSocket {
    pub(super) service: Arc<Service>,
    /// In lower case.
    pub(super) hub: Arc<str>,
    pub(super) send_queue: Arc<SendQueue>,
    pub(super) generation: u64,
    pub(super) subprotocol: Option<Subprotocol>,
    pub(super) mode: Mode,
    pub(super) user_id: Option<Arc<str>>,
    pub(super) events: Option<Arc<EventQueue>>,
}

/// A socket, and what is on its way to it.
struct Wire {
    socket: Box<dyn WebSocket>,
    /// Apart, so that a message to the client is no reason to look for one from it.
    reading: Subtask,
    /// What was taken from the queue and not yet written.
    batch: VecDeque<Message>,
    needs_flush: bool,
}

/// How to end the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Departure {
    /// At once: without a close frame, leaving unread what the peer sent.
    Abruptly,
    /// With the closing handshake.
    Orderly,
}

impl ClientSocket {
    /// Drives the socket to its end.
    pub(super) async fn run(&self, socket: Box<dyn WebSocket>) {
        let mut wire = Wire {
            socket,
            reading: Subtask::default(),
            batch: VecDeque::new(),
            needs_flush: false,
        };
        let leave = poll_fn(|cx| self.poll_run(cx, &mut wire)).await;
        if leave == Departure::Orderly {
            Box::pin(finish(&self.service, &mut wire.socket)).await;
        }
    }

    fn poll_run(&self, cx: &mut Context<'_>, wire: &mut Wire) -> Poll<Departure> {
        for _ in 0..ROUNDS_BEFORE_YIELD {
            // What is left to write, or comes to be, wakes this task. Only reading needs another round.
            let has_more = match self.poll_write(cx, wire) {
                Write::Emptied => false,
                Write::HeldUp => self.send_queue.is_congested(),
                Write::Stalled => return Poll::Pending,
                Write::Departure(leave) => return Poll::Ready(leave),
            };
            let is_held_up = has_more
                || self
                    .events
                    .as_ref()
                    .is_some_and(|events| events.is_congested());
            if !is_held_up {
                let socket = Pin::new(&mut wire.socket);
                match wire.reading.poll(cx, |cx| socket.poll_next(cx)) {
                    Poll::Ready(Some(Ok(message))) => {
                        if let Some(leave) = self.receive(message) {
                            return Poll::Ready(leave);
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => {
                        let (ending, leave) = match error.kind() {
                            ErrorKind::Protocol | ErrorKind::TooLarge => {
                                (TransportEnd::Violation, Departure::Orderly)
                            }
                            _ => (TransportEnd::Lost, Departure::Abruptly),
                        };
                        self.ended(ending);
                        return Poll::Ready(leave);
                    }
                    Poll::Ready(None) => {
                        self.ended(TransportEnd::Lost);
                        return Poll::Ready(Departure::Abruptly);
                    }
                    Poll::Pending => {}
                }
            }
            return Poll::Pending;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes as much of the queue to the socket as fits, then flushes once.
    fn poll_write(&self, cx: &mut Context<'_>, wire: &mut Wire) -> Write {
        let mut is_emptied = false;
        let outcome = loop {
            let message = match wire.batch.pop_front() {
                Some(message) => message,
                None if is_emptied => break Write::Emptied,
                None => match self.poll_take(cx, &mut wire.batch) {
                    Poll::Ready(Taken::Messages {
                        first,
                        data,
                        is_emptied: emptied,
                    }) => {
                        if data > 0 && self.service.faults.is_armed() {
                            match self.strike(Occasion::Delivery) {
                                Some(FaultEffect::Departure(leave)) => {
                                    return Write::Departure(leave);
                                }
                                // The close frame is in the queue, or the socket is stalled.
                                Some(FaultEffect::Look) => {
                                    wire.batch.clear();
                                    continue;
                                }
                                None => {}
                            }
                        }
                        is_emptied = emptied;
                        first
                    }
                    Poll::Ready(Taken::Abort) => return Write::Departure(Departure::Abruptly),
                    Poll::Ready(Taken::Stalled) => return Write::Stalled,
                    Poll::Pending => break Write::Emptied,
                },
            };
            match Pin::new(&mut wire.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.write_failed(),
                Poll::Pending => {
                    wire.batch.push_front(message);
                    // The peer may never read again.
                    if self.send_queue.poll_abort(cx, self.generation).is_ready() {
                        return Write::Departure(Departure::Abruptly);
                    }
                    break Write::HeldUp;
                }
            }
            let is_close = matches!(message, Message::Close(_));
            if Pin::new(&mut wire.socket).start_send(message).is_err() {
                return self.write_failed();
            }
            if is_close {
                return Write::Departure(Departure::Orderly);
            }
            wire.needs_flush = true;
        };
        if wire.batch.is_empty() && wire.batch.capacity() > 0 {
            // An idle connection keeps no memory for it.
            wire.batch = VecDeque::new();
        }
        if wire.needs_flush {
            match Pin::new(&mut wire.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    wire.needs_flush = false;
                    // The queue is shorter.
                    self.service.changes.notify();
                }
                Poll::Ready(Err(_)) => return self.write_failed(),
                Poll::Pending => {}
            }
        }
        outcome
    }

    /// Takes the next messages from the queue.
    fn poll_take(&self, cx: &Context<'_>, batch: &mut VecDeque<Message>) -> Poll<Taken> {
        // With armed faults each message may be the last.
        let limit = match self.service.faults.is_armed() {
            true => 1,
            false => BATCH,
        };
        let now = || self.service.clock.instant();
        self.send_queue
            .poll_take(cx, self.generation, limit, now, batch)
    }

    fn write_failed(&self) -> Write {
        self.ended(TransportEnd::Lost);
        Write::Departure(Departure::Abruptly)
    }

    /// Processes a client's message; returns how to end the socket if it was the last.
    fn receive(&self, message: Message) -> Option<Departure> {
        self.send_queue.hear(self.service.keep_alive_now());
        match message {
            Message::Ping(_) | Message::Pong(_) => return None,
            Message::Close(frame) => {
                self.ended(TransportEnd::Closed(frame));
                return Some(Departure::Orderly);
            }
            _ => {}
        }
        match self.strike(Occasion::Message) {
            Some(FaultEffect::Departure(leave)) => return Some(leave),
            Some(FaultEffect::Look) => return None,
            None => {}
        }
        match self.subprotocol {
            Some(subprotocol) => self.receive_message(subprotocol, message),
            None => self.receive_frame(message),
        }
        None
    }

    fn receive_message(&self, subprotocol: Subprotocol, message: Message) {
        if !subprotocol.is_json() && matches!(message, Message::Text(_)) {
            return self.refuse(
                CloseCode::UNSUPPORTED_DATA,
                "message",
                "The subprotocol has no text frames.",
            );
        }
        let decoded = subprotocol.decode_upstream(message);
        match decoded.and_then(|message| check_json(subprotocol, message)) {
            Ok(message) => self
                .service
                .receive(&self.hub, self.send_queue.id(), message),
            Err(error) => {
                tracing::info!(%error, connection_id = &**self.send_queue.id(), "invalid message");
                let reason = format!(
                    "Not a valid {subprotocol} protocol message: {}",
                    rule(&error)
                );
                self.refuse(CloseCode::INVALID_PAYLOAD, "message", &reason);
            }
        }
    }

    fn receive_frame(&self, message: Message) {
        let data = match message {
            Message::Text(text) => Data::Text(text),
            Message::Binary(bytes) => Data::Binary(bytes),
            _ => return,
        };
        let id = self.send_queue.id();
        match &self.mode {
            Mode::SendEvent => self.service.receive_frame(&self.hub, id, data),
            Mode::SendToGroup { group, no_echo } => self.publish(group, *no_echo, data),
        }
    }

    /// Publishes a frame of a client without a subprotocol.
    fn publish(&self, group: &str, no_echo: bool, data: Data) {
        let id = self.send_queue.id();
        let message = UpstreamMessage::SendToGroup {
            group: group.to_owned(),
            // Only the permission check matters; such a client receives no acknowledgement.
            ack_id: None,
            no_echo,
            data,
            ttl_seconds: None,
            metadata: Metadata::new(),
        };
        let may = self.service.may_publish(&self.hub, id, group);
        if may {
            self.service.receive(&self.hub, id, message);
        } else {
            let reason = "The client does not have permission to send to the group.";
            self.refuse(CloseCode::POLICY_VIOLATION, "permission", reason);
        }
    }

    /// Closes the connection for a violation by the client. `subject` is what it was refused.
    fn refuse(&self, code: CloseCode, subject: &str, reason: &str) {
        let ending = Ending::closed(EndedBy::Service, code, reason.to_owned());
        self.service.with_hub(&self.hub, |hub_lock| {
            let (id, now) = (self.send_queue.id(), hub_lock.now);
            hub_lock.record(id, || recording::refused(subject, reason, None));
            hub_lock.hub.close(id, ending, now);
        });
    }

    fn ended(&self, ending: TransportEnd) {
        let id = self.send_queue.id();
        self.service
            .transport_ended(&self.hub, id, self.generation, ending);
    }

    /// Lets a fault strike this connection.
    fn strike(&self, at: Occasion) -> Option<FaultEffect> {
        let subject = Subject {
            scope: &self.hub,
            user: self.user_id.as_deref(),
            connection: Some(self.send_queue.id()),
            number: self.send_queue.number(),
        };
        let fault = self.service.strike(at, &subject)?;
        if fault == Fault::Drop {
            self.ended(TransportEnd::Struck);
            return Some(FaultEffect::Departure(Departure::Abruptly));
        }
        self.service
            .break_connection(&self.hub, self.send_queue.id(), &fault);
        Some(FaultEffect::Look)
    }
}

/// The outcome of writing.
enum Write {
    /// Nothing is left in the queue; what comes wakes the task.
    Emptied,
    /// The socket takes no more at present.
    HeldUp,
    Stalled,
    Departure(Departure),
}

/// The effect of a fault on the socket.
enum FaultEffect {
    Departure(Departure),
    /// The effect is in the queue.
    Look,
}

/// Ends a socket with the closing handshake, which must complete within [`CLOSE_TIMEOUT`]
/// and before the service ends.
pub(super) async fn finish(service: &Service, socket: &mut Box<dyn WebSocket>) {
    let closed = poll_fn(|cx| Pin::new(&mut *socket).poll_close(cx));
    let closed = within(service.runtime(), CLOSE_TIMEOUT, closed);
    // Closed or not: the socket is dropped then.
    select(
        std::pin::pin!(closed),
        std::pin::pin!(service.tasks.ended()),
    )
    .await;
}

/// How many messages are taken from the queue at once.
const BATCH: usize = 64;
/// How long a peer may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
