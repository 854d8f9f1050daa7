//! The registration of a listener at its entity.

use std::sync::Arc;

use transport::CloseFrame;
use uuid::Uuid;

use crate::journal::{Details, EndedBy, Listener, ListenerAction, Record, Service, Text};
use crate::relay::entity::EntityView;
use crate::relay::namespace::Namespace;

/// A guard that removes the listener from its entity on drop, however the task ends.
pub(super) struct Registration {
    pub(super) namespace: Arc<Namespace>,
    pub(super) entity: EntityView,
    pub(super) key: Uuid,
    pub(super) id: String,
    pub(super) number: u64,
    /// For the journal, if it is on.
    pub(super) tracking_id: Option<Text>,
}

/// How a listener goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leave<'a> {
    pub(super) by: EndedBy,
    /// The close frame, if there is one.
    pub(super) frame: Option<&'a CloseFrame>,
    /// What happened, if no close frame says it.
    pub(super) reason: &'a str,
}

impl Leave<'_> {
    /// Without a close frame.
    pub(super) fn abrupt(by: EndedBy, reason: &'static str) -> Self {
        let frame = None;
        Self { by, frame, reason }
    }
}

impl Registration {
    pub(super) fn remove(&self, leave: Leave<'_>) {
        let (entity, listener) = (&self.entity.key, &self.id);
        if self.namespace.remove_listener(entity, self.key) {
            tracing::info!(entity, listener, "ListenerUnregistered");
            self.record(ListenerAction::Closed, Some(leave));
        }
    }

    /// Records what the listener did; `leave` is how it went, if it did.
    pub(super) fn record(&self, action: ListenerAction, leave: Option<Leave<'_>>) {
        self.namespace.journal.record(|| {
            let frame = leave.and_then(|leave| leave.frame);
            let said = frame.map(|frame| frame.reason.as_str());
            let reason = said.or_else(|| leave.map(|leave| leave.reason));
            let listener = Listener {
                action,
                code: frame.map(|frame| frame.code.as_u16()),
                reason: reason.filter(|reason| !reason.is_empty()).map(Text::from),
                ended_by: leave.map(|leave| leave.by),
            };
            self.place(Record::new(Service::Relay, Details::Listener(listener)))
        });
    }

    /// Adds whose record it is.
    pub(super) fn place(&self, record: Record) -> Record {
        let mut record = record
            .with_entity(&self.entity.key)
            .with_connection(&self.id);
        record.tracking_id.clone_from(&self.tracking_id);
        record
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.remove(Leave::abrupt(EndedBy::Network, "ConnectionLost"));
    }
}
