//! One thing that happened. Pure.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use super::details::{Details, optional_seconds};
use super::kind::{Kind, Service};
use super::payload::Payload;
use super::text::Text;
use crate::date::timestamp;

/// One thing that happened: one record an operation, never one for each delivery.
///
/// It serialises as the admin API and `--journal` show it: an object with `id`, `time`, `kind` and
/// `service`, then those of the other fields that have a value, then what its kind says
/// ([`Details`]). Names are in camel case. No key, token or secret of a query is in it.
///
/// Two runs with the same seed, the same input in the same order and the same
/// [held](crate::EmulatorClock::hold) time have equal records, except for [`took`](Self::took), which is real
/// time, and for the [`tracking_id`](Self::tracking_id) of a caller that sent none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The number of the record: 1 for the first since the start, then each the next. A reset
    /// does not begin again.
    pub id: u64,
    /// When it happened, on the emulator's clock. In JSON: UTC, as `2026-11-29T22:30:44.123Z`.
    pub time: SystemTime,
    /// The service that it happened at.
    pub service: Service,
    /// The hub of Web PubSub, in lower case.
    pub hub: Option<Text>,
    /// The hybrid connection of Relay, by its path in lower case.
    pub entity: Option<Text>,
    /// The group.
    pub group: Option<Text>,
    /// The user.
    pub user: Option<Text>,
    /// The id of the connection, or of the Relay listener or sender.
    pub connection: Option<Text>,
    /// The id by which the two sides can find the same operation in their logs.
    pub tracking_id: Option<Text>,
    /// How long it took, in real time: the only value that is not of the emulator's clock. In
    /// JSON: seconds.
    pub took: Option<Duration>,
    /// What was sent.
    pub payload: Option<Payload>,
    /// What its kind says.
    pub details: Details,
}

impl Record {
    /// Creates a record without id and time, which it gets in the ring.
    pub(crate) fn new(service: Service, details: Details) -> Self {
        Self {
            id: 0,
            time: UNIX_EPOCH,
            service,
            hub: None,
            entity: None,
            group: None,
            user: None,
            connection: None,
            tracking_id: None,
            took: None,
            payload: None,
            details,
        }
    }

    #[cfg(any(test, feature = "pubsub"))]
    #[must_use]
    pub(crate) fn with_hub(mut self, hub: impl Into<Text>) -> Self {
        self.hub = Some(hub.into());
        self
    }

    #[cfg(any(test, feature = "relay"))]
    #[must_use]
    pub(crate) fn with_entity(mut self, entity: impl Into<Text>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    #[cfg(test)]
    #[must_use]
    pub(crate) fn with_group(mut self, group: impl Into<Text>) -> Self {
        self.group = Some(group.into());
        self
    }

    #[must_use]
    pub(crate) fn with_user(mut self, user: Option<impl Into<Text>>) -> Self {
        self.user = user.map(Into::into);
        self
    }

    #[must_use]
    pub(crate) fn with_connection(mut self, connection: impl Into<Text>) -> Self {
        self.connection = Some(connection.into());
        self
    }

    #[cfg(any(test, feature = "relay"))]
    #[must_use]
    pub(crate) fn with_tracking_id(mut self, id: impl Into<Text>) -> Self {
        self.tracking_id = Some(id.into());
        self
    }

    #[must_use]
    pub(crate) fn with_took(mut self, took: Duration) -> Self {
        self.took = Some(took);
        self
    }

    #[cfg(any(test, feature = "pubsub"))]
    #[must_use]
    pub(crate) fn with_payload(mut self, payload: Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self.details {
            Details::Request(_) => Kind::Request,
            Details::Connected(_) => Kind::Connected,
            Details::Disconnected(_) => Kind::Disconnected,
            Details::Message(_) => Kind::Message,
            Details::Event(_) => Kind::Event,
            Details::Refused(_) => Kind::Refused,
            Details::Listener(_) => Kind::Listener,
            Details::Sender(_) => Kind::Sender,
            Details::RelayedRequest(_) => Kind::RelayedRequest,
            Details::Rendezvous(_) => Kind::Rendezvous,
            Details::Fault(_) => Kind::Fault,
            Details::Clock(_) => Kind::Clock,
        }
    }

    /// Whether it is about a group.
    pub(super) fn is_of_group(&self, group: &str) -> bool {
        let groups = match &self.details {
            Details::Connected(connected) => &*connected.groups,
            _ => &[],
        };
        self.group.iter().chain(groups).any(|of| of == group)
    }

    /// Returns the record as one line of JSON, without a line break.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers always serialise")
    }
}

/// Its line of JSON.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Object<'a> {
            id: u64,
            time: String,
            kind: Kind,
            service: Service,
            #[serde(skip_serializing_if = "Option::is_none")]
            hub: &'a Option<Text>,
            #[serde(skip_serializing_if = "Option::is_none")]
            entity: &'a Option<Text>,
            #[serde(skip_serializing_if = "Option::is_none")]
            group: &'a Option<Text>,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: &'a Option<Text>,
            #[serde(skip_serializing_if = "Option::is_none")]
            connection: &'a Option<Text>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tracking_id: &'a Option<Text>,
            #[serde(
                skip_serializing_if = "Option::is_none",
                serialize_with = "optional_seconds"
            )]
            took: Option<Duration>,
            #[serde(flatten)]
            details: &'a Details,
            #[serde(skip_serializing_if = "Option::is_none")]
            payload: &'a Option<Payload>,
        }

        Object {
            id: self.id,
            time: time(self.time),
            kind: self.kind(),
            service: self.service,
            hub: &self.hub,
            entity: &self.entity,
            group: &self.group,
            user: &self.user,
            connection: &self.connection,
            tracking_id: &self.tracking_id,
            took: self.took,
            details: &self.details,
            payload: &self.payload,
        }
        .serialize(serializer)
    }
}

fn time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}Z", timestamp(time), since.subsec_millis())
}
