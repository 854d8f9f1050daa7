//! The settings of one hybrid connection.

use std::fmt;

use serde::Deserialize;

use super::rule::RelayRule;
use crate::{Error, Result};

/// One hybrid connection; in a file a table, or text of the form `path` or `path:anonymous`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HybridConnectionConfig {
    /// The path, which may contain slashes.
    pub path: String,
    /// Whether senders need a token.
    pub requires_client_authorization: bool,
    /// Rules of this hybrid connection alone; they take precedence over the namespace's.
    pub rules: Vec<RelayRule>,
    /// The user metadata in the entity's description.
    pub user_metadata: String,
}

impl HybridConnectionConfig {
    /// Creates a hybrid connection without its own rules, whose senders need a token.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            requires_client_authorization: true,
            rules: Vec::new(),
            user_metadata: String::new(),
        }
    }
}

impl<'de> Deserialize<'de> for HybridConnectionConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

struct TextOrTable;

impl<'de> serde::de::Visitor<'de> for TextOrTable {
    type Value = HybridConnectionConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hybrid connection as a name or a table")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        struct Table {
            path: String,
            #[serde(default = "yes")]
            requires_client_authorization: bool,
            #[serde(default)]
            rules: Vec<RelayRule>,
            #[serde(default)]
            user_metadata: String,
        }
        let table = Table::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        let path: HybridConnectionConfig = table.path.parse().map_err(serde::de::Error::custom)?;
        Ok(HybridConnectionConfig {
            path: path.path,
            requires_client_authorization: table.requires_client_authorization,
            rules: table.rules,
            user_metadata: table.user_metadata,
        })
    }
}

impl std::str::FromStr for HybridConnectionConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (path, anonymous) = match text.rsplit_once(':') {
            Some((path, "anonymous")) => (path, true),
            Some(_) => {
                return Err(Error::message(format!(
                    "hybrid connection {text:?}: only :anonymous may follow the name"
                )));
            }
            None => (text, false),
        };
        let path = path.trim_matches('/');
        let allowed = |c: char| c.is_alphanumeric() || "-_./".contains(c);
        if path.is_empty() || !path.chars().all(allowed) || path.starts_with('_') {
            return Err(Error::message(format!(
                "hybrid connection {text:?}: a name holds letters, digits, - _ . and /, and does not begin with _"
            )));
        }
        if path.encode_utf16().count() > MAX_PATH || path.split('/').any(|part| part == "..") {
            return Err(Error::message(format!(
                "hybrid connection {text:?}: a name has at most {MAX_PATH} letters and no part `..`"
            )));
        }
        Ok(Self {
            requires_client_authorization: !anonymous,
            ..Self::new(path)
        })
    }
}

/// The service's limit, in UTF-16 units.
const MAX_PATH: usize = 260;

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hybrid_connections_are_those_that_a_path_can_hold() {
        let longest = "x".repeat(260);
        for good in ["hc1", "team/a.b/..c", "café:anonymous", longest.as_str()] {
            assert!(good.parse::<HybridConnectionConfig>().is_ok(), "{good}");
        }
        let too_long = "x".repeat(261);
        for bad in [
            "",
            "/",
            "_emulator",
            "a b",
            "a:b",
            "a/../b",
            "..",
            too_long.as_str(),
        ] {
            assert!(bad.parse::<HybridConnectionConfig>().is_err(), "{bad}");
        }
    }
}
