//! All texts of a record: what a search looks at, and what a record weighs. Pure.

use super::details::{
    Clock, Connected, Details, Disconnected, Event, Fault, Listener, Message, Refused,
    RelayedRequest, Rendezvous, Request, Sender,
};
use super::payload::Payload;
use super::record::Record;
use super::text::{Headers, Text};

impl Record {
    /// Whether a text of the record, or the preview of a payload, contains `text` in any case of
    /// ASCII letters. `text` has none in upper case.
    pub(super) fn contains(&self, text: &str) -> bool {
        let (mut is_found, mut lower) = (false, String::new());
        self.visit(&mut |part| {
            // What is shorter needs no look.
            let searched = part.searched().filter(|it| it.len() >= text.len());
            let Some(searched) = searched.filter(|_| !is_found) else {
                return;
            };
            lower.clear();
            lower.push_str(searched);
            lower.make_ascii_lowercase();
            // Its time is linear, whatever the two have: a look at the whole journal must not
            // keep others from a thread.
            is_found = lower.contains(text);
        });
        is_found
    }

    /// Returns how many bytes of memory it takes, more rather than less.
    pub(super) fn size(&self) -> usize {
        let mut size = size_of::<Self>() + ENTRY;
        self.visit(&mut |part| size += part.size());
        size
    }

    /// Shows every part that has memory of its own.
    ///
    /// Each struct is taken apart as a whole, so that none of its fields can be forgotten.
    fn visit(&self, see: &mut dyn FnMut(Part<'_>)) {
        let Self {
            id: _,
            time: _,
            service: _,
            hub,
            entity,
            group,
            user,
            connection,
            tracking_id,
            took: _,
            payload,
            details,
        } = self;
        let texts = [hub, entity, group, user, connection, tracking_id];
        all(texts.into_iter().flatten(), see);
        payload.iter().for_each(|it| see(Part::Payload(it)));
        match details {
            Details::Request(it) => {
                let Request {
                    operation,
                    method,
                    url,
                    status: _,
                    error,
                    receivers: _,
                } = it;
                all(
                    [method, url.text()]
                        .into_iter()
                        .chain(operation)
                        .chain(error),
                    see,
                );
            }
            Details::Connected(it) => {
                let Connected {
                    subprotocol,
                    groups,
                    roles,
                    is_recovered: _,
                } = it;
                all(subprotocol.iter().chain(groups).chain(roles), see);
            }
            Details::Disconnected(it) => {
                let Disconnected {
                    code: _,
                    reason,
                    ended_by: _,
                    may_recover: _,
                } = it;
                all(reason, see);
            }
            Details::Message(it) => {
                let Message {
                    operation,
                    event,
                    ack_id: _,
                    error,
                    receivers: _,
                } = it;
                all([operation].into_iter().chain(event).chain(error), see);
            }
            Details::Event(it) => {
                let Event {
                    event,
                    url,
                    attempt: _,
                    headers,
                    status: _,
                    response,
                    state,
                    error,
                    will_retry: _,
                } = it;
                all(
                    [url.text()]
                        .into_iter()
                        .chain(event)
                        .chain(state)
                        .chain(error),
                    see,
                );
                see(Part::Headers(headers));
                response.iter().for_each(|it| see(Part::Payload(it)));
            }
            Details::Refused(it) => {
                let Refused {
                    subject,
                    rule,
                    operation,
                    url,
                    status: _,
                } = it;
                let url = url.as_ref().map(|url| url.text());
                all([subject, rule].into_iter().chain(operation).chain(url), see);
            }
            Details::Listener(it) => {
                let Listener {
                    action: _,
                    code: _,
                    reason,
                    ended_by: _,
                } = it;
                all(reason, see);
            }
            Details::Sender(it) => {
                let Sender {
                    url,
                    status: _,
                    error,
                    listener,
                } = it;
                all([url.text()].into_iter().chain(error).chain(listener), see);
            }
            Details::RelayedRequest(it) => {
                let RelayedRequest {
                    method,
                    url,
                    status: _,
                    error,
                    listener,
                    is_by_rendezvous: _,
                    response,
                } = it;
                all(
                    [method, url.text()]
                        .into_iter()
                        .chain(error)
                        .chain(listener),
                    see,
                );
                response.iter().for_each(|it| see(Part::Payload(it)));
            }
            Details::Rendezvous(it) => {
                let Rendezvous {
                    action: _,
                    listener,
                    status: _,
                    code: _,
                    reason,
                    ended_by: _,
                    bytes_to_listener: _,
                    bytes_to_sender: _,
                } = it;
                all(listener.iter().chain(reason), see);
            }
            Details::Fault(it) => {
                let Fault { fault, at, rule: _ } = it;
                all([fault, at], see);
            }
            Details::Clock(it) => {
                let Clock {
                    action: _,
                    by: _,
                    offset: _,
                    is_held: _,
                } = it;
            }
        }
    }
}

/// A part of a record that has memory of its own.
enum Part<'a> {
    Text(&'a Text),
    Payload(&'a Payload),
    Headers(&'a Headers),
}

impl Part<'_> {
    /// Returns the text that a search looks at. Headers are not searched: they repeat what the
    /// record says.
    fn searched(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Payload(payload) => payload.text(),
            Self::Headers(_) => None,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + ALLOCATION,
            Self::Payload(payload) => payload.size(),
            Self::Headers(headers) => {
                let values = headers.iter().map(|(name, value)| name.len() + value.len());
                values.map(|bytes| bytes + HEADER).sum()
            }
        }
    }
}

fn all<'a>(texts: impl IntoIterator<Item = &'a Text>, see: &mut dyn FnMut(Part<'_>)) {
    texts.into_iter().for_each(|text| see(Part::Text(text)));
}

/// What an allocation costs beside its bytes, counters included; and what a list of texts needs
/// for each.
const ALLOCATION: usize = 48;
/// What a header needs in its list, and its allocations.
const HEADER: usize = 144;
/// The place in the ring, which may have twice as many as there are records, and the counters.
const ENTRY: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::kind::Service;
    use super::super::text::Url;
    use super::*;

    #[test]
    fn a_search_looks_at_every_text_and_payload() {
        let event = Event {
            event: Some("Shout".into()),
            url: Url::stripped("http://h/x?code=pass"),
            response: Some(Payload::of("text", b"an answer")),
            ..Event::default()
        };
        let record = Record::new(Service::PubSub, Details::Event(event))
            .with_hub("chat")
            .with_user(Some("ann"))
            .with_payload(Payload::of("json", br#"{"a":"Hello"}"#));
        for (text, is_found) in [
            ("", true),
            ("shout", true),
            ("hello", true),
            (r#""a""#, true),
            ("an answer", true),
            ("chat", true),
            ("ann", true),
            ("redacted", true),
            ("pass", false),
            ("nothing", false),
        ] {
            assert_eq!(record.contains(text), is_found, "{text}");
        }
    }

    #[test]
    fn what_is_longer_weighs_more() {
        let listener = |reason: &str| {
            let listener = Listener {
                reason: Some(reason.into()),
                ..Listener::default()
            };
            Record::new(Service::Relay, Details::Listener(listener)).size()
        };
        assert_eq!(listener(&"x".repeat(1000)), listener("") + 1000);
        let bare = Record::new(Service::Relay, Details::Clock(Clock::default()));
        let size = bare.size();
        let long = bare.with_payload(Payload::of("text", &[b'x'; 9000]));
        assert!(long.size() >= size + Payload::MAX_PREVIEW);
    }
}
