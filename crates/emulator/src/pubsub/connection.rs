//! One client's logical connection, which may outlive its sockets. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pubsub::Subprotocol;
use pubsub::protocol::{AckError, DownstreamMessage};
use transport::{CloseCode, CloseFrame};

use super::broadcast::Format;
use super::event_handler::EventQueue;
use super::filter::Subject;
use super::permission::{Permission, Permissions};
use super::reliable::AckCache;
use super::send_queue::SendQueue;
use super::stream::Stream;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) user_id: Option<Arc<str>>,
    pub(super) subprotocol: Option<Subprotocol>,
    pub(super) permissions: Permissions,
    pub(super) groups: BTreeSet<Arc<str>>,
    pub(super) send_queue: Arc<SendQueue>,
    pub(super) acks: AckCache,
    pub(super) streams: BTreeMap<String, Stream>,
    /// The groups in which it has a state or subscribes to states.
    pub(super) state_groups: BTreeSet<Arc<str>>,
    /// The queue of its events, if its hub has event handlers.
    pub(super) events: Option<Arc<EventQueue>>,
    /// While it has no socket: the number of this loss.
    pub(super) lost: Option<u64>,
}

impl Connection {
    pub(super) fn id(&self) -> &Arc<str> {
        self.send_queue.id()
    }

    /// The connection's ordinal within the emulator.
    pub(super) fn number(&self) -> u64 {
        self.send_queue.number()
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.subprotocol.is_some_and(Subprotocol::is_reliable)
    }

    /// Ends its socket with a close frame; a client with a subprotocol first receives the reason.
    pub(super) fn say_goodbye(&self, code: CloseCode, reason: &str) {
        let goodbye = DownstreamMessage::Disconnected {
            message: Some(reason.to_owned()),
        };
        let format = self.send_queue.format();
        let goodbye = format.encode(&goodbye);
        let goodbye = goodbye.filter(|_| format != Format::Simple);
        let frame = CloseFrame::new(code, reason);
        self.send_queue.close(goodbye, frame);
    }

    /// Returns the fields that a filter can test.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            user_id: self.user_id.as_deref(),
            connection_id: self.id(),
            protocol: self.subprotocol.map(Subprotocol::as_str),
            groups: &self.groups,
        }
    }

    /// Checks a permission; the error has the text of Microsoft's emulator.
    pub(super) fn may(
        &self,
        permission: Permission,
        action: &str,
        group: &str,
    ) -> Result<(), AckError> {
        if self.permissions.allow(permission, group) {
            return Ok(());
        }
        Err(AckError::new(
            "Forbidden",
            format!("The client does not have permission to {action} group '{group}'."),
        ))
    }
}
