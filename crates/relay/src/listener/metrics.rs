//! The counters of a listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use transport::Message;

use super::permit::{Permit, Permits};
use super::{Listener, ListenerHandle};

impl Listener {
    /// Returns what the listener has counted since it was opened.
    ///
    /// Each number is right, but they are not read at one instant.
    pub fn metrics(&self) -> ListenerMetrics {
        self.handle.metrics()
    }
}

impl ListenerHandle {
    /// See [`Listener::metrics`]. The counters remain after the listener has ended.
    pub fn metrics(&self) -> ListenerMetrics {
        self.counters.read()
    }
}

/// The counters of a listener, for the metrics of an application.
///
/// A sender's connection counts once: as accepted, rejected or missed. So does an HTTP
/// request: as answered, rejected or failed. What is transferred over accepted connections
/// is not counted.
///
/// ```no_run
/// # fn run(listener: &azwire_relay::Listener) {
/// let metrics = listener.metrics();
/// println!("{} senders accepted, {} rejected", metrics.connections_accepted, metrics.connections_rejected);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ListenerMetrics {
    /// Connections that were accepted.
    pub connections_accepted: u64,
    /// Connections that were rejected: by the application, by being dropped, or because too
    /// many were waiting.
    pub connections_rejected: u64,
    /// Connections whose sender was gone, or out of time, when it was to be accepted, and
    /// those that the relay announced with an address that must not be followed.
    pub connections_missed: u64,
    /// Connections that wait now to be accepted or rejected.
    pub waiting_connections: usize,
    /// HTTP requests for which the handler's response, whatever its status, was handed to a
    /// socket.
    pub requests_answered: u64,
    /// HTTP requests that were refused because too many were being answered.
    pub requests_rejected: u64,
    /// HTTP requests whose handler panicked or was too slow, whose response could not be
    /// sent as a whole, and those that the sender or the relay gave up.
    pub requests_failed: u64,
    /// HTTP requests that are being answered now.
    pub running_requests: usize,
    /// How often the control channel was opened again after a loss.
    pub reconnects: u64,
    /// How often the token was renewed on an open control channel.
    pub token_renewals: u64,
    /// Messages sent on the control channel: responses, their bodies, and tokens.
    pub control_messages_sent: u64,
    /// The bytes of those.
    pub control_bytes_sent: u64,
    /// Messages received on the control channel: commands, and bodies of requests.
    pub control_messages_received: u64,
    /// The bytes of those.
    pub control_bytes_received: u64,
}

/// The counters, as shared by all parts of a listener.
#[derive(Debug)]
pub(super) struct Counters {
    /// Held by the connections that are not accepted or rejected yet.
    pub(super) pending: Permits,
    /// Held by the requests that are being answered.
    pub(super) requests: Permits,
    pub(super) connections_accepted: Counter,
    pub(super) connections_rejected: Counter,
    pub(super) connections_missed: Counter,
    pub(super) requests_answered: Counter,
    pub(super) requests_rejected: Counter,
    pub(super) requests_failed: Counter,
    pub(super) reconnects: Counter,
    pub(super) token_renewals: Counter,
    sent: Traffic,
    received: Traffic,
}

impl Counters {
    pub(super) fn new(max_pending: usize, max_requests: usize) -> Self {
        Self {
            pending: Permits::new(max_pending),
            requests: Permits::new(max_requests),
            connections_accepted: Counter::default(),
            connections_rejected: Counter::default(),
            connections_missed: Counter::default(),
            requests_answered: Counter::default(),
            requests_rejected: Counter::default(),
            requests_failed: Counter::default(),
            reconnects: Counter::default(),
            token_renewals: Counter::default(),
            sent: Traffic::default(),
            received: Traffic::default(),
        }
    }

    pub(super) fn handle_sent(&self, message: &Message) {
        self.sent.add(message);
    }

    pub(super) fn handle_received(&self, message: &Message) {
        self.received.add(message);
    }

    fn read(&self) -> ListenerMetrics {
        ListenerMetrics {
            connections_accepted: self.connections_accepted.get(),
            connections_rejected: self.connections_rejected.get(),
            connections_missed: self.connections_missed.get(),
            waiting_connections: self.pending.taken(),
            requests_answered: self.requests_answered.get(),
            requests_rejected: self.requests_rejected.get(),
            requests_failed: self.requests_failed.get(),
            running_requests: self.requests.taken(),
            reconnects: self.reconnects.get(),
            token_renewals: self.token_renewals.get(),
            control_messages_sent: self.sent.messages.get(),
            control_bytes_sent: self.sent.bytes.get(),
            control_messages_received: self.received.messages.get(),
            control_bytes_received: self.received.bytes.get(),
        }
    }
}

/// One counter. Its number is nothing that other memory depends on.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Sets a counter that has one writer.
    pub(super) fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Traffic {
    messages: Counter,
    bytes: Counter,
}

impl Traffic {
    fn add(&self, message: &Message) {
        if let Message::Text(_) | Message::Binary(_) = message {
            self.messages.add(1);
            self.bytes.add(message.payload_len() as u64);
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct RunningRequest {
    pub(super) permit: Permit,
    pub(super) record: RequestRecord,
}

impl RunningRequest {
    /// Returns a request, if one more may be answered.
    pub(super) fn take(counters: &Arc<Counters>) -> Option<Self> {
        let permit = counters.requests.take()?;
        let record = RequestRecord::new(counters);
        Some(Self { permit, record })
    }
}

/// What becomes of a request, counted once: it has failed, unless it was answered.
#[derive(Debug)]
pub(super) struct RequestRecord(Option<Arc<Counters>>);

impl RequestRecord {
    pub(super) fn new(counters: &Arc<Counters>) -> Self {
        Self(Some(Arc::clone(counters)))
    }

    /// The handler's response was handed to a socket.
    pub(super) fn answered(mut self) {
        self.count(|counters| &counters.requests_answered);
    }

    /// The sender is told that there are too many requests.
    pub(super) fn rejected(mut self) {
        self.count(|counters| &counters.requests_rejected);
    }

    /// The response that follows is not the handler's.
    pub(super) fn fail(&mut self) {
        self.count(|counters| &counters.requests_failed);
    }

    fn count(&mut self, counter: fn(&Counters) -> &Counter) {
        if let Some(counters) = self.0.take() {
            counter(&counters).add(1);
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.fail();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_and_gives_its_permit_back() {
        let counters = Arc::new(Counters::new(1, 2));
        let counted = || {
            let metrics = counters.read();
            (
                metrics.requests_answered,
                metrics.requests_rejected,
                metrics.requests_failed,
                metrics.running_requests,
            )
        };
        let lost = RunningRequest::take(&counters).unwrap();
        let RunningRequest { permit, record } = RunningRequest::take(&counters).unwrap();
        assert!(RunningRequest::take(&counters).is_none());
        record.answered();
        assert_eq!(counted(), (1, 0, 0, 2));
        drop((lost, permit));
        assert_eq!(counted(), (1, 0, 1, 0));
        let mut failed = RequestRecord::new(&counters);
        failed.fail();
        failed.answered();
        RequestRecord::new(&counters).rejected();
        assert_eq!(counted(), (1, 1, 2, 0));
    }
}
