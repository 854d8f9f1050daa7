//! Work on a hub under the lock.

use std::sync::Arc;
use std::time::Instant;

use pubsub::protocol::{AckError, DownstreamMessage};

use super::Service;
use super::deadline::{Deadline, Deadlines};
use super::draft::Draft;
use super::ending::Ending;
use super::hub::{Hub, Outcome};
use super::recording;
use super::reliable::RECOVERY_WINDOW;
use crate::fault::{Fault, Occasion, Subject};
use crate::journal::Record;

/// One piece of work on a hub, under the lock.
pub(super) struct HubLock<'a> {
    pub(super) hub: &'a mut Hub,
    pub(super) name: &'a str,
    pub(super) now: Instant,
    pub(super) counter: &'a mut u64,
    pub(super) deadlines: &'a mut Deadlines,
    /// No connection may be added any more.
    pub(super) is_shut_down: bool,
    pub(super) service: &'a Arc<Service>,
}

impl HubLock<'_> {
    pub(super) fn next_number(&mut self) -> u64 {
        *self.counter += 1;
        *self.counter
    }

    pub(super) fn add_deadline(&mut self, at: Instant, deadline: Deadline) {
        self.deadlines.add(at, deadline);
    }

    /// Schedules the end of a stream in case its publisher stays idle.
    pub(super) fn watch_stream(&mut self, id: &str, stream_id: String, number: u64, at: Instant) {
        let connection = self.hub.connection_mut(id);
        if let Some(stream) = connection.and_then(|it| it.streams.get_mut(&stream_id)) {
            stream.timer = Some(self.deadlines.add(
                at,
                Deadline::Stream {
                    hub: self.name.into(),
                    id: id.into(),
                    stream_id,
                    number,
                },
            ));
        }
    }

    /// Sends a message that is not data to one connection.
    pub(super) fn reply(&mut self, id: &str, message: &DownstreamMessage) {
        let Some(connection) = self.hub.connection(id) else {
            return;
        };
        if let Some(frame) = connection.send_queue.format().encode(message)
            && connection.send_queue.push_control(frame).is_err()
        {
            let slow = vec![Arc::clone(connection.id())];
            self.hub.drop_slow(slow, self.now);
        }
    }

    /// Sends an acknowledgement, unless a fault strikes it.
    pub(super) fn acknowledge(&mut self, id: &str, ack_id: u64, result: Result<(), AckError>) {
        let Some(connection) = self.hub.connection(id) else {
            return;
        };
        let ack = DownstreamMessage::Ack { ack_id, result };
        let subject = Subject {
            scope: self.name,
            user: connection.user_id.as_deref(),
            connection: Some(id),
            number: connection.number(),
        };
        match self.service.strike(Occasion::Ack, &subject) {
            Some(Fault::WithholdAck) => {}
            Some(Fault::DelayAck { milliseconds }) => {
                let at = transport::after(self.now, crate::fault::milliseconds(milliseconds));
                let (hub, id) = (self.name.into(), id.into());
                self.add_deadline(at, Deadline::Ack { hub, id, ack });
            }
            Some(Fault::RefuseAck { name, message }) => {
                let result = Err(AckError::new(name, message));
                self.reply(id, &DownstreamMessage::Ack { ack_id, result });
            }
            Some(Fault::DuplicateAck) => {
                self.reply(id, &ack);
                self.reply(id, &ack);
            }
            _ => self.reply_in_time(id, ack),
        }
    }

    /// Sends an acknowledgement after the delay of the settings, if there is one.
    fn reply_in_time(&mut self, id: &str, ack: DownstreamMessage) {
        let service = self.service;
        if service.reply_delay.is_zero() {
            return self.reply(id, &ack);
        }
        let (hub, id) = (self.name.to_owned(), id.to_owned());
        let held = Arc::clone(service);
        service.tasks.spawn(async move {
            held.hold_back().await;
            held.with_hub(&hub, |hub_lock| hub_lock.reply(&id, &ack));
        });
    }

    /// Keeps a session that lost its socket for as long as its client may recover.
    pub(super) fn wait_for_recovery(&mut self, id: &str, ending: &Ending) {
        let loss = self.next_number();
        let at = self.now + RECOVERY_WINDOW;
        let hub = Arc::clone(self.hub.name());
        if let Some(connection) = self.hub.connection_mut(id) {
            connection.lost = Some(loss);
            let journal = &self.service.journal;
            journal.record(|| recording::disconnected(&hub, connection, ending, true));
            let (hub, id) = (self.name.into(), id.into());
            self.add_deadline(at, Deadline::Recovery { hub, id, loss });
        }
    }

    /// Records something about a connection.
    pub(super) fn record(&self, id: &str, make: impl FnOnce() -> Record) {
        self.service.journal.record(|| {
            let record = make().with_hub(self.hub.name());
            match self.hub.connection(id) {
                Some(connection) => record
                    .with_connection(connection.id())
                    .with_user(connection.user_id.as_ref()),
                None => record.with_connection(id),
            }
        });
    }

    /// Records a message that is answered by the hub alone, and the rule that it broke.
    pub(super) fn record_outcome(&self, id: &str, draft: Box<Draft>, outcome: &Outcome) {
        let refusal = outcome.error().and_then(|error| {
            let subject = recording::subject(error)?;
            Some((subject, &error.message, draft.operation().clone()))
        });
        self.record(id, || recording::of_outcome(*draft, outcome));
        if let Some((subject, rule, operation)) = refusal {
            self.record(id, || recording::refused(subject, rule, Some(operation)));
        }
    }
}
