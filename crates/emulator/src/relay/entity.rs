//! One hybrid connection: its settings, its rules and its listeners. Pure.

use serde::Serialize;

use super::authorize::{RuleSettings, Rules};
use super::listeners::Listeners;
use crate::config::HybridConnectionConfig;

/// A hybrid connection.
#[derive(Debug)]
pub(super) struct Entity {
    config: HybridConnectionConfig,
    rules: Rules,
    pub(super) listeners: Listeners,
}

/// A snapshot of a hybrid connection for one request.
#[derive(Clone, Debug)]
pub(super) struct EntityView {
    /// The path in lower case.
    pub(super) key: String,
    /// The path as it was configured.
    pub(super) path: String,
    pub(super) requires_client_authorization: bool,
    pub(super) user_metadata: String,
    /// The number of connected listeners.
    pub(super) listeners: usize,
    pub(super) rules: Rules,
}

/// The settings of a hybrid connection, for the admin API: without keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HybridConnectionSettings {
    /// The path as it was configured; the state has it in lower case.
    path: String,
    requires_client_authorization: bool,
    user_metadata: String,
    /// Its own rules, then the namespace's.
    rules: Vec<RuleSettings>,
}

impl From<EntityView> for HybridConnectionSettings {
    fn from(view: EntityView) -> Self {
        Self {
            path: view.path,
            requires_client_authorization: view.requires_client_authorization,
            user_metadata: view.user_metadata,
            rules: view.rules.settings().to_vec(),
        }
    }
}

impl Entity {
    pub(super) fn new(config: HybridConnectionConfig, rules: Rules) -> Self {
        Self {
            config,
            rules,
            listeners: Listeners::default(),
        }
    }

    pub(super) fn view(&self, key: &str) -> EntityView {
        EntityView {
            key: key.to_owned(),
            path: self.config.path.clone(),
            requires_client_authorization: self.config.requires_client_authorization,
            user_metadata: self.config.user_metadata.clone(),
            listeners: self.listeners.len(),
            rules: self.rules.clone(),
        }
    }
}
