//! What the journal has of a fault that strikes. Pure.

use serde_json::Value;

use super::rule::Subject;
use super::{Fault, Occasion};
use crate::journal::{self, Details, Record, Service, Text};

/// Returns the record of a fault that strikes. `rule` is its place among those of
/// [`FaultState`](super::FaultState), if it has one.
pub(crate) fn record(
    service: Service,
    rule: Option<usize>,
    fault: &Fault,
    at: Occasion,
    subject: &Subject<'_>,
) -> Record {
    let details = journal::Fault {
        fault: name(serde_json::to_value(fault).ok(), "/fault"),
        at: name(serde_json::to_value(at).ok(), ""),
        rule: rule.map(|rule| rule as u64),
    };
    let mut record = Record::new(service, Details::Fault(details)).with_user(subject.user);
    let scope = Some(subject.scope).filter(|scope| !scope.is_empty());
    match service {
        Service::Relay => record.entity = scope.map(Text::from),
        _ => record.hub = scope.map(Text::from),
    }
    record.connection = subject.connection.map(Text::from);
    record
}

fn name(value: Option<Value>, pointer: &str) -> Text {
    let value = value.as_ref().and_then(|value| value.pointer(pointer));
    value.and_then(Value::as_str).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_occasions_are_named_as_in_a_plan() {
        let subject = Subject {
            scope: "chat",
            user: Some("ann"),
            connection: Some("c"),
            number: 7,
        };
        let fault = Fault::DelayAck { milliseconds: 5 };
        let found = record(Service::PubSub, Some(2), &fault, Occasion::Ack, &subject);
        let json: Value = serde_json::to_value(&found).unwrap();
        assert_eq!(
            (&json["fault"], &json["at"], &json["rule"]),
            (&"delayAck".into(), &"ack".into(), &2.into())
        );
        assert_eq!(
            (&json["hub"], &json["user"], &json["connection"]),
            (&"chat".into(), &"ann".into(), &"c".into())
        );
        let found = record(Service::Relay, None, &Fault::Drop, Occasion::Now, &subject);
        let json: Value = serde_json::to_value(&found).unwrap();
        assert_eq!(
            (&json["entity"], &json["hub"]),
            (&"chat".into(), &Value::Null)
        );
        assert_eq!(
            (&json["fault"], &json["rule"]),
            (&"drop".into(), &Value::Null)
        );
    }
}
