//! The lifecycle of a connection's sockets: opened, replaced, ended.

use std::sync::Arc;

use pubsub::protocol::DownstreamMessage;
use transport::{CloseCode, CloseFrame};

use super::Service;
use super::connection::Connection;
use super::ending::{EndedBy, Ending};
use super::event_handler::EventQueue;
use super::recording;
use super::send_queue::SendQueue;
use crate::journal::Record;

/// How a socket ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TransportEnd {
    /// The client closed it. With code 1000 it will not recover.
    Closed(Option<CloseFrame>),
    /// Anything else that the client or the network did.
    Lost,
    /// A fault dropped it.
    Struck,
    /// The client broke the protocol.
    Violation,
}

/// A connection that has a new socket.
pub(super) struct Recovered {
    pub(super) send_queue: Arc<SendQueue>,
    pub(super) generation: u64,
    pub(super) user_id: Option<Arc<str>>,
    pub(super) events: Option<Arc<EventQueue>>,
}

impl Service {
    /// Adds a new connection to its hub before its client is accepted: messages sent
    /// from then on wait for it. `None` if the emulator is shutting down. `connected` is its record.
    pub(super) fn register(
        self: &Arc<Self>,
        hub: &str,
        connection: Connection,
        hello: Option<transport::Message>,
        connected: Option<Record>,
    ) -> Option<u64> {
        let send_queue = Arc::clone(&connection.send_queue);
        send_queue.hear(self.keep_alive_now());
        let generation = self.with_hub(hub, |hub_lock| {
            if hub_lock.is_shut_down {
                return None;
            }
            send_queue.set_number(hub_lock.next_number());
            let generation = send_queue.attach(hello, hub_lock.now);
            hub_lock.hub.connect(connection);
            if let Some(record) = connected {
                self.journal.record(|| record);
            }
            Some(generation)
        })?;
        self.hubs().connections += 1;
        self.changes.notify();
        Some(generation)
    }

    /// Records that the client of a new connection was accepted.
    pub(super) fn begin_events(self: &Arc<Self>, hub: &str, events: Option<&Arc<EventQueue>>) {
        if let Some(events) = events {
            events.begin();
            self.work_off(hub, Arc::clone(events));
        }
    }

    /// Ends a connection whose client was never accepted. That is reported to its event
    /// handler if it `was_asked` about the client.
    pub(super) fn give_up(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        events: Option<&Arc<EventQueue>>,
        was_asked: bool,
    ) {
        self.with_hub(hub, |hub_lock| {
            let ending = Ending::lost("NotAccepted");
            hub_lock.hub.remove(id, ending, hub_lock.now);
        });
        if let Some(events) = events
            && events.give_up(was_asked)
        {
            self.work_off(hub, Arc::clone(events));
        }
    }

    /// Moves a connection that lost its socket, or is about to, to a new one.
    pub(super) fn recover(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        subprotocol: Option<pubsub::Subprotocol>,
    ) -> Option<Recovered> {
        let token = self
            .tokens
            .reconnection(id, &self.ids.unique(), self.clock.wall());
        self.with_hub(hub, |hub_lock| {
            let connection = hub_lock.hub.connection_mut(id)?;
            if !connection.is_reliable() || connection.subprotocol != subprotocol {
                return None;
            }
            connection.lost = None;
            let connection = hub_lock.hub.connection(id)?;
            self.journal
                .record(|| recording::recovered(hub_lock.hub.name(), connection));
            let hello = DownstreamMessage::Connected {
                connection_id: id.to_owned(),
                user_id: connection.user_id.as_deref().map(str::to_owned),
                reconnection_token: Some(token),
            };
            let send_queue = Arc::clone(&connection.send_queue);
            send_queue.hear(self.keep_alive_now());
            let generation = send_queue.attach(send_queue.format().encode(&hello), hub_lock.now);
            Some(Recovered {
                send_queue,
                generation,
                user_id: connection.user_id.clone(),
                events: connection.events.clone(),
            })
        })
    }

    /// Records the end of a socket.
    pub(super) fn transport_ended(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        generation: u64,
        ending: TransportEnd,
    ) {
        self.with_hub(hub, |hub_lock| {
            let Some(connection) = hub_lock.hub.connection(id) else {
                return;
            };
            if !connection.send_queue.detach(generation) {
                return;
            }
            let is_final = match &ending {
                TransportEnd::Closed(frame) => frame
                    .as_ref()
                    .is_some_and(|frame| frame.code == CloseCode::NORMAL),
                TransportEnd::Lost | TransportEnd::Struck => false,
                TransportEnd::Violation => true,
            };
            let ending = match ending {
                TransportEnd::Closed(frame) => Ending::by_client(frame),
                TransportEnd::Lost => Ending::lost("ConnectionLost"),
                TransportEnd::Struck => Ending::struck(),
                TransportEnd::Violation => Ending::abrupt(EndedBy::Service, "BadRequest"),
            };
            if !is_final && connection.is_reliable() {
                return hub_lock.wait_for_recovery(id, &ending);
            }
            hub_lock.hub.remove(id, ending, hub_lock.now);
        });
    }
}
