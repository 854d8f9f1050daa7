//! What the journal has of the calls of event handlers. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};

use super::answer::connection_state;
use super::outcome::{Answer, Failure};
use crate::journal::{Details, Event, Headers, Payload, Record, Service, Text, Url};

/// One request to an event handler.
pub(super) struct Attempt<'a> {
    /// `None` for the question whether it accepts events.
    pub(super) event: Option<&'a str>,
    pub(super) url: &'a Uri,
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) headers: Headers,
}

impl<'a> Attempt<'a> {
    /// The first one, which was not sent.
    pub(super) fn first(event: Option<&'a str>, url: &'a Uri) -> Self {
        Self {
            event,
            url,
            number: 1,
            headers: Headers::default(),
        }
    }

    /// Returns its record, when there is a response or none comes.
    pub(super) fn ended(self, outcome: &Result<Answer, Failure>, will_retry: bool) -> Record {
        let mut event = self.event();
        event.will_retry = will_retry;
        match outcome {
            Ok((status, headers, body)) => {
                let content_type = headers.get(CONTENT_TYPE);
                let content_type = content_type.and_then(|value| value.to_str().ok());
                event.status = Some(status.as_u16());
                event.response = (!body.is_empty()).then(|| payload(content_type, body));
                event.state = new_state(*status, headers);
            }
            Err(failure) => event.error = Some(failure.as_str().into()),
        }
        Record::new(Service::PubSub, Details::Event(event))
    }

    /// Returns its record, if it failed before there was a response.
    pub(super) fn failed(self, error: &str) -> Record {
        let mut event = self.event();
        event.error = Some(error.into());
        Record::new(Service::PubSub, Details::Event(event))
    }

    fn event(self) -> Event {
        Event {
            event: self.event.map(Text::from),
            url: Url::stripped(&self.url.to_string()),
            attempt: self.number,
            headers: self.headers,
            ..Event::default()
        }
    }
}

/// Returns what the journal keeps of a body.
pub(super) fn payload(content_type: Option<&str>, body: &[u8]) -> Payload {
    let media_type = content_type.and_then(|value| value.split(';').next());
    Payload::of(media_type.unwrap_or_default().trim(), body)
}

/// Returns the state that a response sets: decoded if it is in base64, as those of the official
/// SDKs are.
fn new_state(status: StatusCode, headers: &HeaderMap) -> Option<Text> {
    let state = connection_state(headers).filter(|_| status.is_success())?;
    let decoded = STANDARD.decode(state.as_bytes()).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    Some(match decoded {
        Some(text) => text.into(),
        None => Text::from(&*String::from_utf8_lossy(state.as_bytes())),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn states_are_shown_decoded_and_only_those_that_count() {
        let state = |status, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("ce-connectionstate", HeaderValue::from_static(value));
            new_state(status, &headers).map(|state| state.to_string())
        };
        let ok = StatusCode::OK;
        assert_eq!(state(ok, "eyJhIjoxfQ==").as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(state(ok, "plain text").as_deref(), Some("plain text"));
        assert_eq!(state(ok, "/w==").as_deref(), Some("/w=="));
        assert_eq!(state(StatusCode::BAD_REQUEST, "eyJhIjoxfQ=="), None);
        assert_eq!(new_state(ok, &HeaderMap::new()), None);
    }
}
