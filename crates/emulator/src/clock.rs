//! The emulator's clock: the system's, which tests can advance or hold, so that
//! expiry, TTL and recovery windows can be tested without waiting.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use auth::{Clock, SharedClock};
use tokio::sync::Notify;
use transport::_internal::lock;
use transport::SharedRuntime;

use crate::journal::{self, ClockAction, Details, Record, Service, Store};

/// The clock of one emulator. Clones share the same time.
///
/// Everything that expires follows it: tokens, messages with a time to live,
/// the 30 seconds in which a client may recover, idle streams, the timeout of
/// an event handler. Keep-alive pings do not: they check real sockets.
///
/// ```
/// use std::time::Duration;
///
/// use azwire_emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), azwire_emulator::Error> {
/// let emulator = Emulator::builder().start().await?;
/// // Every client that has lost its connection is now past recovery.
/// emulator.clock().advance(Duration::from_secs(31));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EmulatorClock {
    runtime: SharedRuntime,
    wall: SharedClock,
    shift: Arc<Mutex<Shift>>,
    moved: Arc<Notify>,
    /// Where its moves are recorded.
    records: Store,
}

impl EmulatorClock {
    pub(crate) fn new(runtime: SharedRuntime, wall: SharedClock) -> Self {
        Self {
            runtime,
            wall,
            shift: Arc::default(),
            moved: Arc::default(),
            records: Store::new(0),
        }
    }

    /// Sets where its moves are recorded; default: nowhere.
    pub(crate) fn with_records(mut self, records: Store) -> Self {
        self.records = records;
        self
    }

    /// Advances the time, whether it is held or not.
    ///
    /// At most a century in all.
    pub fn advance(&self, step: Duration) {
        {
            let mut shift = self.shift();
            shift.offset = (shift.offset + step.min(FURTHEST)).min(FURTHEST);
        }
        if !step.is_zero() {
            self.record(ClockAction::Advanced, Some(step));
        }
        self.moved.notify_waiters();
    }

    /// Holds the time; from then on only [`advance`](Self::advance) moves it.
    pub fn hold(&self) {
        {
            let mut shift = self.shift();
            if shift.held.is_some() {
                return;
            }
            shift.held = Some((self.runtime.now(), self.wall.now()));
        }
        self.record(ClockAction::Held, None);
    }

    /// Lets the time run again; it jumps to where it would be if it had not been held.
    pub fn release(&self) {
        let was_held = self.shift().held.take().is_some();
        if was_held {
            self.record(ClockAction::Released, None);
        }
        self.moved.notify_waiters();
    }

    /// Makes it the system's time again.
    pub(crate) fn reset(&self) {
        *self.shift() = Shift::default();
        self.moved.notify_waiters();
    }

    /// Returns how far the time has been advanced.
    pub fn offset(&self) -> Duration {
        self.shift().offset
    }

    /// Returns whether the time is held.
    pub fn is_held(&self) -> bool {
        self.shift().held.is_some()
    }

    /// Returns the monotonic time.
    pub(crate) fn instant(&self) -> Instant {
        let shift = self.shift();
        let base = shift.held.map_or_else(|| self.runtime.now(), |held| held.0);
        transport::after(base, shift.offset)
    }

    /// Returns the current time, which stands still while it is held.
    pub(crate) fn wall(&self) -> SystemTime {
        let shift = self.shift();
        let base = shift.held.map_or_else(|| self.wall.now(), |held| held.1);
        base.checked_add(shift.offset).unwrap_or(base)
    }

    /// Returns the time of the machine, which nobody moves.
    pub(crate) fn machine(&self) -> SystemTime {
        self.wall.now()
    }

    /// Returns the monotonic time of the machine, which nobody moves.
    pub(crate) fn machine_instant(&self) -> Instant {
        self.runtime.now()
    }

    /// Returns the instant `delay` from now on this clock.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        transport::after(self.instant(), delay)
    }

    /// Completes when this clock may have reached `deadline`, or was moved.
    pub(crate) async fn reaches(&self, deadline: Instant) {
        let moved = self.moved.notified();
        let mut moved = std::pin::pin!(moved);
        // From here on no advance is missed.
        moved.as_mut().enable();
        let (held, offset) = {
            let shift = self.shift();
            (shift.held.is_some(), shift.offset)
        };
        if self.instant() >= deadline {
            return;
        }
        if held {
            return moved.await;
        }
        let real = deadline
            .checked_sub(offset)
            .unwrap_or_else(|| self.runtime.now());
        let mut sleep = self.runtime.sleep_until(real);
        futures::future::select(moved, &mut sleep).await;
    }

    /// Completes when this clock has reached `deadline`.
    #[cfg(feature = "pubsub")]
    pub(crate) async fn wait_until(&self, deadline: Instant) {
        while self.instant() < deadline {
            self.reaches(deadline).await;
        }
    }

    fn record(&self, action: ClockAction, by: Option<Duration>) {
        self.records.record(
            || self.wall(),
            || {
                let clock = journal::Clock {
                    action,
                    by,
                    offset: self.offset(),
                    is_held: self.is_held(),
                };
                Record::new(Service::Emulator, Details::Clock(clock))
            },
        );
    }

    fn shift(&self) -> MutexGuard<'_, Shift> {
        lock(&self.shift)
    }
}

impl Clock for EmulatorClock {
    fn now(&self) -> SystemTime {
        self.wall()
    }
}

#[derive(Debug, Default)]
struct Shift {
    offset: Duration,
    held: Option<(Instant, SystemTime)>,
}

/// A century: instants and dates that far away can still be represented.
const FURTHEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
