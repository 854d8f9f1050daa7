//! Durations in a file, as numbers of seconds. Pure.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Reads whole seconds, at least one.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom("must be at least 1 second")),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// Reads seconds, whole or fractional, including zero.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
}

pub(super) fn optional_seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}
