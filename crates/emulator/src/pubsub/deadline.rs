//! What happens when time has passed: sessions that nobody came back to,
//! streams that fell silent, acknowledgements that are late on purpose, and
//! clients that do not answer pings. Two tasks for all connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures::future::select;
use pubsub::protocol::DownstreamMessage;

use super::Service;

/// What is due at some time.
#[derive(Debug)]
pub(super) enum Deadline {
    /// An acknowledgement that a fault has delayed.
    Ack {
        hub: Arc<str>,
        id: Arc<str>,
        ack: DownstreamMessage,
    },
    /// The end of a session whose client has not come back.
    Recovery {
        hub: Arc<str>,
        id: Arc<str>,
        loss: u64,
    },
    /// The end of a stream whose publisher is silent.
    Stream {
        hub: Arc<str>,
        id: Arc<str>,
        stream_id: String,
        number: u64,
    },
}

/// A deadline among all others.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct TimerKey(Instant, u64);

/// All that is due, in order.
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

    /// Whether something became due earlier than all before, since this was last asked.
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
    /// Does what is due, forever.
    pub(super) async fn run_timers(self: &Arc<Self>) {
        loop {
            let next = self.state().deadlines.next();
            let rearmed = std::pin::pin!(self.rearmed.notified());
            match next {
                Some(at) => {
                    select(std::pin::pin!(self.clock.reaches(at)), rearmed).await;
                }
                None => rearmed.await,
            }
            let now = self.clock.instant();
            loop {
                let due = self.state().deadlines.pop(now);
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
                    hub_lock.hub.remove(&id, "", hub_lock.now);
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

    /// Sends pings and drops those who answer nothing, forever.
    ///
    /// This goes by real time: moving the emulator's clock must not make live
    /// clients look dead.
    pub(super) async fn run_keep_alive(self: &Arc<Self>) {
        let Some(interval) = self.keep_alive.rounds() else {
            return;
        };
        loop {
            let next = self.runtime().after(interval);
            self.runtime().sleep_until(next).await;
            self.look_after_sockets();
        }
    }

    fn look_after_sockets(self: &Arc<Self>) {
        let now = self.keep_alive_now();
        let timeout = self.keep_alive.timeout.map_or(u64::MAX, milliseconds);
        let interval = self.keep_alive.interval.map(milliseconds);
        let mut dead = Vec::new();
        {
            let state = self.state();
            for (name, hub) in &state.hubs {
                for (id, connection) in &hub.connections {
                    if connection.lost.is_some() {
                        continue;
                    }
                    let silent = now.saturating_sub(connection.send_queue.heard());
                    if silent >= timeout {
                        dead.push((name.clone(), Arc::clone(id)));
                    } else if interval.is_some_and(|interval| silent >= interval / 2) {
                        connection.send_queue.ping();
                    }
                }
            }
        }
        for (hub, id) in dead {
            tracing::info!(
                hub,
                connection_id = &*id,
                "dropped: it does not answer pings"
            );
            self.with_hub(&hub, |hub_lock| {
                let Some(connection) = hub_lock.hub.connection(&id) else {
                    return;
                };
                if connection.is_reliable() {
                    connection.send_queue.drop_transport();
                    hub_lock.wait_for_recovery(&id);
                } else {
                    hub_lock.hub.abort(&id, "PingTimeout", hub_lock.now);
                }
            });
        }
    }

    /// The time of the keep-alive clock, in milliseconds.
    pub(super) fn keep_alive_now(&self) -> u64 {
        milliseconds(self.runtime().now() - self.keep_alive.started)
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
