//! Client events: to the application's event handlers, and the responses back.

use std::ops::RangeInclusive;
use std::sync::Arc;

use http::StatusCode;
use pubsub::protocol::{AckError, DataOrigin, DownstreamMessage};
use transport::CloseCode;

use super::Service;
use super::broadcast::Broadcast;
use super::draft::Draft;
use super::ending::{EndedBy, Ending};
use super::event_handler::{EventQueue, HandlerAnswer, Notice, Pending, UserEvent, UserEventKind};
use super::hub::{Ended, Target, duplicate};
use crate::config::EventFailure;
use crate::config::SystemEvent;

impl Service {
    /// Processes a frame of a client without a subprotocol.
    pub(super) fn receive_frame(self: &Arc<Self>, hub: &str, id: &str, data: pubsub::Data) {
        let events = self.with_hub(hub, |hub_lock| {
            hub_lock
                .hub
                .connection(id)
                .and_then(|connection| connection.events.clone())
        });
        let mut event = UserEvent::frame(data);
        if self.journal.is_on() {
            event.draft = event.data.as_ref().map(Draft::of_frame);
        }
        self.raise(hub, id, events, event);
    }

    /// Queues an event for the handler.
    pub(super) fn raise(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        events: Option<Arc<EventQueue>>,
        event: UserEvent,
    ) {
        match events {
            Some(events) => self.queue_event(hub, events, Pending::User(event)),
            None => self.answer_event(hub, id, event, HandlerAnswer::NoHandler),
        }
    }

    pub(super) fn queue_event(
        self: &Arc<Self>,
        hub: &str,
        events: Arc<EventQueue>,
        event: Pending,
    ) {
        if events.push(event) {
            self.work_off(hub, events);
        }
    }

    /// Sends the queued events of a connection: one task while events wait, not
    /// one per event.
    pub(super) fn work_off(self: &Arc<Self>, hub: &str, events: Arc<EventQueue>) {
        let service = Arc::clone(self);
        let hub = hub.to_owned();
        self.tasks.spawn(async move {
            while let Some(event) = events.pop() {
                match event {
                    Pending::Connected => {
                        let body = "{}".to_owned();
                        service
                            .event_handlers
                            .notify(&events, SystemEvent::Connected, body)
                            .await;
                        if events.release_notices() {
                            service.tell_notices(&hub, Arc::clone(&events));
                        }
                    }
                    Pending::Disconnected { reason } => {
                        if events.note_end(reason) {
                            service.tell_notices(&hub, Arc::clone(&events));
                        }
                    }
                    Pending::User(mut event) => {
                        if service.is_duplicate(&hub, events.connection_id(), &mut event) {
                            continue;
                        }
                        let answer = service.event_handlers.send(&events, &event).await;
                        service.answer_event(&hub, events.connection_id(), event, answer);
                    }
                }
            }
        });
    }

    /// Sends the notices of a connection, one after the other.
    pub(super) fn tell_notices(self: &Arc<Self>, hub: &str, events: Arc<EventQueue>) {
        let service = Arc::clone(self);
        let hub = hub.to_owned();
        self.tasks.spawn(async move {
            while let Some(notice) = events.pop_notice() {
                match notice {
                    Notice::Presence { event, group } => {
                        service
                            .event_handlers
                            .notify_presence(&events, event, &group)
                            .await;
                        service.with_hub(&hub, |hub_lock| {
                            // The socket may have paused reading until now.
                            if let Some(connection) =
                                hub_lock.hub.connection(events.connection_id())
                            {
                                connection.send_queue.wake();
                            }
                        });
                    }
                    Notice::Disconnected { reason } => {
                        let reason = Some(reason).filter(|reason| !reason.is_empty());
                        let body = serde_json::json!({ "reason": reason }).to_string();
                        service
                            .event_handlers
                            .notify(&events, SystemEvent::Disconnected, body)
                            .await;
                    }
                }
            }
        });
    }

    /// Refuses an event that was carried out while it waited.
    pub(super) fn is_duplicate(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        event: &mut UserEvent,
    ) -> bool {
        let UserEventKind::Event {
            ack_id: Some(ack_id),
        } = event.kind
        else {
            return false;
        };
        self.with_hub(hub, |hub_lock| {
            let connection = hub_lock.hub.connection(id);
            let known = connection.is_some_and(|connection| connection.acks.contains(ack_id));
            if known {
                let error = duplicate(ack_id);
                if let Some(draft) = event.draft.take() {
                    hub_lock.record(id, || draft.into_record(Some(&error.name)));
                }
                hub_lock.acknowledge(id, ack_id, Err(error));
            }
            known
        })
    }

    /// Forwards a handler's response to the client.
    pub(super) fn answer_event(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        mut event: UserEvent,
        answer: HandlerAnswer,
    ) {
        self.with_hub(hub, |hub_lock| {
            if let Some(draft) = event.draft.take() {
                hub_lock.record(id, || {
                    draft.into_record(match &answer {
                        HandlerAnswer::Done { .. } => None,
                        HandlerAnswer::NoHandler => Some(NO_HANDLER),
                        HandlerAnswer::Failed(status) => Some(error_name(*status)),
                    })
                });
            }
            let Some(connection) = hub_lock.hub.connection(id) else {
                return;
            };
            // The socket may have paused reading until its events were handled.
            connection.send_queue.wake();
            match (event.kind, answer) {
                (UserEventKind::Invocation { id: invocation_id }, answer) => {
                    let (result, metadata) = match answer {
                        HandlerAnswer::Done { data, metadata } => (Ok(data), metadata),
                        HandlerAnswer::NoHandler => (Err(no_handler()), Default::default()),
                        HandlerAnswer::Failed(status) => {
                            (Err(handler_error(status)), Default::default())
                        }
                    };
                    let response = DownstreamMessage::InvokeResponse {
                        invocation_id,
                        result,
                        metadata,
                    };
                    hub_lock.reply(id, &response);
                }
                (kind, HandlerAnswer::Done { data, metadata }) => {
                    if let Some(data) = data {
                        let message = DownstreamMessage::Data {
                            from: DataOrigin::Server,
                            data,
                            sequence_id: None,
                            metadata,
                            stream: None,
                        };
                        let mut broadcast = Broadcast::new(message, None);
                        // Only a filter can be refused.
                        let _ = hub_lock.hub.send(
                            Target::Connection(id),
                            &[],
                            None,
                            &mut broadcast,
                            hub_lock.now,
                        );
                    }
                    if let UserEventKind::Event {
                        ack_id: Some(ack_id),
                    } = kind
                    {
                        if let Some(connection) = hub_lock.hub.connection_mut(id) {
                            connection.acks.insert(ack_id);
                        }
                        hub_lock.acknowledge(id, ack_id, Ok(()));
                    }
                }
                (
                    UserEventKind::Event {
                        ack_id: Some(ack_id),
                    },
                    failed,
                ) => {
                    let error = match failed {
                        HandlerAnswer::Failed(status) => handler_error(status),
                        _ => no_handler(),
                    };
                    hub_lock.acknowledge(id, ack_id, Err(error));
                }
                (UserEventKind::Event { .. }, failed)
                    if self.on_event_failure == EventFailure::Keep =>
                {
                    // A handler's failure is in the log already.
                    if matches!(failed, HandlerAnswer::NoHandler) {
                        tracing::warn!(
                            hub,
                            connection_id = id,
                            event = event.name,
                            "no event handler takes the event"
                        );
                    }
                }
                (_, failed) => {
                    let reason = match failed {
                        HandlerAnswer::NoHandler => NO_HANDLER,
                        _ => "SendEventFailed",
                    };
                    let code = CloseCode::INTERNAL_ERROR;
                    let ending = Ending::closed(EndedBy::EventHandler, code, reason);
                    hub_lock.hub.close(id, ending, hub_lock.now);
                }
            }
        });
    }

    /// Reports the end of a connection to the event handler.
    pub(super) fn say_goodbye(self: &Arc<Self>, hub: &str, ended: Ended) {
        tracing::debug!(
            hub,
            connection_id = &**ended.connection.id(),
            by = ?ended.ending.by,
            reason = ended.ending.shown(),
            "disconnected"
        );
        if let Some(events) = ended.connection.events {
            let reason = ended.ending.reason.into_owned();
            self.queue_event(hub, events, Pending::Disconnected { reason });
        }
    }
}

fn no_handler() -> AckError {
    AckError::new(
        "InternalServerError",
        "There is no event handler for the event.",
    )
}

/// Returns the error for the client when the event handler did not succeed, for events and invocations alike.
fn handler_error(status: StatusCode) -> AckError {
    let text = format!("The event handler answered {}.", status.as_u16());
    AckError::new(error_name(status), text)
}

fn error_name(status: StatusCode) -> &'static str {
    let mut names = ERROR_NAMES.iter();
    let found = names.find(|(statuses, _)| statuses.contains(&status.as_u16()));
    found.map_or("InternalServerError", |(_, name)| name)
}

/// The service's name for the reason.
const NO_HANDLER: &str = "EventHandlerNotFound";

/// The status ranges with their error names. The service's mapping is not published: its documentation names
/// `InternalServerError` for a handler that fails, and the official clients' tests show `BadRequest` for one that
/// refuses. The names are those of its acknowledgements; a status without a name counts as RFC 9110 §15 has
/// clients treat it: a 4xx as a 400. 408 and 429 may be temporary, which `Timeout` and `InternalServerError` express.
const ERROR_NAMES: &[(RangeInclusive<u16>, &str)] = &[
    (401..=401, "Forbidden"),
    (403..=403, "Forbidden"),
    (404..=404, "NotFound"),
    (408..=408, "Timeout"),
    (429..=429, "InternalServerError"),
    (400..=499, "BadRequest"),
];
