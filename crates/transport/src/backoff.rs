//! Delays between tries. Pure: the seed is given, nothing sleeps here.

use std::time::Duration;

/// How delays between tries grow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackoffOptions {
    /// The first delay.
    pub initial: Duration,
    /// The longest delay.
    pub max: Duration,
}

/// The delays of one series of tries.
#[derive(Clone, Debug)]
pub struct Backoff {}
