//! The properties of a client's message, raw and typed. Pure.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::frame::{Str, field};
use crate::protocol::ProtocolError;

/// The raw value of a property, if present.
#[derive(Clone, Copy, Default)]
pub(super) struct Property<'a>(pub(super) Option<&'a RawValue>);

impl<'a> Property<'a> {
    /// Returns the raw value, unless it is `null`.
    pub(super) fn value(self) -> Option<&'a RawValue> {
        self.0.filter(|raw| raw.get() != "null")
    }

    /// Deserializes the value; `null` counts as absent.
    pub(super) fn read<T: Deserialize<'a>>(self) -> serde_json::Result<Option<T>> {
        self.value()
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()
    }

    pub(super) fn optional<T: Deserialize<'a>>(
        self,
        message: &'static str,
        name: &'static str,
    ) -> Result<Option<T>, ProtocolError> {
        self.read()
            .map_err(|_| field(message, name, "must be of the type in the reference"))
    }

    pub(super) fn present<T: Deserialize<'a>>(
        self,
        message: &'static str,
        name: &'static str,
    ) -> Result<T, ProtocolError> {
        self.optional(message, name)?
            .ok_or_else(|| field(message, name, "must be present"))
    }

    pub(super) fn text(
        self,
        message: &'static str,
        name: &'static str,
    ) -> Result<Str<'a>, ProtocolError> {
        self.present(message, name)
    }

    pub(super) fn id(
        self,
        message: &'static str,
        name: &'static str,
    ) -> Result<String, ProtocolError> {
        match self.read::<Str<'_>>() {
            Ok(Some(id)) if !id.as_str().is_empty() => Ok(id.into_string()),
            _ => Err(field(message, name, "must be present and not empty")),
        }
    }
}

/// The entries of an object including duplicates, which a map would hide: metadata
/// with a repeated name is rejected.
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}
