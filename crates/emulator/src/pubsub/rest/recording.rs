//! What the journal has of requests.

use std::fmt::Display;
use std::time::Instant;

use http::{Request, Response, StatusCode};
use pubsub::Data;
use transport::Body;

use super::route::{Match, Operation};
use crate::journal::{Details, Payload, Record, Refused, Service, Text, Url};
use crate::pubsub::draft::payload;

/// What an operation has done, for the journal.
#[derive(Debug)]
pub(super) struct Effects {
    /// Whether it is on.
    is_recorded: bool,
    payload: Option<Payload>,
    receivers: Option<usize>,
}

impl Effects {
    pub(super) fn new(is_recorded: bool) -> Self {
        Self {
            is_recorded,
            payload: None,
            receivers: None,
        }
    }

    /// Notes what was sent.
    pub(super) fn set_payload(&mut self, data: &Data) {
        if self.is_recorded {
            self.payload = Some(payload(data));
        }
    }

    /// Notes how many connections it was sent or applied to.
    pub(super) fn set_receivers(&mut self, count: usize) {
        self.receivers = Some(count);
    }
}

/// A request, from its arrival to its record.
#[derive(Debug)]
pub(super) struct Draft {
    record: Record,
    began: Instant,
}

impl Draft {
    /// Takes down a request.
    pub(super) fn of(
        request: &Request<Body>,
        operation: Option<Operation>,
        found: Option<&Match>,
        began: Instant,
    ) -> Self {
        let details = crate::journal::Request {
            operation: operation.map(name),
            method: request.method().as_str().into(),
            url: Url::stripped(&request.uri().to_string()),
            ..Default::default()
        };
        let record = Record::new(Service::PubSub, Details::Request(details));
        Self {
            record: match found {
                Some(found) => place(record, found),
                None => record,
            },
            began,
        }
    }

    /// Returns its record.
    pub(super) fn into_record(
        self,
        response: &Response<Body>,
        effects: Effects,
        now: Instant,
    ) -> Record {
        let mut record = self
            .record
            .with_took(now.saturating_duration_since(self.began));
        if let Details::Request(request) = &mut record.details {
            let code = response.headers().get("x-ms-error-code");
            request.status = response.status().as_u16();
            request.error = code.and_then(|code| code.to_str().ok()).map(Text::from);
            request.receivers = effects.receivers.map(|count| count as u64);
        }
        record.payload = effects.payload;
        record
    }
}

/// Returns the record of a request that breaks a rule.
pub(super) fn refused(
    found: &Match,
    subject: &'static str,
    rule: &dyn Display,
    status: StatusCode,
) -> Record {
    let refused = Refused {
        subject: subject.into(),
        rule: rule.to_string().into(),
        operation: Some(name(found.operation)),
        url: None,
        status: Some(status.as_u16()),
    };
    place(
        Record::new(Service::PubSub, Details::Refused(refused)),
        found,
    )
}

/// Adds the names in the path of a request.
fn place(mut record: Record, found: &Match) -> Record {
    let named = |name: &String| (!name.is_empty()).then(|| Text::from(name));
    record.hub = named(&found.hub);
    record.group = named(&found.group);
    record.user = named(&found.user);
    record.connection = named(&found.connection);
    record
}

/// Returns the name of an operation, as in `sendToGroup`.
fn name(operation: Operation) -> Text {
    let mut name = format!("{operation:?}");
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_as_in_the_service() {
        assert_eq!(name(Operation::SendToGroup), "sendToGroup");
        assert_eq!(
            name(Operation::RemoveConnectionFromAllGroups),
            "removeConnectionFromAllGroups"
        );
    }
}
