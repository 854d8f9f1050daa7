//! What forwarders count, as data: the application exports it in the names of its own metrics system.
//!
//! Bytes are counted with relaxed atomics that belong to one target; the lock around the targets is taken when a
//! pair is opened and when a snapshot is made, never while data moves.

mod counter;
mod histogram;
mod reason;
mod warnings;

pub use histogram::Histogram;
pub use reason::FailureReason;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use transport::_internal::lock;

pub(crate) use counter::Counter;
use histogram::{Buckets, DIAL_BOUNDS, OPEN_BOUNDS};
use warnings::Warnings;

/// The counters of forwarders. A clone shares them: several forwarders may count into one.
///
/// ```
/// use azwire_forward::Metrics;
///
/// let metrics = Metrics::new();
/// // Given to the builders of forwarders, and read from time to time:
/// for target in metrics.snapshot().targets {
///     println!("{} has {} open", target.target, target.open);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max_targets: usize,
    targets: Mutex<Targets>,
    channels: Mutex<Vec<Weak<ControlChannel>>>,
    listener: RoleCounters,
    sender: RoleCounters,
}

type Targets = BTreeMap<(Role, Arc<str>), Arc<TargetCounters>>;

impl Metrics {
    /// Creates counters for up to [`DEFAULT_MAX_TARGETS`](Self::DEFAULT_MAX_TARGETS) targets.
    pub fn new() -> Self {
        Self::with_max_targets(Self::DEFAULT_MAX_TARGETS)
    }

    /// Creates counters for up to `count` targets of each role; those of all further ones are counted together, as
    /// [`OTHER_TARGETS`](Self::OTHER_TARGETS). Senders of aztunnel name any target, so without a bound they
    /// could make the metrics grow.
    pub fn with_max_targets(count: usize) -> Self {
        Self(Arc::new(Inner {
            max_targets: count,
            targets: Mutex::default(),
            channels: Mutex::default(),
            listener: RoleCounters::new(),
            sender: RoleCounters::new(),
        }))
    }

    /// 500, as in aztunnel.
    pub const DEFAULT_MAX_TARGETS: usize = 500;

    /// The name under which the targets over the limit are counted.
    pub const OTHER_TARGETS: &str = "other";

    /// Reads all counters. Each number is right, but they are not read at one instant.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let targets = lock(&self.0.targets);
        let targets = targets
            .iter()
            .map(|((role, name), counters)| counters.read(*role, name))
            .collect();
        let mut channels = lock(&self.0.channels);
        channels.retain(|channel| channel.strong_count() > 0);
        let channels: Vec<_> = channels.iter().filter_map(Weak::upgrade).collect();
        let of = |role| self.role(role).read(role);
        MetricsSnapshot {
            targets,
            control_channels: channels.iter().map(|channel| channel.read()).collect(),
            roles: vec![of(Role::Listener), of(Role::Sender)],
        }
    }

    /// Returns the counters of a target, or those of all others if there are too many.
    pub(crate) fn target(&self, role: Role, name: &str) -> Arc<TargetCounters> {
        let mut targets = lock(&self.0.targets);
        let key = (role, Arc::from(name));
        if let Some(found) = targets.get(&key) {
            return Arc::clone(found);
        }
        let known = targets.keys().filter(|(of, _)| *of == role).count();
        let key = match known < self.0.max_targets {
            true => key,
            false => (role, Arc::from(Self::OTHER_TARGETS)),
        };
        Arc::clone(targets.entry(key).or_default())
    }

    pub(crate) fn role(&self, role: Role) -> &RoleCounters {
        match role {
            Role::Listener => &self.0.listener,
            Role::Sender => &self.0.sender,
        }
    }

    /// Counts a connection that came to nothing, and why.
    pub(crate) fn failed(&self, role: Role, target: Option<&TargetCounters>, why: FailureReason) {
        self.role(role).errors[why as usize].add(1);
        if let Some(target) = target {
            target.failed.add(1);
        }
    }

    /// Counts a pair that ended before its data was whole, and why.
    pub(crate) fn broken(&self, role: Role, why: FailureReason) {
        self.role(role).errors[why as usize].add(1);
    }

    /// Adds the control channel of a listener, which is shown as long as it is held.
    pub(crate) fn control_channel(&self, hybrid_connection: String) -> Arc<ControlChannel> {
        let channel = Arc::new(ControlChannel {
            hybrid_connection,
            is_connected: AtomicBool::new(false),
            reconnects: Counter::default(),
        });
        lock(&self.0.channels).push(Arc::downgrade(&channel));
        channel
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Which part of a forwarding a process plays.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Role {
    /// It accepts hybrid connections and dials targets.
    Listener,
    /// It accepts local connections and opens hybrid connections.
    Sender,
}

impl Role {
    /// Returns `listener` or `sender`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Sender => "sender",
        }
    }
}

/// What was counted until one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// By role and target, in the order of their names.
    pub targets: Vec<TargetMetrics>,
    /// The control channels of listeners.
    pub control_channels: Vec<ControlChannelMetrics>,
    /// The counters that are not kept for each target.
    pub roles: Vec<RoleMetrics>,
}

/// The counters of one target: for a sender the port name or target that it asks for, for a listener
/// what it dials.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TargetMetrics {
    /// The role of this process.
    pub role: Role,
    /// The name of the target.
    pub target: String,
    /// Pairs that were opened.
    pub opened: u64,
    /// Connections that came to nothing.
    pub failed: u64,
    /// Pairs that are open now.
    pub open: u64,
    /// Payload bytes that were handed to the relay.
    pub bytes_sent: u64,
    /// Payload bytes that came from the relay and were handed to the local side.
    pub bytes_received: u64,
    /// Datagrams that were dropped: from too many sources, too fast, refused by the system, or for want of a hybrid
    /// connection.
    pub datagrams_dropped: u64,
}

/// The state of a listener's control channel.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ControlChannelMetrics {
    /// The hybrid connection, as in `sb://{namespace}/{path}`.
    pub hybrid_connection: String,
    /// Whether senders can reach the listener.
    pub is_connected: bool,
    /// How often the channel was opened again after a loss.
    pub reconnects: u64,
}

/// The counters of one role.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoleMetrics {
    /// The role.
    pub role: Role,
    /// How often each reason was counted; every reason is there.
    pub errors: Vec<(FailureReason, u64)>,
    /// How long it took until data could flow: for a listener to dial the target, for a sender to open the hybrid
    /// connection and to be answered. Failures do not count.
    pub dial: Histogram,
    /// How long pairs were open.
    pub open: Histogram,
}

/// The counters of one target, shared by its pairs.
#[derive(Debug, Default)]
pub(crate) struct TargetCounters {
    opened: Counter,
    failed: Counter,
    closed: Counter,
    pub(crate) sent: Counter,
    pub(crate) received: Counter,
    pub(crate) datagrams_dropped: Counter,
    pub(crate) warnings: Warnings,
}

impl TargetCounters {
    /// Counts a pair as open until the guard is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> OpenTarget {
        self.opened.add(1);
        OpenTarget(Arc::clone(self))
    }

    fn read(&self, role: Role, target: &str) -> TargetMetrics {
        // First those that have ended, so that the difference is never negative.
        let closed = self.closed.get();
        let opened = self.opened.get();
        TargetMetrics {
            role,
            target: target.to_owned(),
            opened,
            failed: self.failed.get(),
            open: opened.saturating_sub(closed),
            bytes_sent: self.sent.get(),
            bytes_received: self.received.get(),
            datagrams_dropped: self.datagrams_dropped.get(),
        }
    }
}

/// An open pair of a target.
#[derive(Debug)]
pub(crate) struct OpenTarget(Arc<TargetCounters>);

impl Drop for OpenTarget {
    fn drop(&mut self) {
        self.0.closed.add(1);
    }
}

#[derive(Debug)]
pub(crate) struct RoleCounters {
    errors: [Counter; FailureReason::ALL.len()],
    dial: Buckets,
    open: Buckets,
    /// Those of connections whose target is not known.
    pub(crate) warnings: Warnings,
}

impl RoleCounters {
    fn new() -> Self {
        Self {
            errors: Default::default(),
            dial: Buckets::new(DIAL_BOUNDS),
            open: Buckets::new(OPEN_BOUNDS),
            warnings: Warnings::default(),
        }
    }

    pub(crate) fn dialled(&self, time: Duration) {
        self.dial.add(time);
    }

    pub(crate) fn was_open(&self, time: Duration) {
        self.open.add(time);
    }

    fn read(&self, role: Role) -> RoleMetrics {
        let counts = self.errors.iter().map(Counter::get);
        RoleMetrics {
            role,
            errors: FailureReason::ALL.into_iter().zip(counts).collect(),
            dial: self.dial.read(),
            open: self.open.read(),
        }
    }
}

/// The control channel of a listener.
#[derive(Debug)]
pub(crate) struct ControlChannel {
    hybrid_connection: String,
    is_connected: AtomicBool,
    reconnects: Counter,
}

impl ControlChannel {
    pub(crate) fn set(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Ordering::Relaxed);
    }

    pub(crate) fn reconnected(&self) {
        self.reconnects.add(1);
    }

    fn read(&self) -> ControlChannelMetrics {
        ControlChannelMetrics {
            hybrid_connection: self.hybrid_connection.clone(),
            is_connected: self.is_connected.load(Ordering::Relaxed),
            reconnects: self.reconnects.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_over_the_limit_are_counted_together() {
        let metrics = Metrics::with_max_targets(2);
        for name in ["a:1", "b:1", "c:1", "d:1", "a:1"] {
            metrics.target(Role::Listener, name).sent.add(1);
        }
        metrics.target(Role::Sender, "c:1").sent.add(10);
        let snapshot = metrics.snapshot();
        let counted: Vec<_> = snapshot
            .targets
            .iter()
            .map(|target| (target.role, target.target.as_str(), target.bytes_sent))
            .collect();
        assert_eq!(
            counted,
            [
                (Role::Listener, "a:1", 2),
                (Role::Listener, "b:1", 1),
                (Role::Listener, Metrics::OTHER_TARGETS, 2),
                (Role::Sender, "c:1", 10),
            ]
        );
    }

    #[test]
    fn open_pairs_failures_and_channels_are_shown() {
        let metrics = Metrics::new();
        let target = metrics.target(Role::Sender, "ssh");
        let (one, other) = (target.open(), target.open());
        drop(one);
        metrics.failed(Role::Sender, Some(&target), FailureReason::Relay);
        metrics.broken(Role::Sender, FailureReason::LocalReset);
        let channel = metrics.control_channel("sb://n/hc1".to_owned());
        channel.set(true);
        channel.reconnected();
        let snapshot = metrics.snapshot();
        let shown = &snapshot.targets[0];
        assert_eq!((shown.opened, shown.open, shown.failed), (2, 1, 1));
        let errors: Vec<_> = snapshot.roles[1]
            .errors
            .iter()
            .filter(|(_, count)| *count > 0)
            .copied()
            .collect();
        assert_eq!(
            errors,
            [(FailureReason::Relay, 1), (FailureReason::LocalReset, 1)]
        );
        let shown = &snapshot.control_channels;
        assert_eq!(shown.len(), 1);
        assert!(shown[0].is_connected && shown[0].reconnects == 1);
        drop((other, channel));
        let snapshot = metrics.snapshot();
        assert_eq!(snapshot.targets[0].open, 0);
        assert!(snapshot.control_channels.is_empty());
    }
}
