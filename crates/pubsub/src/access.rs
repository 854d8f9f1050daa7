//! Client access: who may connect to a hub, as whom, and with which roles.

use std::fmt;
use std::time::{Duration, SystemTime};

use auth::{AccessKey, Claims, JwtSigner, Secret};

use crate::{Endpoint, Error, GroupName, HubName, Result, UserId};

/// What a client may do, as written into its token.
///
/// Source: the service's list of roles; without any a client may send events and receive.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Join and leave any group.
    JoinLeaveAnyGroup,
    /// Join and leave one group.
    JoinLeaveGroup(GroupName),
    /// Publish to any group.
    SendToAnyGroup,
    /// Publish to one group.
    SendToGroup(GroupName),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JoinLeaveAnyGroup => f.write_str("webpubsub.joinLeaveGroup"),
            Self::JoinLeaveGroup(group) => write!(f, "webpubsub.joinLeaveGroup.{group}"),
            Self::SendToAnyGroup => f.write_str("webpubsub.sendToGroup"),
            Self::SendToGroup(group) => write!(f, "webpubsub.sendToGroup.{group}"),
        }
    }
}

/// What goes into a client's token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientAccessOptions {
    /// The user; anonymous without one.
    pub user_id: Option<UserId>,
    /// What the client may do.
    pub roles: Vec<Role>,
    /// The groups that the client is in from the start; needs no role.
    pub groups: Vec<GroupName>,
    /// How long the token can be used to connect. An open connection outlives it.
    pub lifetime: Duration,
}

impl ClientAccessOptions {
    /// One hour, the official clients' default.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// Names the user.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn with_user_id<U>(mut self, user_id: U) -> Result<Self>
    where
        U: TryInto<UserId>,
        U::Error: Into<Error>,
    {
        self.user_id = Some(user_id.try_into().map_err(Into::into)?);
        Ok(self)
    }

    /// Adds a role.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds a group that the client is in from the start.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a bad name.
    pub fn with_group<G>(mut self, group: G) -> Result<Self>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        self.groups.push(group.try_into().map_err(Into::into)?);
        Ok(self)
    }

    /// Sets how long the token can be used to connect.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

impl Default for ClientAccessOptions {
    fn default() -> Self {
        Self {
            user_id: None,
            roles: Vec::new(),
            groups: Vec::new(),
            lifetime: Self::DEFAULT_LIFETIME,
        }
    }
}

/// A URL with which a client connects: an address and a token.
#[derive(Clone, Debug)]
#[doc(alias = "WebPubSubClientAccessToken")]
pub struct ClientAccessUrl {
    base_url: String,
    token: Secret,
    url: Secret,
}

impl ClientAccessUrl {
    /// Signs a token for `hub` at `endpoint`; pure.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a lifetime under one second.
    pub fn sign(
        endpoint: &Endpoint,
        hub: &HubName,
        key: &AccessKey,
        options: &ClientAccessOptions,
        now: SystemTime,
    ) -> Result<Self> {
        if options.lifetime < Duration::from_secs(1) {
            return Err(Error::invalid("lifetime", "must be at least one second"));
        }
        let path = format!("/client/hubs/{hub}");
        let mut claims = Claims::new(format!("{endpoint}{path}"), now + options.lifetime)
            .with_issued_at(now)
            .with_roles(options.roles.iter().map(Role::to_string))
            .with_groups(options.groups.iter().map(GroupName::to_string));
        if let Some(user) = &options.user_id {
            claims = claims.with_subject(user.as_str());
        }
        let token = JwtSigner::new(key).sign(&claims);
        let base_url = format!("{}{path}", endpoint.websocket());
        let url = Secret::new(format!("{base_url}?access_token={}", token.expose()));
        Ok(Self {
            base_url,
            token,
            url,
        })
    }

    /// The address without the token.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The token.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// The whole URL: `{base_url}?access_token={token}`.
    pub fn url(&self) -> &Secret {
        &self.url
    }
}
