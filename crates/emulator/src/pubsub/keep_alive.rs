//! Keep-alive pings to clients. One task serves all connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Service;
use super::ending::{EndedBy, Ending};
use crate::config::PubSubConfig;

/// How often clients are pinged, and when they are dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    started: Instant,
    /// `None` is never, for both.
    interval: Option<Duration>,
    timeout: Option<Duration>,
}

impl KeepAlive {
    pub(super) fn new(config: &PubSubConfig, started: Instant) -> Self {
        let some = |time: Duration| (!time.is_zero()).then_some(time);
        Self {
            started,
            interval: some(config.keep_alive_interval),
            timeout: some(config.keep_alive_timeout),
        }
    }

    /// Returns how often sockets are checked: those that are not pinged may still be dropped.
    fn rounds(&self) -> Option<Duration> {
        let interval = self.interval.or(self.timeout)?;
        Some(interval.max(SHORTEST_INTERVAL))
    }
}

/// With a shorter one, the emulator would do nothing else.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

impl Service {
    /// Sends pings and drops the clients that do not answer, forever.
    ///
    /// This uses real time: advancing the emulator's clock must not make live
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
            let hubs = self.hubs();
            for (name, hub) in &hubs.by_name {
                for connection in hub.connections() {
                    if connection.lost.is_some() {
                        continue;
                    }
                    let silent = now.saturating_sub(connection.send_queue.heard());
                    if silent >= timeout {
                        dead.push((name.clone(), Arc::clone(connection.id())));
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
                let ending = Ending::abrupt(EndedBy::Service, "PingTimeout");
                if connection.is_reliable() {
                    connection.send_queue.drop_transport();
                    hub_lock.wait_for_recovery(&id, &ending);
                } else {
                    hub_lock.hub.abort(&id, ending, hub_lock.now);
                }
            });
        }
    }

    /// Returns the time of the keep-alive clock, in milliseconds.
    pub(super) fn keep_alive_now(&self) -> u64 {
        milliseconds(self.runtime().now() - self.keep_alive.started)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
