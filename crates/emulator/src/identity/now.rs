//! The time of a request, on two clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::EmulatorClock;

/// The time of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// On the emulator's clock, which decides whether a token is valid.
    pub(crate) emulated: SystemTime,
    /// On the machine's clock, by which clients keep a token.
    pub(crate) machine: SystemTime,
}

impl Now {
    pub(crate) fn of(clock: &EmulatorClock) -> Self {
        Self {
            emulated: clock.wall(),
            machine: clock.machine(),
        }
    }
}

/// Returns whole seconds since 1970; earlier times are 0.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
