//! The settings of the identity side: who may sign in, and what each may do.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use auth::Secret;
use serde::{Deserialize, Deserializer};

use super::seconds::whole;
use super::secret::secret;
use crate::{Error, Result};

/// The settings of the identity side, which issues Entra ID tokens and is what both services trust.
///
/// Without [`principals`](Self::principals) there is one that everybody can sign in as, with the
/// [client id](Self::CLIENT_ID), the [object id](Self::OBJECT_ID) and the
/// [secret](Self::CLIENT_SECRET) of the constants, and every principal has every role: also one
/// for which a test makes a token itself.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct IdentityConfig {
    /// The port; 0 picks a free one. The default one gives way to a free one if it is
    /// taken, so that a second emulator starts.
    pub port: u16,
    /// The tenant, in tokens and in the authority's addresses. The address of the
    /// tenant `adfs` works as well: most SDKs look nothing up in the cloud for it.
    pub tenant_id: String,
    /// How long a token is valid, at most a century; default: 1 h. With 5 min or less, the official SDKs
    /// ask for a new one for each call. In a file: whole seconds, at least one.
    #[serde(deserialize_with = "whole")]
    pub token_lifetime: Duration,
    /// The secret that the managed identity endpoint expects in `X-IDENTITY-HEADER`.
    /// Default: `azwire`, which is public.
    #[serde(deserialize_with = "secret")]
    pub identity_header: Secret,
    /// Files with RSA private keys, in PEM of PKCS#8, to sign tokens with: the first
    /// until the keys are rotated, then the next. Default: two published keys.
    pub keys: Vec<PathBuf>,
    /// The applications and managed identities that may sign in. Default: one that everybody knows.
    pub principals: Vec<PrincipalConfig>,
}

impl IdentityConfig {
    /// The default port.
    pub const DEFAULT_PORT: u16 = 9444;
    /// The default tenant.
    pub const TENANT_ID: &str = "11111111-1111-1111-1111-111111111111";
    /// The client id of the principal that there is without settings.
    pub const CLIENT_ID: &str = "22222222-2222-2222-2222-222222222222";
    /// Its object id.
    pub const OBJECT_ID: &str = "33333333-3333-3333-3333-333333333333";
    /// Its secret, which is public.
    pub const CLIENT_SECRET: &str = "azwire";
    /// The default lifetime of a token.
    pub const DEFAULT_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// Sets the port; 0 picks a free one.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets how long a token is valid; a fraction of a second is dropped.
    #[must_use]
    pub fn with_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Adds a principal. From then on only those that were added can sign in, each with
    /// its own roles.
    #[must_use]
    pub fn with_principal(mut self, principal: PrincipalConfig) -> Self {
        self.principals.push(principal);
        self
    }

    /// The principal that there is without settings.
    pub(crate) fn default_principal() -> PrincipalConfig {
        let mut principal = PrincipalConfig::new(Self::CLIENT_ID).with_secret(Self::CLIENT_SECRET);
        principal.object_id = Some(Self::OBJECT_ID.to_owned());
        principal.managed_identity = Some("azwire".to_owned());
        principal.system_assigned = true;
        principal.federated = true;
        principal
    }
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            port: Self::DEFAULT_PORT,
            tenant_id: Self::TENANT_ID.to_owned(),
            token_lifetime: Self::DEFAULT_TOKEN_LIFETIME,
            identity_header: Secret::new("azwire"),
            keys: Vec::new(),
            principals: Vec::new(),
        }
    }
}

/// An application or a managed identity.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrincipalConfig {
    /// The client id, also called application id: a GUID.
    pub client_id: String,
    /// The object id: a GUID, `oid` and `sub` in tokens. Default: made from the client id,
    /// always the same one.
    #[serde(default)]
    pub object_id: Option<String>,
    /// The secrets that it signs in with; each works.
    #[serde(default, deserialize_with = "secrets")]
    pub secrets: Vec<Secret>,
    /// Whether it signs in with a federated token, as a Kubernetes workload does.
    #[serde(default)]
    pub federated: bool,
    /// The name of the managed identity that it is, which then signs in by its client id, its
    /// object id or a resource id with this name. Default: none.
    #[serde(default)]
    pub managed_identity: Option<String>,
    /// Whether it is the managed identity of those who ask for none by name. At most one is.
    #[serde(default)]
    pub system_assigned: bool,
    /// Its roles. Default: none, so that both services refuse it.
    #[serde(default)]
    pub roles: Vec<RoleAssignment>,
    /// Further data actions, as in a custom role, with `*` for any text, such as
    /// `Microsoft.SignalRService/WebPubSub/*/read`.
    #[serde(default)]
    pub actions: Vec<String>,
}

impl PrincipalConfig {
    /// Creates a principal that has no role and cannot sign in yet.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            object_id: None,
            secrets: Vec::new(),
            federated: false,
            managed_identity: None,
            system_assigned: false,
            roles: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Adds a secret.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Makes it a managed identity of this name.
    #[must_use]
    pub fn with_managed_identity(mut self, name: impl Into<String>) -> Self {
        self.managed_identity = Some(name.into());
        self
    }

    /// Adds a role for everything.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.roles.push(RoleAssignment::new(role));
        self
    }

    /// Adds a role for one hub or one hybrid connection.
    #[must_use]
    pub fn with_role_at(mut self, role: Role, scope: impl Into<String>) -> Self {
        self.roles.push(RoleAssignment {
            role,
            scope: Some(scope.into()),
        });
        self
    }

    /// Adds a data action.
    #[must_use]
    pub fn with_action(mut self, action: impl Into<String>) -> Self {
        self.actions.push(action.into());
        self
    }
}

/// A role of a principal, and what it is for.
///
/// In a file it is text: the name of the role or its GUID, and with `@` a hub or a hybrid
/// connection.
///
/// ```
/// use azwire_emulator::{Role, RoleAssignment};
///
/// let assignment: RoleAssignment = "Azure Relay Listener@hc1".parse()?;
/// assert_eq!(assignment.role, Role::RelayListener);
/// assert_eq!(assignment.scope.as_deref(), Some("hc1"));
/// let by_guid: RoleAssignment = "12cf5a90-567b-43ae-8102-96cf46c7d9b4".parse()?;
/// assert_eq!(by_guid.role, Role::WebPubSubServiceOwner);
/// # Ok::<(), azwire_emulator::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RoleAssignment {
    /// The role.
    pub role: Role,
    /// The hub or the hybrid connection, compared without case; everything if there is none.
    pub scope: Option<String>,
}

impl RoleAssignment {
    /// Creates an assignment for everything.
    pub fn new(role: Role) -> Self {
        Self { role, scope: None }
    }
}

impl fmt::Display for RoleAssignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{}@{scope}", self.role),
            None => self.role.fmt(f),
        }
    }
}

impl FromStr for RoleAssignment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, scope) = match text.split_once('@') {
            Some((name, scope)) => (name, Some(scope.trim().trim_matches('/'))),
            None => (text, None),
        };
        if scope == Some("") {
            return Err(Error::message(format!(
                "role {text:?}: a hub or a hybrid connection must follow the @"
            )));
        }
        let name = name.trim();
        let role = Role::ALL.into_iter().find(|role| {
            role.name().eq_ignore_ascii_case(name) || role.id().eq_ignore_ascii_case(name)
        });
        let Some(role) = role else {
            let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
            return Err(Error::message(format!(
                "role {text:?}: not one of {}, nor the GUID of one",
                names.join(", ")
            )));
        };
        Ok(Self {
            role,
            scope: scope.map(str::to_owned),
        })
    }
}

impl<'de> Deserialize<'de> for RoleAssignment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A built-in role with rights on data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// `Web PubSub Service Owner`: everything.
    WebPubSubServiceOwner,
    /// `Web PubSub Service Reader`: whether there is such a connection, group or user.
    WebPubSubServiceReader,
    /// `Azure Relay Owner`: everything.
    RelayOwner,
    /// `Azure Relay Listener`: to listen.
    RelayListener,
    /// `Azure Relay Sender`: to send.
    RelaySender,
}

impl Role {
    pub(crate) const ALL: [Self; 5] = [
        Self::WebPubSubServiceOwner,
        Self::WebPubSubServiceReader,
        Self::RelayOwner,
        Self::RelayListener,
        Self::RelaySender,
    ];

    /// Returns its name in Azure.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebPubSubServiceOwner => "Web PubSub Service Owner",
            Self::WebPubSubServiceReader => "Web PubSub Service Reader",
            Self::RelayOwner => "Azure Relay Owner",
            Self::RelayListener => "Azure Relay Listener",
            Self::RelaySender => "Azure Relay Sender",
        }
    }

    /// Returns its GUID, which is the same in every subscription.
    pub fn id(self) -> &'static str {
        match self {
            Self::WebPubSubServiceOwner => "12cf5a90-567b-43ae-8102-96cf46c7d9b4",
            Self::WebPubSubServiceReader => "bfb1c7d2-fb1a-466b-b2ba-aee63b92deaf",
            Self::RelayOwner => "2787bf04-f1f5-4bfe-8383-c8a24483ee38",
            Self::RelayListener => "26e0b698-aa6d-4085-9386-aadae190014d",
            Self::RelaySender => "26baccc8-eea7-41f1-98f4-1762cc7f685d",
        }
    }

    /// Returns its data actions, with `*` for any text.
    pub(crate) fn actions(self) -> &'static str {
        match self {
            Self::WebPubSubServiceOwner => "Microsoft.SignalRService/WebPubSub/*",
            Self::WebPubSubServiceReader => "Microsoft.SignalRService/WebPubSub/*/read",
            Self::RelayOwner => "Microsoft.Relay/*",
            Self::RelayListener => "Microsoft.Relay/*/listen/action",
            Self::RelaySender => "Microsoft.Relay/*/send/action",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Secret>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.iter().any(String::is_empty) {
        return Err(serde::de::Error::custom("a secret must not be empty"));
    }
    Ok(texts.into_iter().map(Secret::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_or_has_its_guid() {
        for role in Role::ALL {
            for text in [role.name().to_ascii_lowercase(), role.id().to_owned()] {
                let parsed: RoleAssignment = text.parse().unwrap();
                assert_eq!(parsed, RoleAssignment::new(role));
            }
        }
        let scoped: RoleAssignment = " Azure Relay Sender @ /a/b/ ".parse().unwrap();
        assert_eq!(scoped.scope.as_deref(), Some("a/b"));
        assert_eq!(scoped.to_string(), "Azure Relay Sender@a/b");
        for wrong in [
            "",
            "Owner",
            "Contributor@hc1",
            "Azure Relay Owner@",
            "Azure Relay Owner@/",
        ] {
            let error = wrong.parse::<RoleAssignment>().unwrap_err().to_string();
            assert!(error.contains(wrong) && !error.contains('\n'), "{error}");
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_file_names_principals_and_their_roles() {
        let text = r#"
            [identity]
            port = 1
            tenant-id = "contoso.onmicrosoft.com"
            token-lifetime = 300
            identity-header = "h"
            [[identity.principals]]
            client-id = "22222222-2222-2222-2222-222222222222"
            secrets = ["s"]
            federated = true
            managed-identity = "worker"
            system-assigned = true
            roles = ["Web PubSub Service Owner@chat", "26e0b698-aa6d-4085-9386-aadae190014d"]
            actions = ["Microsoft.Relay/*/read"]
        "#;
        let config = crate::Config::from_toml(text).unwrap().identity.unwrap();
        assert_eq!(config.token_lifetime, Duration::from_secs(300));
        let principal = &config.principals[0];
        assert_eq!(principal.roles[1].role, Role::RelayListener);
        assert!(!format!("{config:?}").contains("\"s\""));
        for (wrong, named) in [
            ("[identity]\ntoken-lifetime = 0", "at least 1 second"),
            ("[[identity.principals]]\nsecrets = []", "client-id"),
            (
                "[[identity.principals]]\nclient-id = \"a\"\nsecrets = [\"\"]",
                "must not be empty",
            ),
            (
                "[[identity.principals]]\nclient-id = \"a\"\nroles = [\"Owner\"]",
                "Owner",
            ),
        ] {
            let error = crate::Config::from_toml(wrong).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains('\n'), "{error}");
        }
    }
}
