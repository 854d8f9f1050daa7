//! Deadlines: sessions whose client did not recover, idle streams, and
//! acknowledgements that a fault delays. One task serves all connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures::future::select;
use pubsub::protocol::DownstreamMessage;

use super::Service;
use super::ending::Ending;

/// Work that is due at some time.
#[derive(Debug)]
pub(super) enum Deadline {
    /// An acknowledgement that a fault has delayed.
    Ack {
        hub: Arc<str>,
        id: Arc<str>,
        ack: DownstreamMessage,
    },
    /// The end of a session whose client has not recovered.
    Recovery {
        hub: Arc<str>,
        id: Arc<str>,
        loss: u64,
    },
    /// The end of a stream whose publisher is idle.
    Stream {
        hub: Arc<str>,
        id: Arc<str>,
        stream_id: String,
        number: u64,
    },
}

/// The key of a deadline among all others.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct TimerKey(Instant, u64);

/// All deadlines, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    due: BTreeMap<TimerKey, Deadline>,
    counter: u64,
    is_earlier: bool,
}

impl Deadlines {
    pub(super) fn add(&mut self, at: Instant, deadline: Deadline) -> TimerKey {
        self.counter += 1;
        self.is_earlier |= self.next().is_none_or(|next| at < next);
        let key = TimerKey(at, self.counter);
        self.due.insert(key, deadline);
        key
    }

    pub(super) fn cancel(&mut self, key: TimerKey) {
        self.due.remove(&key);
    }

    /// Returns whether a new earliest deadline was added since the last call.
    pub(super) fn take_earlier(&mut self) -> bool {
        std::mem::take(&mut self.is_earlier)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(key, _)| key.0)
    }

    pub(super) fn pop(&mut self, now: Instant) -> Option<Deadline> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

impl Service {
    /// Performs what is due, forever.
    pub(super) async fn run_timers(self: &Arc<Self>) {
        loop {
            let next = self.hubs().deadlines.next();
            let rearmed = std::pin::pin!(self.rearmed.notified());
            match next {
                Some(at) => {
                    select(std::pin::pin!(self.clock.reaches(at)), rearmed).await;
                }
                None => rearmed.await,
            }
            let now = self.clock.instant();
            loop {
                let due = self.hubs().deadlines.pop(now);
                match due {
                    Some(due) => self.fire(due),
                    None => break,
                }
            }
        }
    }

    fn fire(self: &Arc<Self>, due: Deadline) {
        match due {
            Deadline::Ack { hub, id, ack } => {
                self.with_hub(&hub, |hub_lock| hub_lock.reply(&id, &ack))
            }
            Deadline::Recovery { hub, id, loss } => self.with_hub(&hub, |hub_lock| {
                let connection = hub_lock.hub.connection(&id);
                if connection.is_some_and(|connection| connection.lost == Some(loss)) {
                    let ending = Ending::lost("NotRecovered");
                    hub_lock.hub.remove(&id, ending, hub_lock.now);
                }
            }),
            Deadline::Stream {
                hub,
                id,
                stream_id,
                number,
            } => self.with_hub(&hub, |hub_lock| {
                let again = hub_lock
                    .hub
                    .expire_stream(&id, &stream_id, number, hub_lock.now);
                if let Some(at) = again {
                    hub_lock.watch_stream(&id, stream_id, number, at);
                }
            }),
        }
    }
}
