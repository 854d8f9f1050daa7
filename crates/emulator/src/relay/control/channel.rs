//! The protocol of a control channel. Pure, except for the namespace that it
//! removes listeners from and delivers responses to.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::channel::oneshot;
use relay::command::Reply;
use transport::{CloseCode, CloseFrame, Message, after};

use super::MAX_INLINE;
use super::registration::{Leave, Registration};
use crate::fault::{Occasion, Subject};
use crate::journal::{EndedBy, ListenerAction};
use crate::relay::authorize::Purpose;
use crate::relay::connection_fault::{ConnectionFault, token_expired};
use crate::relay::handover::InlineResponse;
use crate::relay::listeners::ListenerOrder;
use crate::relay::visit::refused;

/// One listener's control channel.
pub(super) struct Channel<'a> {
    pub(super) registration: &'a Registration,
    host: String,
    path: String,
    pub(super) phase: Phase,
    /// The unwritten part of an order; a command and its body are one unit.
    pending: VecDeque<Message>,
    /// Receives the binary message that must come next.
    body: Option<oneshot::Sender<Bytes>>,
    expects_body: bool,
    times: Times,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Open,
    /// Our close frame was sent; the listener's is awaited.
    Closing,
    /// Nothing is sent or read any more, without a close frame.
    Stalled,
    Ended,
}

/// The deadlines, on the emulator's clock.
struct Times {
    expires: SystemTime,
    recycled: Instant,
    last_moved: Instant,
}

impl<'a> Channel<'a> {
    pub(super) fn new(
        registration: &'a Registration,
        host: String,
        path: String,
        expires: SystemTime,
    ) -> Self {
        let namespace = &registration.namespace;
        let now = namespace.clock.instant();
        Self {
            registration,
            host,
            path,
            phase: Phase::Open,
            pending: VecDeque::new(),
            body: None,
            expects_body: false,
            times: Times {
                expires,
                recycled: after(now, namespace.limits.listener_lifetime),
                last_moved: now,
            },
        }
    }

    /// Returns when to check the clock again.
    pub(super) fn due(&self) -> Instant {
        let namespace = &self.registration.namespace;
        let valid = self.times.expires.duration_since(namespace.now());
        let expires = namespace.clock.after(valid.unwrap_or_default().min(DAY));
        let idle = namespace.limits.control_idle;
        let cut = idle.map(|idle| after(self.times.last_moved, idle));
        expires.min(self.times.recycled).min(cut.unwrap_or(expires))
    }

    pub(super) fn look_at_the_clock(&mut self) {
        let registration = self.registration;
        let namespace = &registration.namespace;
        let now = namespace.clock.instant();
        let (entity, listener) = (&registration.entity.key, &registration.id);
        if namespace.now() >= self.times.expires {
            tracing::info!(entity, listener, "ListenerClosingFromExpiredToken");
            self.close(token_expired(), EndedBy::Service);
        } else if now >= self.times.recycled {
            tracing::info!(entity, listener, "listener recycled");
            let frame = CloseFrame::new(
                CloseCode::INTERNAL_ERROR,
                format!("InternalServerError: NameRenewalFailed. TrackingId:{listener}_G0"),
            );
            self.close(frame, EndedBy::Service);
        } else if let Some(idle) = namespace.limits.control_idle
            && now >= after(self.times.last_moved, idle)
        {
            tracing::info!(
                entity,
                listener,
                "dropped an idle control channel, as Azure's load balancer does; a listener should send pings"
            );
            self.end(Leave::abrupt(EndedBy::Service, "Idle"));
        }
    }

    /// Returns whether there is nothing left to write.
    pub(super) fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes the next message to write.
    pub(super) fn take_message(&mut self) -> Option<Message> {
        let message = self.pending.pop_front()?;
        // Traffic in either direction counts.
        self.times.last_moved = self.registration.namespace.clock.instant();
        Some(message)
    }

    /// Executes an order of the namespace.
    pub(super) fn obey(&mut self, order: ListenerOrder) {
        match order {
            ListenerOrder::Send { command, body } => {
                self.pending.push_back(Message::text(command));
                self.pending.extend(body.map(Message::Binary));
            }
            ListenerOrder::End(ConnectionFault::Close(frame)) => self.close(frame, EndedBy::Fault),
            ListenerOrder::End(ConnectionFault::Drop) => {
                self.end(Leave::abrupt(EndedBy::Fault, ""));
            }
            ListenerOrder::End(ConnectionFault::Stall) => self.phase = Phase::Stalled,
        }
    }

    /// Processes a message of the listener, unless a fault strikes; returns
    /// whether it renewed the token.
    pub(super) fn receive(&mut self, message: Message) -> bool {
        let expires = self.times.expires;
        self.times.last_moved = self.registration.namespace.clock.instant();
        self.strike();
        if self.phase == Phase::Open {
            self.handle(message);
        }
        self.times.expires != expires
    }

    /// Lets a fault strike instead of processing a message.
    fn strike(&mut self) {
        let registration = self.registration;
        let subject = Subject {
            scope: &registration.entity.key,
            connection: Some(&registration.id),
            number: registration.number,
            ..Subject::default()
        };
        let fault = registration.namespace.strike(Occasion::Message, &subject);
        if let Some(order) = fault.as_ref().and_then(ListenerOrder::of_fault) {
            self.obey(order);
        }
    }

    /// Ends it without a close frame.
    fn end(&mut self, leave: Leave<'_>) {
        self.phase = Phase::Ended;
        self.registration.remove(leave);
    }

    fn close(&mut self, frame: CloseFrame, by: EndedBy) {
        if self.phase == Phase::Open {
            let last = Message::Close(Some(frame.clone()));
            self.pending.push_back(last);
            self.phase = Phase::Closing;
            // The sender that waits for a body need not wait for the closing handshake.
            self.body = None;
            // From here on it receives no sender, however long the closing handshake takes.
            self.registration.remove(Leave {
                by,
                frame: Some(&frame),
                reason: "",
            });
        }
    }

    /// Closes the channel of a listener that breaks the protocol, and logs the rule.
    fn blame(&mut self, code: CloseCode, rule: &'static str) {
        tracing::warn!(
            entity = self.registration.entity.key,
            listener = self.registration.id,
            rule,
            "ListenerAcceptingConnectionFailed: the listener broke the protocol and is closed"
        );
        let registration = self.registration;
        registration.namespace.journal.record(|| {
            let operation = None;
            registration.place(refused("message", rule, operation, None))
        });
        self.close(CloseFrame::new(code, rule), EndedBy::Service);
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Text(_) if self.expects_body => {
                self.blame(
                    CloseCode::PROTOCOL_ERROR,
                    "a text message came where the body of a response was announced",
                );
            }
            Message::Text(text) => self.handle_text(&text),
            Message::Binary(bytes) if self.expects_body && bytes.len() > MAX_INLINE => {
                self.blame(
                    CloseCode::TOO_BIG,
                    "the body of a response over 64 KiB belongs on the rendezvous of its request",
                );
            }
            Message::Binary(bytes) if self.expects_body => {
                self.expects_body = false;
                if let Some(waiting) = self.body.take() {
                    // The sender may have gone.
                    let _ = waiting.send(bytes);
                }
            }
            // The official Node listener sends an empty one after a response without a body.
            Message::Binary(bytes) if bytes.is_empty() => {}
            Message::Binary(_) => {
                self.blame(
                    CloseCode::PROTOCOL_ERROR,
                    "a binary message came that no response announced; data goes over a rendezvous",
                );
            }
            Message::Close(frame) => {
                let frame = frame.unwrap_or_else(|| CloseFrame::new(CloseCode::NORMAL, ""));
                self.close(frame, EndedBy::Listener);
            }
            _ => {}
        }
    }

    fn handle_text(&mut self, text: &str) {
        match Reply::decode(text) {
            Ok(Some(Reply::RenewToken(token))) => self.renew(token.expose()),
            Ok(Some(Reply::Response(response))) => {
                let (entity, id) = (&self.registration.entity.key, response.request_id.clone());
                let (sender, receiver) = oneshot::channel();
                let has_body = response.body;
                self.expects_body = has_body;
                let waiting = self
                    .registration
                    .namespace
                    .rendezvous
                    .take_response(&id, self.registration.key);
                match waiting.filter(|answer| !answer.is_canceled()) {
                    Some(answer) => {
                        tracing::debug!(entity, id, "ListenerReturningHttpResponse");
                        self.body = has_body.then_some(sender);
                        let _ = answer.send(InlineResponse {
                            head: response,
                            body: has_body.then_some(receiver),
                        });
                    }
                    None => tracing::warn!(
                        entity,
                        id,
                        "ListenerReturningHttpResponseFailed: no request waits for this response here: it was answered, timed out, belongs on its rendezvous, or the sender is gone"
                    ),
                }
            }
            Ok(_) => tracing::info!(
                entity = self.registration.entity.key,
                "ignored an unknown command of the listener"
            ),
            Err(error) => {
                tracing::warn!(entity = self.registration.entity.key, %error, "invalid message on a control channel: a listener sends only `response` and `renewToken` there, and its data over the rendezvous address of an `accept`; a sender connects with sb-hc-action=connect");
                self.blame(
                    CloseCode::PROTOCOL_ERROR,
                    "a message on the control channel is not a command",
                );
            }
        }
    }

    fn renew(&mut self, token: &str) {
        let registration = self.registration;
        let namespace = &registration.namespace;
        let checked = namespace.check_token(
            &registration.entity.rules,
            token,
            Purpose::Listen,
            &self.host,
            &self.path,
        );
        let (entity, listener) = (&registration.entity.key, &registration.id);
        match checked {
            Ok(until) => {
                tracing::debug!(entity, listener, "token renewed");
                self.times.expires = until;
                registration.record(ListenerAction::Renewed, None);
            }
            Err(denied) => {
                let advice = denied.advice();
                tracing::warn!(entity, listener, advice, "InvalidSasToken");
                registration.namespace.journal.record(|| {
                    let rule = format!("{} ({advice})", denied.text());
                    registration.place(refused(denied.subject(), rule, Some("renewToken"), None))
                });
                let text = denied.text().into_owned();
                let frame = CloseFrame::new(CloseCode::POLICY_VIOLATION, text);
                self.close(frame, EndedBy::Service);
            }
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
