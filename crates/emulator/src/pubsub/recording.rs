//! What the journal has of Web PubSub's clients: their connections, their messages, and what they
//! were refused. Pure.

use std::sync::Arc;

use pubsub::protocol::{AckError, DownstreamMessage};

use super::connection::Connection;
use super::draft::Draft;
use super::ending::Ending;
use super::hub::{Outcome, TOO_MANY_STREAMS};
use crate::journal::{Connected, Details, Disconnected, Record, Refused, Service, Text};

/// Returns the record of a message that is answered by the hub alone.
pub(super) fn of_outcome(mut draft: Draft, outcome: &Outcome) -> Record {
    draft.message.receivers = outcome.receivers.map(|count| count as u64);
    if draft.group.is_none() {
        draft.group = outcome.group.as_ref().map(Text::from);
    }
    draft.into_record(outcome.error().map(|error| &*error.name))
}

impl Outcome {
    /// Returns the error that the client is told of.
    pub(super) fn error(&self) -> Option<&AckError> {
        let of_stream = self.replies.iter().find_map(|reply| match reply {
            DownstreamMessage::StreamClosed { error, .. } => error.as_ref(),
            _ => None,
        });
        self.result.as_ref().err().or(of_stream)
    }
}

/// Returns the record of a client that has connected.
pub(super) fn connected<'a>(
    hub: &str,
    connection: &Connection,
    subprotocol: Option<&str>,
    roles: impl IntoIterator<Item = &'a String>,
) -> Record {
    let connected = Connected {
        subprotocol: subprotocol.map(Text::from),
        groups: Text::list(&connection.groups),
        roles: Text::list(roles),
        is_recovered: false,
    };
    of_connection(Details::Connected(connected), connection).with_hub(hub)
}

/// Returns the record of a client that has a new socket.
pub(super) fn recovered(hub: &Arc<str>, connection: &Connection) -> Record {
    let connected = Connected {
        subprotocol: connection.subprotocol.map(|name| name.as_str().into()),
        groups: Text::list(&connection.groups),
        roles: Vec::new(),
        is_recovered: true,
    };
    of_connection(Details::Connected(connected), connection).with_hub(hub)
}

/// Returns the record of a client that has lost its socket, or whose connection has ended.
pub(super) fn disconnected(
    hub: &Arc<str>,
    connection: &Connection,
    ending: &Ending,
    may_recover: bool,
) -> Record {
    let reason = Some(ending.shown()).filter(|reason| !reason.is_empty());
    let disconnected = Disconnected {
        code: ending.code.map(|code| code.as_u16()),
        reason: reason.map(Text::from),
        ended_by: ending.by,
        may_recover,
    };
    of_connection(Details::Disconnected(disconnected), connection).with_hub(hub)
}

/// Returns the record of a rule that was broken.
pub(super) fn refused(subject: &str, rule: impl Into<Text>, operation: Option<Text>) -> Record {
    new(Details::Refused(Refused {
        subject: subject.into(),
        rule: rule.into(),
        operation,
        ..Refused::default()
    }))
}

/// Returns what a client was refused, if an error is a refusal.
pub(super) fn subject(error: &AckError) -> Option<&'static str> {
    if error.name == "Forbidden" {
        return Some("permission");
    }
    (error.message == TOO_MANY_STREAMS).then_some("streams")
}

/// Returns a record of this service.
pub(super) fn new(details: Details) -> Record {
    Record::new(Service::PubSub, details)
}

fn of_connection(details: Details, connection: &Connection) -> Record {
    new(details)
        .with_connection(connection.id())
        .with_user(connection.user_id.as_ref())
}
