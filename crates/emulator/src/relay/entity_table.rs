//! The hybrid connections of a namespace, by path. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::authorize::Rules;
use super::entity::{Entity, EntityView};
use super::listeners::{Listener, Listeners};
use crate::config::{HybridConnectionConfig, RelayConfig};
use crate::identity::Authority;

/// All hybrid connections.
#[derive(Debug)]
pub(super) struct EntityTable {
    /// By path in lower case: the service compares paths without case.
    by_path: BTreeMap<String, Entity>,
}

impl EntityTable {
    pub(super) fn new(config: &RelayConfig, authority: Option<&Arc<Authority>>) -> Self {
        let entities = config.hybrid_connections.iter().map(|entity| {
            let key = entity.path.to_lowercase();
            let rules = Rules::new(config, &entity.rules)
                .with_authority(authority.cloned())
                .with_scope(&key);
            (key, Entity::new(entity.clone(), rules))
        });
        Self {
            by_path: entities.collect(),
        }
    }

    /// Returns the entity that a decoded path belongs to: the longest whole-segment prefix.
    pub(super) fn find(&self, path: &str) -> Option<EntityView> {
        let path = normalized(path);
        let mut prefix = path.as_str();
        loop {
            if let Some(entity) = self.by_path.get(prefix) {
                return Some(entity.view(prefix));
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    /// Returns the entity at exactly this path.
    pub(super) fn at(&self, path: &str) -> Option<EntityView> {
        let key = normalized(path);
        Some(self.by_path.get(&key)?.view(&key))
    }

    /// Returns the entity that a path belongs to; creates it if there is none
    /// and the path is valid.
    pub(super) fn find_or_make(&mut self, path: &str, rules: &Rules) -> Option<EntityView> {
        if let Some(found) = self.find(path) {
            return Some(found);
        }
        if self.by_path.len() >= MAX_ENTITIES {
            tracing::warn!(
                "no further hybrid connection is created: the limit of {MAX_ENTITIES} is reached"
            );
            return None;
        }
        let config: HybridConnectionConfig = path.parse().ok()?;
        let key = normalized(&config.path);
        tracing::info!(
            entity = key,
            "created the hybrid connection for its first listener"
        );
        let entity = Entity::new(config, rules.clone().with_scope(&key));
        let view = entity.view(&key);
        self.by_path.insert(key, entity);
        Some(view)
    }

    /// Returns all entities, ordered by path.
    pub(super) fn views(&self) -> Vec<EntityView> {
        self.by_path
            .iter()
            .map(|(key, entity)| entity.view(key))
            .collect()
    }

    /// Returns the listeners of the entity with this key.
    pub(super) fn listeners(&self, key: &str) -> Option<&Listeners> {
        Some(&self.by_path.get(key)?.listeners)
    }

    pub(super) fn listeners_mut(&mut self, key: &str) -> Option<&mut Listeners> {
        Some(&mut self.by_path.get_mut(key)?.listeners)
    }

    /// Removes all entities; returns their listeners.
    pub(super) fn take_listeners(&mut self) -> Vec<Listener> {
        let entities = std::mem::take(&mut self.by_path).into_values();
        let listeners = entities.map(|entity| entity.listeners.into_vec());
        listeners.flatten().collect()
    }

    /// Returns the listeners of each entity, with its key.
    pub(super) fn all_listeners(&self) -> impl Iterator<Item = (&str, &Listeners)> {
        self.by_path
            .iter()
            .map(|(key, entity)| (&**key, &entity.listeners))
    }
}

/// Returns the key of a path.
fn normalized(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join("/")
}

/// The service's limit for one namespace.
const MAX_ENTITIES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> (EntityTable, Rules) {
        let config = RelayConfig {
            hybrid_connections: names.iter().map(|name| name.parse().unwrap()).collect(),
            ..RelayConfig::default()
        };
        (EntityTable::new(&config, None), Rules::new(&config, &[]))
    }

    #[test]
    fn entities_are_found_by_the_longest_whole_segments() {
        let (table, _) = table(&["hc1", "Team/A", "team/a/deep", "café"]);
        for (path, expected) in [
            ("hc1", Some("hc1")),
            ("/HC1/", Some("hc1")),
            ("hc1/x/y", Some("hc1")),
            ("hc10", None),
            ("team", None),
            ("team/A/x", Some("Team/A")),
            ("team//a", Some("Team/A")),
            ("TEAM/a/DEEP/x", Some("team/a/deep")),
            ("team/a/deeper", Some("Team/A")),
            ("CAFÉ", Some("café")),
            ("", None),
        ] {
            let found = table.find(path).map(|entity| entity.path);
            assert_eq!(found.as_deref(), expected, "{path}");
        }
        assert!(table.at("hc1/x").is_none());
    }

    #[test]
    fn an_entity_is_made_once_and_keeps_the_spelling_of_its_first_listener() {
        let (mut table, rules) = table(&["hc1"]);
        for (path, expected) in [
            ("HC1/x", Some("hc1")),
            ("Team/A", Some("Team/A")),
            ("team/a/deep", Some("Team/A")),
            ("not a path?", None),
        ] {
            let made = table.find_or_make(path, &rules).map(|entity| entity.path);
            assert_eq!(made.as_deref(), expected, "{path}");
        }
        assert_eq!(table.views().len(), 2);
    }
}
