//! Where each effective setting comes from. Pure.

use std::collections::BTreeMap;

use super::environment::Sources;
use super::flags::KEYS;

/// The origin of each key that is not a default, such as `pubsub.port`.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<String, String>);

impl Origins {
    /// Notes the keys of a file.
    pub(super) fn add_table(&mut self, table: &toml::Table, origin: &str) {
        self.add_below("", table, origin);
    }

    fn add_below(&mut self, prefix: &str, table: &toml::Table, origin: &str) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            match value {
                toml::Value::Table(table) => self.add_below(&format!("{key}."), table, origin),
                _ => {
                    self.0.insert(key, origin.to_owned());
                }
            }
        }
    }

    /// Notes the keys of the flags and variables that were given.
    pub(super) fn add_sources(&mut self, sources: &Sources) {
        for (flag, keys) in KEYS.iter().copied() {
            if let Some(source) = sources.get(flag) {
                for key in keys {
                    self.0.insert((*key).to_owned(), source.name(flag));
                }
            }
        }
    }

    /// Returns the origin of a key.
    pub(super) fn of(&self, key: &str) -> &str {
        self.0.get(key).map_or("default", String::as_str)
    }
}
