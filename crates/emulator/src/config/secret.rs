//! Keys in a file: non-empty text. Pure.

use auth::Secret;
use serde::{Deserialize, Deserializer};

pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(serde::de::Error::custom("a key must not be empty"));
    }
    Ok(Secret::new(text))
}

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    secret(deserializer).map(Some)
}
