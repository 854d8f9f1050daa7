//! One call of an event handler: validation, attempts, and their records. Shell.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, Request, StatusCode, Uri};
use transport::net::{Connector, HyperClient};
use transport::{Body, HttpClient, SharedHttpClient};

use super::outcome::{Answer, CallError, Failure};
use super::request::{Head, Kind};
use super::{EventHandlers, recording, request};
use crate::config::EventHandlerConfig;
use crate::journal::{Headers, Payload, Record};

/// An event for a handler.
pub(super) struct Call<'a> {
    pub(super) handler: &'a EventHandlerConfig,
    pub(super) uri: &'a Uri,
    pub(super) head: &'a Head<'a>,
    pub(super) kind: Kind<'a>,
    pub(super) content_type: &'static str,
    /// Further headers.
    pub(super) extra: &'a HeaderMap,
    pub(super) body: Bytes,
    /// What the journal has of the body, if it is not its beginning.
    pub(super) shown: Option<Payload>,
}

impl Call<'_> {
    /// Adds what all records of the call have.
    fn complete(&self, record: Record) -> Record {
        let shown = self.shown.clone();
        let payload =
            shown.unwrap_or_else(|| recording::payload(Some(self.content_type), &self.body));
        record
            .with_hub(self.head.hub.to_ascii_lowercase())
            .with_connection(self.head.connection_id)
            .with_user(self.head.user_id)
            .with_payload(payload)
    }
}

impl EventHandlers {
    /// Calls a handler after validating it, with retries where they may help.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Answer, CallError> {
        let (handler, head) = (call.handler, call.head);
        let event = Some(call.kind.name());
        let origin = self.origin.get().map_or("localhost", String::as_str);
        let asked = handler.url_for(head.hub, "validate");
        let validated = self.validations.check(self, handler, asked, origin);
        let unsent = |error: CallError| {
            self.journal.record(|| {
                let attempt = recording::Attempt::first(event, call.uri);
                call.complete(attempt.failed(&error))
            });
            error
        };
        validated.await.map_err(unsent)?;
        let signature = request::signature(&self.signers, head.connection_id);
        let mut waits = RETRIES.iter();
        let mut number = 0;
        loop {
            number += 1;
            let request = head
                .to_request(call.uri, call.kind, origin, &signature, self.clock.wall())
                .map(|mut request| {
                    request.headers_mut().extend(call.extra.clone());
                    request::set_body(&mut request, call.content_type, call.body.clone());
                    request
                });
            let request = request.ok_or("the event cannot be expressed as a request");
            let request = request.map_err(|error| unsent(error.into()))?;
            let attempt = self.journal.is_on().then(|| {
                let attempt = recording::Attempt {
                    event,
                    url: call.uri,
                    number,
                    headers: Headers::stripped(request.headers()),
                };
                (self.runtime.now(), attempt)
            });
            let outcome = self.exchange(handler, request, CALL_TIMEOUT).await;
            let may_help = match &outcome {
                Ok((status, ..)) => {
                    *status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
                }
                Err(failure) => *failure == Failure::Network,
            };
            let wait = waits.next().filter(|_| may_help);
            if let Some((began, attempt)) = attempt {
                self.record(began, || {
                    call.complete(attempt.ended(&outcome, wait.is_some()))
                });
            }
            match wait {
                Some(wait) => self.clock.wait_until(self.clock.after(*wait)).await,
                None => return outcome.map_err(|failure| failure.as_str().into()),
            }
        }
    }

    /// Records something that took until now.
    pub(super) fn record(&self, began: Instant, make: impl FnOnce() -> Record) {
        self.journal.record(|| {
            let took = self.runtime.now().saturating_duration_since(began);
            make().with_took(took)
        });
    }

    /// Sends one request and reads its whole response.
    pub(super) async fn exchange(
        &self,
        handler: &EventHandlerConfig,
        request: Request<Body>,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let sent = async {
            match &handler.in_process {
                Some(in_process) => in_process.send(request).await,
                None => self.client().send(request).await,
            }
        };
        let answered = std::pin::pin!(async {
            let response = sent.await.map_err(|error| {
                tracing::debug!(%error, "failed to reach the event handler");
                Failure::Network
            })?;
            let (parts, body) = response.into_parts();
            let body = body
                .collect(MAX_ANSWER)
                .await
                .map_err(|error| match error.kind() {
                    transport::ErrorKind::TooLarge => Failure::TooLarge,
                    _ => Failure::Network,
                })?;
            Ok((parts.status, parts.headers, body))
        });
        let late = self.clock.wait_until(self.clock.after(timeout));
        match select(answered, std::pin::pin!(late)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Failure::Timeout),
        }
    }

    /// Returns the client for handlers elsewhere.
    fn client(&self) -> &SharedHttpClient {
        self.client.get_or_init(|| {
            // Handlers are the developer's own programs, mostly without TLS.
            let connector = Connector::builder()
                .allow_plain_text()
                .runtime(self.runtime.clone())
                .build();
            SharedHttpClient::new(HyperClient::new(connector))
        })
    }
}

/// The delays after a 408, a status of 500 or above, or a network failure.
const RETRIES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
const CALL_TIMEOUT: Duration = Duration::from_secs(100);
/// 16 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
