//! Which records a reader wants. Pure.

use super::kind::{Kind, Service};
use super::record::Record;

/// Which records a reader wants: those that fit all that is set; by default all.
///
/// ```
/// use azwire_emulator::journal::{Filter, Kind};
///
/// let sent = Filter::default()
///     .with_kind(Kind::Request)
///     .with_hub("chat")
///     .with_group("room-7")
///     .with_text("hello");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    kinds: Vec<Kind>,
    service: Option<Service>,
    hub: Option<String>,
    entity: Option<String>,
    group: Option<String>,
    user: Option<String>,
    connection: Option<String>,
    /// Without ASCII letters in upper case.
    text: Option<String>,
    after: u64,
}

impl Filter {
    /// Wants records of this kind; called again, of the one or the other. Default: of all kinds.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        self
    }

    /// Wants records of this service only.
    #[must_use]
    pub fn with_service(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    /// Wants records of this hub only, compared without case.
    #[must_use]
    pub fn with_hub(mut self, hub: impl Into<String>) -> Self {
        self.hub = Some(hub.into());
        self
    }

    /// Wants records of this hybrid connection only, compared without case.
    #[must_use]
    pub fn with_entity(mut self, entity: impl Into<String>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    /// Wants records of this group only, and of clients that connected with it.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Wants records of this user only.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Wants records of this connection only: that of a Web PubSub client, of a Relay listener or
    /// of a sender.
    #[must_use]
    pub fn with_connection(mut self, connection: impl Into<String>) -> Self {
        self.connection = Some(connection.into());
        self
    }

    /// Wants records that contain this text in the preview of a payload, a name, an id, an
    /// address, a reason or an error. ASCII letters are compared without case.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        self.text = Some(text.to_ascii_lowercase());
        self
    }

    /// Wants records that came after the one with this [id](Record::id) only. A test that waits for
    /// a second thing of the same sort passes the id of the first.
    #[must_use]
    pub fn with_after(mut self, id: u64) -> Self {
        self.after = id;
        self
    }

    /// Whether a record fits.
    pub fn matches(&self, record: &Record) -> bool {
        let Self {
            kinds,
            service,
            hub,
            entity,
            group,
            user,
            connection,
            text,
            after,
        } = self;
        record.id > *after
            && (kinds.is_empty() || kinds.contains(&record.kind()))
            && service.is_none_or(|service| record.service == service)
            && is_without_case(hub.as_deref(), record.hub.as_deref())
            && is_without_case(entity.as_deref(), record.entity.as_deref())
            && group.as_deref().is_none_or(|group| record.is_of_group(group))
            && is(user.as_deref(), record.user.as_deref())
            && is(connection.as_deref(), record.connection.as_deref())
            // The most expensive last.
            && text.as_deref().is_none_or(|text| record.contains(text))
    }

    pub(super) fn after(&self) -> u64 {
        self.after
    }
}

fn is(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none() || wanted == found
}

fn is_without_case(wanted: Option<&str>, found: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::details::{Clock, Connected, Details, Message};
    use super::super::payload::Payload;
    use super::*;

    fn message() -> Record {
        let message = Message {
            operation: "sendToGroup".into(),
            ..Message::default()
        };
        let mut record = Record::new(Service::PubSub, Details::Message(message))
            .with_hub("Chat")
            .with_group("room")
            .with_user(Some("ann"))
            .with_connection("c1")
            .with_payload(Payload::of("text", b"Hello"));
        record.id = 7;
        record
    }

    #[test]
    fn every_part_must_fit() {
        let all = Filter::default()
            .with_kind(Kind::Fault)
            .with_kind(Kind::Message)
            .with_service(Service::PubSub)
            .with_hub("cHAT")
            .with_group("room")
            .with_user("ann")
            .with_connection("c1")
            .with_text("hell")
            .with_after(6);
        assert!(all.matches(&message()));
        assert!(Filter::default().matches(&message()));
        for wrong in [
            Filter::default().with_kind(Kind::Fault),
            Filter::default().with_service(Service::Relay),
            Filter::default().with_hub("chats"),
            Filter::default().with_entity("Chat"),
            Filter::default().with_group("Room"),
            Filter::default().with_user("Ann"),
            Filter::default().with_connection("c"),
            Filter::default().with_text("hello!"),
            Filter::default().with_after(7),
            all.with_user(""),
        ] {
            assert!(!wrong.matches(&message()), "{wrong:?}");
        }
    }

    #[test]
    fn a_text_is_found_in_any_case_of_ascii_letters() {
        let payload = Payload::of("text", "Grüße, ÄRGER und ID".as_bytes());
        let details = Details::Clock(Clock::default());
        let mut record = Record::new(Service::Emulator, details).with_payload(payload);
        record.id = 1;
        let found = |text: &str| Filter::default().with_text(text).matches(&record);
        for text in ["GRüßE", "ÄRger", " id", "ID", ""] {
            assert!(found(text), "{text}");
        }
        for text in ["GRÜSSE", "ärger", "id ", "TEXT und"] {
            assert!(!found(text), "{text}");
        }
    }

    /// Compared place by place, these texts would keep a thread for minutes.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "it is real time that must not pass"
    )]
    fn a_text_that_nearly_fits_everywhere_costs_no_more_than_another() {
        let payload = Payload::of("text", &[b'a'; Payload::MAX_PREVIEW]);
        let details = Details::Clock(Clock::default());
        let mut record = Record::new(Service::Emulator, details).with_payload(payload);
        record.id = 1;
        let filter = Filter::default().with_text("a".repeat(2000) + "b");
        let begun = Instant::now();
        // As many as the journal may have.
        for _ in 0..4000 {
            assert!(!filter.matches(&record));
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn what_a_record_does_not_have_is_not_what_was_asked_for() {
        let clock = Record::new(Service::Emulator, Details::Clock(Clock::default()));
        for wrong in [
            Filter::default().with_hub(""),
            Filter::default().with_entity(""),
            Filter::default().with_group(""),
            Filter::default().with_user(""),
            Filter::default().with_connection(""),
        ] {
            assert!(!wrong.matches(&clock), "{wrong:?}");
        }
    }

    #[test]
    fn a_client_that_connects_into_groups_is_of_each() {
        let connected = Connected {
            groups: vec!["a".into(), "b".into()],
            ..Connected::default()
        };
        let mut record = Record::new(Service::PubSub, Details::Connected(connected));
        record.id = 1;
        for (group, fits) in [("a", true), ("b", true), ("c", false)] {
            assert_eq!(Filter::default().with_group(group).matches(&record), fits);
        }
    }
}
