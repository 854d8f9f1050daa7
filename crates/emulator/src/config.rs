//! What an emulator serves: ports, keys, hybrid connections. A TOML file, then flags.

use std::path::PathBuf;

use auth::Secret;
use serde::Deserialize;

use crate::{Error, Result};

/// The settings of an emulator. Unknown keys of a file are errors.
///
/// ```toml
/// [pubsub]
/// port = 8080
/// access-key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
///
/// [relay]
/// port = 9443
/// plain-port = 9080
/// key = "c2VjcmV0"
/// hybrid-connections = ["hc1", "open:anonymous"]
/// certificates = "target/azwire-emulator"
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The Web PubSub side.
    pub pubsub: PubSubConfig,
    /// The Relay side.
    pub relay: RelayConfig,
}

impl Config {
    /// Reads a TOML file.
    ///
    /// # Errors
    ///
    /// One line that names the file and what is wrong with it.
    #[cfg(feature = "cli")]
    pub fn from_file(path: &std::path::Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(format!("cannot read {}: {error}", path.display()), error)
        })?;
        Self::from_toml(&text)
            .map_err(|error| Error::message(format!("{}: {error}", path.display())))
    }

    /// Reads TOML text.
    ///
    /// # Errors
    ///
    /// One line that names the line and the key.
    #[cfg(feature = "cli")]
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            // The parser's whole text spans lines and quotes the source, which may hold a key.
            Error::message(format!(
                "line {line}: {}",
                error.message().replace('\n', " ")
            ))
        })
    }
}

/// The settings of the Web PubSub side.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PubSubConfig {
    /// The port; 0 for any free one.
    pub port: u16,
    /// The access key.
    #[serde(deserialize_with = "secret")]
    pub access_key: Secret,
}

impl PubSubConfig {
    /// The port that Microsoft's `awps-emulator` listens on.
    pub const DEFAULT_PORT: u16 = 8080;
    /// The access key of Microsoft's `awps-emulator`, so that settings for one work with the other.
    pub const DEFAULT_ACCESS_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
}

impl Default for PubSubConfig {
    fn default() -> Self {
        Self {
            port: Self::DEFAULT_PORT,
            access_key: Secret::new(Self::DEFAULT_ACCESS_KEY),
        }
    }
}

/// The settings of the Relay side.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelayConfig {
    /// The TLS port; 0 for any free one.
    pub port: u16,
    /// The plain-text port; 0 for any free one.
    pub plain_port: u16,
    /// The key of the rule `RootManageSharedAccessKey`, which has all rights.
    #[serde(deserialize_with = "secret")]
    pub key: Secret,
    /// The hybrid connections.
    pub hybrid_connections: Vec<HybridConnectionConfig>,
    /// The folder for the throw-away certificate authority; reused when it holds one.
    /// Without it the certificates live in memory, and `ca.pem` in a temporary folder.
    pub certificates: Option<PathBuf>,
}

impl RelayConfig {
    /// The TLS port.
    pub const DEFAULT_PORT: u16 = 9443;
    /// The plain-text port.
    pub const DEFAULT_PLAIN_PORT: u16 = 9080;
    /// A key for everybody.
    pub const DEFAULT_KEY: &str = "YXp3aXJlLWVtdWxhdG9yLXJvb3Qta2V5LTAwMDAwMDA=";
    /// The rule that every namespace has.
    pub const RULE: &str = "RootManageSharedAccessKey";
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            port: Self::DEFAULT_PORT,
            plain_port: Self::DEFAULT_PLAIN_PORT,
            key: Secret::new(Self::DEFAULT_KEY),
            hybrid_connections: vec![HybridConnectionConfig {
                path: "hc1".to_owned(),
                requires_client_authorization: true,
            }],
            certificates: None,
        }
    }
}

/// One hybrid connection, written `path` or `path:anonymous`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(try_from = "String")]
pub struct HybridConnectionConfig {
    /// The path, which may hold slashes.
    pub path: String,
    /// Whether senders need a token.
    pub requires_client_authorization: bool,
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
        Ok(Self {
            path: path.to_owned(),
            requires_client_authorization: !anonymous,
        })
    }
}

impl TryFrom<String> for HybridConnectionConfig {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(serde::de::Error::custom("a key must not be empty"));
    }
    Ok(Secret::new(text))
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_set_everything() {
        let config = Config::from_toml(
            "[pubsub]\nport = 1\naccess-key = \"k\"\n[relay]\nport = 2\nplain-port = 3\nkey = \"l\"\nhybrid-connections = [\"a/b\", \"c:anonymous\"]\n",
        )
        .unwrap();
        assert_eq!(
            (
                config.pubsub.port,
                config.relay.port,
                config.relay.plain_port
            ),
            (1, 2, 3)
        );
        assert_eq!(config.pubsub.access_key.expose(), "k");
        assert!(!config.relay.hybrid_connections[1].requires_client_authorization);
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_named_in_one_line() {
        for (text, named) in [
            ("[pubsub]\nprot = 1\n", "prot"),
            ("[relay]\n\nhybrid-connections = [\"a b\"]\n", "a b"),
            ("[relay]\nhybrid-connections = [\"a:b\"]\n", "a:b"),
            ("[pubsub]\naccess-key = \"\"\n", "must not be empty"),
            ("[pubsub\n", "line 1"),
        ] {
            let error = Config::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains('\n'), "{error}");
        }
    }
}
