//! The meeting of a sender and a listener, for the journal. Pure.

use std::fmt::Display;

use transport::CloseFrame;

use super::connection_fault::ConnectionFault;
use super::joined_pair::{PairEnd, Side, Traffic};
use crate::journal::{
    Details, EndedBy, Journal, Record, Rendezvous, RendezvousAction, Service, Text,
};

/// A sender, and the listener that was chosen for it.
pub(super) struct Meeting<'a> {
    /// The key of the hybrid connection.
    pub(super) entity: &'a str,
    /// The id of the listener.
    pub(super) listener: &'a str,
    /// The id of the sender.
    pub(super) sender: &'a (dyn Display + Sync),
}

impl Meeting<'_> {
    /// Records a step; `complete` adds what it says.
    pub(super) fn record(
        &self,
        journal: &Journal,
        action: RendezvousAction,
        complete: impl FnOnce(&mut Rendezvous),
    ) {
        journal.record(|| {
            let mut step = Rendezvous {
                action,
                listener: Some(self.listener.into()),
                ..Rendezvous::default()
            };
            complete(&mut step);
            Record::new(Service::Relay, Details::Rendezvous(step))
                .with_entity(self.entity)
                .with_connection(self.sender.to_string())
        });
    }

    /// Records the end of the joined pair.
    pub(super) fn record_end(&self, journal: &Journal, end: &PairEnd, traffic: &Traffic) {
        self.record(journal, RendezvousAction::Ended, |ended| {
            let (by, frame, reason) = parts(end);
            ended.ended_by = Some(by);
            ended.code = frame.map(|frame| frame.code.as_u16());
            let reason = frame.map_or(reason, |frame| &frame.reason);
            ended.reason = Some(reason).filter(|it| !it.is_empty()).map(Text::from);
            ended.bytes_to_listener = Some(traffic.to_listener());
            ended.bytes_to_sender = Some(traffic.to_sender());
        });
    }
}

/// Returns who ended a pair, with which close frame, and why if there is none.
fn parts(end: &PairEnd) -> (EndedBy, Option<&CloseFrame>, &str) {
    let closer = |side: &Side| match side {
        Side::Sender => EndedBy::Sender,
        Side::Listener => EndedBy::Listener,
    };
    match end {
        PairEnd::Closed(side, frame) => (closer(side), Some(frame), ""),
        PairEnd::Lost(Side::Sender) => (EndedBy::Network, None, "The sender was lost."),
        PairEnd::Lost(Side::Listener) => (EndedBy::Network, None, "The listener was lost."),
        PairEnd::Violated(side, violation) => (closer(side), None, violation.0),
        PairEnd::Cut(ConnectionFault::Close(frame)) => (EndedBy::Fault, Some(frame), ""),
        PairEnd::Cut(ConnectionFault::Drop | ConnectionFault::Stall) => (EndedBy::Fault, None, ""),
    }
}
