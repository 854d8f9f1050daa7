//! What operators see of a client: its log and its counters. Shell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use auth::Secret;
use tracing::Span;
use transport::Message;

use super::Client;
use crate::protocol::ProtocolError;
use crate::session::Notice;
use crate::{ClientState, DialError, Error, Event, RequestError};

impl Client {
    /// Returns what the client has counted since it was built.
    ///
    /// The numbers are as of the last time that the client did anything; each is right, but they
    /// are not read at one instant.
    pub fn metrics(&self) -> ClientMetrics {
        let mut metrics = self.0.counters.read();
        metrics.waiting_requests += self.0.commands.len();
        metrics
    }
}

/// The counters of a client, for the metrics of an application.
///
/// Messages are those of the WebSocket, the subprotocol's own (acks, pings) among them; bytes are
/// those of their payloads, before compression and TLS.
///
/// ```no_run
/// # fn run(client: &azwire_pubsub::Client) {
/// let metrics = client.metrics();
/// println!("{} messages received, {} gaps", metrics.messages_received, metrics.gaps);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClientMetrics {
    /// Messages handed to a socket.
    pub messages_sent: u64,
    /// The bytes of those.
    pub bytes_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// The bytes of those.
    pub bytes_received: u64,
    /// New connections that replaced a lost one.
    pub reconnects: u64,
    /// Connections that were recovered after the loss of their socket.
    pub recoveries: u64,
    /// Gaps: how often messages may have been lost, see [`Event::Gap`].
    pub gaps: u64,
    /// Requests that wait now, to be sent or for their answer.
    pub waiting_requests: usize,
}

/// Where the driver, the only writer, leaves its counters.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; 8]);

impl Counters {
    fn write(&self, metrics: &ClientMetrics) {
        let values = [
            metrics.messages_sent,
            metrics.bytes_sent,
            metrics.messages_received,
            metrics.bytes_received,
            metrics.reconnects,
            metrics.recoveries,
            metrics.gaps,
            metrics.waiting_requests as u64,
        ];
        for (counter, value) in self.0.iter().zip(values) {
            counter.store(value, Ordering::Relaxed);
        }
    }

    fn read(&self) -> ClientMetrics {
        let [
            messages_sent,
            bytes_sent,
            messages_received,
            bytes_received,
            reconnects,
            recoveries,
            gaps,
            waiting,
        ] = self
            .0
            .each_ref()
            .map(|counter| counter.load(Ordering::Relaxed));
        ClientMetrics {
            messages_sent,
            bytes_sent,
            messages_received,
            bytes_received,
            reconnects,
            recoveries,
            gaps,
            waiting_requests: usize::try_from(waiting).unwrap_or(usize::MAX),
        }
    }
}

/// Watches the driver.
pub(super) struct Observer {
    counters: Arc<Counters>,
    metrics: ClientMetrics,
    span: Span,
    hub: Option<String>,
    /// Whether there was a connection since the start.
    has_connected: bool,
    lost_at: Option<Instant>,
}

impl Observer {
    pub(super) fn new() -> Self {
        Self {
            counters: Arc::default(),
            metrics: ClientMetrics::default(),
            span: Span::none(),
            hub: None,
            has_connected: false,
            lost_at: None,
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Runs what may log for this client in its span.
    pub(super) fn in_span<R>(&self, run: impl FnOnce() -> R) -> R {
        self.span.in_scope(run)
    }

    pub(super) fn handle_sent(&mut self, message: &Message) {
        if let Message::Text(_) | Message::Binary(_) = message {
            self.metrics.messages_sent += 1;
            self.metrics.bytes_sent += message.payload_len() as u64;
        }
    }

    pub(super) fn handle_received(&mut self, message: &Message) {
        if let Message::Text(_) | Message::Binary(_) = message {
            self.metrics.messages_received += 1;
            self.metrics.bytes_received += message.payload_len() as u64;
        }
    }

    /// Shows the counters.
    pub(super) fn show(&mut self, waiting_requests: usize) {
        self.metrics.waiting_requests = waiting_requests;
        self.counters.write(&self.metrics);
    }

    /// The credential gave a URL.
    pub(super) fn handle_url(&mut self, url: &Secret) {
        let hub = hub_of(url.expose());
        if hub.is_some() && self.hub.as_deref() != hub {
            self.hub = hub.map(ToOwned::to_owned);
            self.enter_connection(None, None);
        }
    }

    /// An attempt to open a socket failed.
    pub(super) fn handle_dial_failed(&self, state: ClientState, error: &Error) {
        let error: &dyn std::error::Error = error;
        self.in_span(|| match state {
            ClientState::Recovering => {
                tracing::warn!(target: TARGET, error, "an attempt to recover the connection failed");
            }
            // A failed start is returned, and other attempts are events.
            _ => tracing::debug!(target: TARGET, error, "not connected"),
        });
    }

    /// A part supplied by the application panicked.
    pub(super) fn handle_failure(&self, failure: &'static str) {
        self.in_span(|| tracing::error!(target: TARGET, failure, "the client has stopped"));
    }

    pub(super) fn handle_socket_lost(&self, error: &transport::Error) {
        let error: &dyn std::error::Error = error;
        self.in_span(|| tracing::debug!(target: TARGET, error, "connection lost"));
    }

    pub(super) fn handle_invalid(&self, error: &ProtocolError) {
        self.in_span(|| tracing::debug!(target: TARGET, %error, "received an invalid frame"));
    }

    /// A message without an answer was accepted and could not be sent.
    pub(super) fn handle_unsent(&self, error: &RequestError) {
        self.in_span(|| tracing::debug!(target: TARGET, %error, "a message was not sent"));
    }

    /// The session reports something. `cause` is the last error of the transport or the credential.
    pub(super) fn handle_notice(
        &mut self,
        now: Instant,
        notice: Notice,
        cause: impl FnOnce() -> Option<Arc<Error>>,
    ) {
        match notice {
            Notice::Event(Event::Connected {
                connection_id,
                user_id,
                replaces,
            }) => {
                let id = Some(&*connection_id).filter(|id| !id.is_empty());
                self.enter_connection(id, user_id.as_deref());
                self.handle_connected(now, replaces);
            }
            Notice::Event(event) => {
                let span = self.span.clone();
                span.in_scope(|| self.handle_event(now, &event, cause));
            }
            Notice::Unread { events, bytes } => self.in_span(|| {
                tracing::warn!(
                    target: TARGET,
                    unread_events = events,
                    unread_bytes = bytes,
                    "events are not being read; requests fail until they are"
                );
            }),
        }
    }

    fn handle_connected(&mut self, now: Instant, replaces: Option<String>) {
        let after = self.take_outage(now).map(tracing::field::debug);
        let was_connected = std::mem::replace(&mut self.has_connected, true);
        if was_connected {
            self.metrics.reconnects += 1;
        }
        self.in_span(|| {
            if was_connected {
                let replaces = replaces.filter(|id| !id.is_empty());
                tracing::info!(target: TARGET, after, replaces, "replaced");
            } else {
                tracing::info!(target: TARGET, "connected");
            }
        });
    }

    fn handle_event(
        &mut self,
        now: Instant,
        event: &Event,
        cause: impl FnOnce() -> Option<Arc<Error>>,
    ) {
        match event {
            Event::Recovering { .. } => {
                self.lost_at.get_or_insert(now);
                tracing::info!(target: TARGET, "connection lost, recovering it");
            }
            Event::Recovered { .. } => {
                self.metrics.recoveries += 1;
                let after = self.take_outage(now).map(tracing::field::debug);
                tracing::info!(target: TARGET, after, "recovered");
            }
            Event::Gap {
                last_sequence_id,
                next_sequence_id,
                ..
            } => {
                self.metrics.gaps += 1;
                tracing::warn!(target: TARGET, last_sequence_id, next_sequence_id, "messages may be missing");
            }
            Event::Disconnected {
                close_code, reason, ..
            } => {
                self.lost_at.get_or_insert(now);
                let close_code = close_code.map(|code| code.as_u16());
                tracing::info!(target: TARGET, close_code, reason, "disconnected");
            }
            Event::RejoinGroupFailed { group, error } => {
                tracing::warn!(target: TARGET, group = group.as_str(), %error, "a group was not rejoined");
            }
            Event::ReconnectFailed { attempts, error } => {
                let cause = cause().filter(|_| has_cause(error));
                let error: &dyn std::error::Error = match &cause {
                    Some(cause) => &**cause,
                    None => error,
                };
                tracing::warn!(target: TARGET, attempts, error, "an attempt to connect failed");
            }
            Event::Stopped => {
                self.lost_at = None;
                if std::mem::take(&mut self.has_connected) {
                    tracing::info!(target: TARGET, "stopped");
                }
            }
            _ => {}
        }
    }

    /// How long the client was without a connection, which it has again.
    fn take_outage(&mut self, now: Instant) -> Option<Duration> {
        let lost_at = self.lost_at.take()?;
        Some(now.saturating_duration_since(lost_at))
    }

    fn enter_connection(&mut self, connection_id: Option<&str>, user_id: Option<&str>) {
        self.span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "pubsub_client",
            hub = self.hub,
            connection_id,
            user_id,
        );
    }
}

/// Whether the driver knows more about the error than the session.
fn has_cause(error: &DialError) -> bool {
    matches!(
        error,
        DialError::Credential
            | DialError::Refused { .. }
            | DialError::Subprotocol
            | DialError::Transport
    )
}

/// The hub of a client access URL, whose path ends in `/client/hubs/{hub}`.
fn hub_of(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let (_, hub) = path.rsplit_once("/hubs/")?;
    Some(hub.trim_end_matches('/')).filter(|hub| !hub.is_empty() && !hub.contains('/'))
}

/// The target of the log, whatever the modules are called.
const TARGET: &str = "azwire_pubsub::client";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_is_read_from_the_path_and_never_from_the_query() {
        for (url, hub) in [
            ("wss://h/client/hubs/chat?access_token=t", Some("chat")),
            ("wss://h/p/client/hubs/chat/?access_token=t", Some("chat")),
            ("wss://h/clients/mqtt/hubs/chat#x", Some("chat")),
            ("wss://h/?access_token=/hubs/secret", None),
            ("wss://h/hubs/#/hubs/secret", None),
            ("wss://h/client/hubs/a/b", None),
            ("/hubs/", None),
        ] {
            assert_eq!(hub_of(url), hub, "{url}");
        }
    }
}
