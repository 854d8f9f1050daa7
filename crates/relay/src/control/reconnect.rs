//! How long to wait before the next try. Pure.

use std::time::Duration;

/// The delay before try number `tries`, counted from 0 since the channel was last online.
///
/// Source: the delays of the official .NET, Java and Node listeners.
pub(super) fn delay(tries: usize) -> Duration {
    const SECONDS: [u64; 6] = [0, 1, 2, 5, 10, 30];
    Duration::from_secs(SECONDS[tries.min(SECONDS.len() - 1)])
}
