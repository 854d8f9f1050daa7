//! Client access tokens: the user, roles and groups with which a client connects.

mod role;
#[cfg(test)]
#[cfg(feature = "_hmac")]
mod tests;
mod token_response;

pub use role::Role;
pub use token_response::ClientTokenResponse;

use std::time::Duration;
#[cfg(feature = "_hmac")]
use std::time::SystemTime;

use auth::Secret;
#[cfg(feature = "_hmac")]
use auth::{AccessKey, Claims, JwtSigner};
#[cfg(any(feature = "_hmac", feature = "service"))]
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

#[cfg(any(feature = "_hmac", feature = "service"))]
use crate::{Endpoint, HubName};
use crate::{Error, GroupName, Result, UserId};

/// The protocol that a client speaks; it determines the address.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClientProtocol {
    /// WebSocket with or without a Web PubSub subprotocol: `/client/hubs/{hub}`.
    #[default]
    Default,
    /// MQTT over WebSocket: `/clients/mqtt/hubs/{hub}`.
    Mqtt,
    /// Socket.IO: `/clients/socketio/hubs/{hub}`.
    SocketIo,
}

impl ClientProtocol {
    /// Returns the protocol's name in the service's REST interface.
    ///
    /// Its description lists `Default` and `MQTT`; the third is what the
    /// official Python and JavaScript clients send for Socket.IO.
    #[cfg(feature = "service")]
    pub(crate) fn client_type(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Mqtt => "MQTT",
            Self::SocketIo => "SocketIO",
        }
    }

    #[cfg(any(feature = "_hmac", feature = "service"))]
    fn path(self, hub: &HubName) -> String {
        match self {
            Self::Default => format!("/client/hubs/{hub}"),
            Self::Mqtt => format!("/clients/mqtt/hubs/{hub}"),
            Self::SocketIo => format!("/clients/socketio/hubs/{hub}"),
        }
    }
}

/// The options of a client access token.
///
/// ```
/// use std::time::Duration;
///
/// use azwire_pubsub::{ClientAccessOptions, Role};
///
/// let access = ClientAccessOptions::default()
///     .with_user_id("ann")?
///     .with_role(Role::SendToAnyGroup)
///     .with_group("room-7")?
///     .with_lifetime(Duration::from_secs(300));
/// assert_eq!(access.groups.len(), 1);
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "GetClientAccessTokenOptions")]
#[non_exhaustive]
pub struct ClientAccessOptions {
    /// The user id. Default: none, an anonymous client.
    pub user_id: Option<UserId>,
    /// The roles of the client. Default: none.
    pub roles: Vec<Role>,
    /// The groups that the client joins when it connects; needs no role. Default: none.
    pub groups: Vec<GroupName>,
    /// How long the token can be used to connect. An open connection outlives it.
    /// Default: [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME).
    /// Default: [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME).
    pub lifetime: Duration,
    /// The protocol that the client speaks. Default: [`ClientProtocol::Default`].
    pub protocol: ClientProtocol,
}

impl ClientAccessOptions {
    /// One hour, the default of the official clients.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// Sets the user id.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn with_user_id(
        mut self,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
    ) -> Result<Self> {
        self.user_id = Some(user_id.try_into().map_err(Into::into)?);
        Ok(self)
    }

    /// Adds a role.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds a group that the client joins when it connects.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn with_group(
        mut self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
    ) -> Result<Self> {
        self.groups.push(group.try_into().map_err(Into::into)?);
        Ok(self)
    }

    /// Sets how long the token can be used to connect: at least one second for a token that is
    /// signed locally, rounded up to whole minutes for a token that the service issues.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the protocol that the client speaks.
    #[must_use]
    pub fn with_protocol(mut self, protocol: ClientProtocol) -> Self {
        self.protocol = protocol;
        self
    }
}

/// Clones them, for options that many clients share.
impl From<&ClientAccessOptions> for Option<ClientAccessOptions> {
    fn from(options: &ClientAccessOptions) -> Self {
        Some(options.clone())
    }
}

impl Default for ClientAccessOptions {
    fn default() -> Self {
        Self {
            user_id: None,
            roles: Vec::new(),
            groups: Vec::new(),
            lifetime: Self::DEFAULT_LIFETIME,
            protocol: ClientProtocol::Default,
        }
    }
}

/// The URL with which a client connects: an address and a token. `Debug` hides the token.
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
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// # use auth as azwire_auth;
    /// use azwire_auth::AccessKey;
    /// use azwire_pubsub::{ClientAccessOptions, ClientAccessUrl};
    ///
    /// let url = ClientAccessUrl::sign(
    ///     &"https://contoso.webpubsub.azure.com".parse()?,
    ///     &"chat".parse()?,
    ///     &AccessKey::new("key"),
    ///     &ClientAccessOptions::default(),
    ///     UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    /// )?;
    /// assert_eq!(url.base_url(), "wss://contoso.webpubsub.azure.com/client/hubs/chat");
    /// # Ok::<(), azwire_pubsub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a lifetime under one
    /// second, or one whose expiry the system cannot represent.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn sign(
        endpoint: &Endpoint,
        hub: &HubName,
        key: &AccessKey,
        options: &ClientAccessOptions,
        now: SystemTime,
    ) -> Result<Self> {
        Self::sign_with(endpoint, hub, &JwtSigner::new(key), options, now)
    }

    /// Like [`sign`](Self::sign), with a key that is already parsed.
    #[cfg(feature = "_hmac")]
    pub(crate) fn sign_with(
        endpoint: &Endpoint,
        hub: &HubName,
        signer: &JwtSigner,
        options: &ClientAccessOptions,
        now: SystemTime,
    ) -> Result<Self> {
        if options.lifetime < Duration::from_secs(1) {
            return Err(Error::invalid("lifetime", "must be at least one second"));
        }
        let expires_on = now.checked_add(options.lifetime).ok_or_else(|| {
            Error::invalid("lifetime", "is too long: the expiry cannot be represented")
        })?;
        let audience = format!("{endpoint}{}", options.protocol.path(hub));
        let mut claims = Claims::new(audience, expires_on)
            .with_issued_at(now)
            .with_roles(options.roles.iter().map(Role::to_string))
            .with_groups(options.groups.iter().map(GroupName::to_string));
        if let Some(user) = &options.user_id {
            claims = claims.with_subject(user.as_str());
        }
        let token = signer.sign(&claims);
        Ok(Self::new(endpoint, hub, options.protocol, token))
    }

    /// Creates the URL for a token that is already signed.
    #[cfg(any(feature = "_hmac", feature = "service"))]
    pub(crate) fn new(
        endpoint: &Endpoint,
        hub: &HubName,
        protocol: ClientProtocol,
        token: Secret,
    ) -> Self {
        let path = protocol.path(hub);
        let path = utf8_percent_encode(&path, PATH);
        let base_url = format!("{}{path}", endpoint.websocket());
        let query = utf8_percent_encode(token.expose(), QUERY);
        let url = Secret::new(format!("{base_url}?access_token={query}"));
        Self {
            base_url,
            token,
            url,
        }
    }

    /// Returns the address without the token. Characters of the hub name that are not allowed
    /// in a path are percent-encoded; in the token's audience they are not.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the token.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Returns the whole URL, `{base_url}?access_token={token}`, with the token percent-encoded
    /// where a query requires it.
    pub fn url(&self) -> &Secret {
        &self.url
    }

    /// Turns this into what an application answers a client that asks for its URL, which is the
    /// only form that serializes.
    pub fn into_token_response(self) -> ClientTokenResponse {
        ClientTokenResponse(self)
    }
}

/// The characters that a hub name may contain but a path may not (RFC 3986 §3.3), and the
/// comma, which the official clients escape too.
#[cfg(any(feature = "_hmac", feature = "service"))]
const PATH: &AsciiSet = &CONTROLS.add(b'`').add(b',').add(b'[').add(b']');

/// The characters that are not allowed in a query value (RFC 3986 §3.4). A JSON Web Token has
/// none of them, but the service's tokens need not be JSON Web Tokens.
#[cfg(any(feature = "_hmac", feature = "service"))]
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'`');
