//! Shared access rules of a namespace or of one hybrid connection.

use auth::Secret;
use serde::{Deserialize, Serialize};

use super::secret::{optional_secret, secret};

/// A rule: a name, one or two keys, and the rights that a token signed with them grants.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelayRule {
    /// The name, compared without case.
    pub name: String,
    /// The first key.
    #[serde(deserialize_with = "secret")]
    pub key: Secret,
    /// The second key.
    #[serde(default, deserialize_with = "optional_secret")]
    pub secondary_key: Option<Secret>,
    /// The rights.
    pub rights: Vec<RelayRight>,
}

impl RelayRule {
    /// Creates a rule with one key.
    pub fn new(
        name: impl Into<String>,
        key: impl Into<Secret>,
        rights: impl IntoIterator<Item = RelayRight>,
    ) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
            secondary_key: None,
            rights: rights.into_iter().collect(),
        }
    }
}

/// A right that a rule grants.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum RelayRight {
    /// To open a control channel.
    Listen,
    /// Everything.
    Manage,
    /// To connect and to send requests.
    Send,
}
