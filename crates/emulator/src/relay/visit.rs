//! A request to Relay, from its arrival to its record in the journal.

use std::sync::Mutex;
use std::time::Instant;

use http::{HeaderMap, Request, Response, StatusCode, header};
use transport::_internal::lock;
use transport::{Body, ReasonPhrase};

use super::authorize::Denied;
use super::namespace::Namespace;
use super::tracking_id::{SUFFIX, Tracking};
use crate::journal::{
    self, Details, Payload, Record, Refused, RelayedRequest, Sender, Service, Text, Url,
};

/// What the journal will have of one request. It is recorded when it is answered, or when whoever
/// sent it is gone before. Nothing is kept while the journal is off.
pub(super) struct Visit<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) tracking: &'a Tracking,
    /// With the time at which it began.
    record: Mutex<Option<(Instant, Record)>>,
}

impl<'a> Visit<'a> {
    /// A sender that opens a WebSocket.
    pub(super) fn sender<B>(
        namespace: &'a Namespace,
        tracking: &'a Tracking,
        request: &Request<B>,
    ) -> Self {
        Self::new(namespace, tracking, || {
            Details::Sender(Sender {
                url: url(request),
                ..Sender::default()
            })
        })
    }

    /// A request to relay.
    pub(super) fn request<B>(
        namespace: &'a Namespace,
        tracking: &'a Tracking,
        request: &Request<B>,
    ) -> Self {
        Self::new(namespace, tracking, || {
            Details::RelayedRequest(RelayedRequest {
                method: request.method().as_str().into(),
                url: url(request),
                ..RelayedRequest::default()
            })
        })
    }

    /// A listener that opens its control channel. It is recorded here only if it is refused.
    pub(super) fn listener(namespace: &'a Namespace, tracking: &'a Tracking) -> Self {
        Self::new(namespace, tracking, || {
            Details::Listener(journal::Listener::default())
        })
    }

    /// A request to the service itself.
    pub(super) fn management<B>(
        namespace: &'a Namespace,
        tracking: &'a Tracking,
        request: &Request<B>,
    ) -> Self {
        Self::new(namespace, tracking, || {
            Details::Request(journal::Request {
                operation: Some("describe".into()),
                method: request.method().as_str().into(),
                url: url(request),
                ..journal::Request::default()
            })
        })
    }

    fn new(
        namespace: &'a Namespace,
        tracking: &'a Tracking,
        details: impl FnOnce() -> Details,
    ) -> Self {
        let record = namespace.journal.is_on().then(|| {
            let record = Record::new(Service::Relay, details())
                .with_connection(tracking.guid().to_string())
                .with_tracking_id(tracking.id());
            (namespace.runtime().now(), record)
        });
        Self {
            namespace,
            tracking,
            record: Mutex::new(record),
        }
    }

    /// Sets the hybrid connection.
    pub(super) fn set_entity(&self, key: &str) {
        self.note(|record| record.entity = Some(key.into()));
    }

    /// Sets the listener that was asked.
    pub(super) fn set_listener(&self, id: &str) {
        self.note(|record| match &mut record.details {
            Details::Sender(sender) => sender.listener = Some(id.into()),
            Details::RelayedRequest(request) => request.listener = Some(id.into()),
            _ => {}
        });
    }

    /// Notes that the request went over a rendezvous.
    pub(super) fn set_by_rendezvous(&self) {
        self.note(|record| {
            if let Details::RelayedRequest(request) = &mut record.details {
                request.is_by_rendezvous = true;
            }
        });
    }

    /// Sets the body of the request: so many bytes, of which these are the first.
    pub(super) fn set_payload(&self, headers: &HeaderMap, beginning: &[u8], length: u64) {
        if length > 0 {
            self.note(|record| record.payload = Some(payload(headers, beginning, length)));
        }
    }

    /// Sets the body of the response.
    pub(super) fn set_response(&self, headers: &HeaderMap, body: &[u8]) {
        self.note(|record| {
            if let Details::RelayedRequest(request) = &mut record.details
                && !body.is_empty()
            {
                request.response = Some(payload(headers, body, body.len() as u64));
            }
        });
    }

    /// Records a token that is refused.
    pub(super) fn refuse_token(&self, denied: Denied, operation: &'static str) {
        self.namespace.journal.record(|| {
            let rule = format!("{} ({})", denied.text(), denied.advice());
            let record = refused(
                denied.subject(),
                rule,
                Some(operation),
                StatusCode::UNAUTHORIZED,
            );
            self.complete(record)
        });
    }

    /// Records the answer: the listener's, or that of the relay.
    pub(super) fn end(&self, answer: &Result<Response<Body>, Response<Body>>) {
        let (response, is_refusal) = match answer {
            Ok(response) => (response, false),
            Err(response) => (response, true),
        };
        if self.is_of_listener() && (!is_refusal || response.status() == StatusCode::UNAUTHORIZED) {
            // It has a record of its own.
            lock(&self.record).take();
            return;
        }
        self.push(|record| {
            let status = Some(response.status().as_u16());
            let error = || refusal(response).map(Text::from);
            let error = is_refusal.then(error).flatten();
            match &mut record.details {
                Details::Sender(sender) => (sender.status, sender.error) = (status, error),
                Details::RelayedRequest(request) => {
                    (request.status, request.error) = (status, error);
                }
                Details::Request(request) => {
                    request.status = response.status().as_u16();
                    request.error = error;
                }
                Details::Listener(_) => {
                    let rule = error.unwrap_or_default();
                    let own = refused("listener", rule, Some("listen"), response.status());
                    record.details = own.details;
                }
                _ => {}
            }
        });
    }

    fn is_of_listener(&self) -> bool {
        let record = lock(&self.record);
        let details = record.as_ref().map(|(_, record)| &record.details);
        matches!(details, Some(Details::Listener(_)))
    }

    fn push(&self, complete: impl FnOnce(&mut Record)) {
        if let Some((began, mut record)) = lock(&self.record).take() {
            let now = self.namespace.runtime().now();
            record.took = Some(now.saturating_duration_since(began));
            complete(&mut record);
            self.namespace.journal.record(|| record);
        }
    }

    fn note(&self, change: impl FnOnce(&mut Record)) {
        if let Some((_, record)) = &mut *lock(&self.record) {
            change(record);
        }
    }

    /// Adds to a record what that of the visit has.
    fn complete(&self, record: Record) -> Record {
        let mut record = record
            .with_connection(self.tracking.guid().to_string())
            .with_tracking_id(self.tracking.id());
        self.note(|own| record.entity.clone_from(&own.entity));
        record
    }
}

impl Drop for Visit<'_> {
    /// Whoever sent the request is gone.
    fn drop(&mut self) {
        self.push(|record| {
            let error = Some("The sender is gone.".into());
            match &mut record.details {
                Details::Sender(sender) => sender.error = error,
                Details::RelayedRequest(request) => request.error = error,
                _ => {}
            }
        });
    }
}

/// Returns the record of a rule that was broken.
pub(super) fn refused(
    subject: &str,
    rule: impl Into<Text>,
    operation: Option<&str>,
    status: impl Into<Option<StatusCode>>,
) -> Record {
    let refused = Refused {
        subject: subject.into(),
        rule: rule.into(),
        operation: operation.map(Text::from),
        url: None,
        status: status.into().map(|status| status.as_u16()),
    };
    Record::new(Service::Relay, Details::Refused(refused))
}

fn url<B>(request: &Request<B>) -> Url {
    Url::stripped(&request.uri().to_string())
}

fn payload(headers: &HeaderMap, beginning: &[u8], length: u64) -> Payload {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    let media_type = media_type.unwrap_or("binary").trim();
    Payload::beginning(media_type, beginning, length)
}

/// Returns the text of a refusal, without what tracks the request.
fn refusal(response: &Response<Body>) -> Option<&str> {
    let reason: &ReasonPhrase = response.extensions().get()?;
    let text = reason.as_str();
    Some(text.split(SUFFIX).next().unwrap_or(text))
}
