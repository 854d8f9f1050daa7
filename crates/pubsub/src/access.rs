//! Client access tokens: the user, roles and groups with which a client connects.

use std::fmt;
use std::time::Duration;
#[cfg(feature = "_hmac")]
use std::time::SystemTime;

use auth::Secret;
#[cfg(feature = "_hmac")]
use auth::{AccessKey, Claims, JwtSigner};
#[cfg(any(feature = "_hmac", feature = "service"))]
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::ser::{Serialize, SerializeStruct, Serializer};

#[cfg(any(feature = "_hmac", feature = "service"))]
use crate::{Endpoint, HubName};
use crate::{Error, GroupName, GroupPattern, Result, UserId};

/// A role: a permission of a client, as its token states it.
///
/// Source: the service's list of roles, wildcard patterns included; for group
/// state, the tokens of the official Chat clients. A client without
/// roles may send events and receive messages.
///
/// ```
/// use azwire_pubsub::{GroupPattern, Role};
///
/// let role = Role::SendToGroups(GroupPattern::new("room-*")?);
/// assert_eq!(role.to_string(), "webpubsub.sendToGroups.room-*");
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Join and leave any group.
    JoinLeaveAnyGroup,
    /// Join and leave one group.
    JoinLeaveGroup(GroupName),
    /// Join and leave the groups that match a pattern.
    JoinLeaveGroups(GroupPattern),
    /// Publish to any group.
    SendToAnyGroup,
    /// Publish to one group.
    SendToGroup(GroupName),
    /// Publish to the groups that match a pattern.
    SendToGroups(GroupPattern),
    /// Query the member states of any group.
    GetAnyGroupState,
    /// Query the member states of one group.
    GetGroupState(GroupName),
    /// Set or clear the connection's own state in any group.
    SetAnyGroupState,
    /// Set or clear the connection's own state in one group.
    SetGroupState(GroupName),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JoinLeaveAnyGroup => f.write_str("webpubsub.joinLeaveGroup"),
            Self::JoinLeaveGroup(group) => write!(f, "webpubsub.joinLeaveGroup.{group}"),
            Self::JoinLeaveGroups(pattern) => write!(f, "webpubsub.joinLeaveGroups.{pattern}"),
            Self::SendToAnyGroup => f.write_str("webpubsub.sendToGroup"),
            Self::SendToGroup(group) => write!(f, "webpubsub.sendToGroup.{group}"),
            Self::SendToGroups(pattern) => write!(f, "webpubsub.sendToGroups.{pattern}"),
            Self::GetAnyGroupState => f.write_str("webpubsub.getGroupState"),
            Self::GetGroupState(group) => write!(f, "webpubsub.getGroupState.{group}"),
            Self::SetAnyGroupState => f.write_str("webpubsub.setGroupState"),
            Self::SetGroupState(group) => write!(f, "webpubsub.setGroupState.{group}"),
        }
    }
}

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
    #[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs"))]
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

/// The answer of an application's endpoint, by custom `/negotiate`, to a client that asks for its
/// URL, in the form that the official SDKs return: JSON with `baseUrl`, `token` and `url`.
///
/// Serializing it exposes the token, which is its purpose: serialize it to the client that it
/// was made for, over `https://` and without caching, and nowhere else. `Debug` hides the token.
///
/// ```no_run
/// use azwire_pubsub::{ClientAccessOptions, ClientTokenResponse, Result, Role, ServiceClient};
///
/// // With axum: `Json(negotiate(&chat, "ann").await?)`.
/// async fn negotiate(chat: &ServiceClient, user: &str) -> Result<ClientTokenResponse> {
///     let access = ClientAccessOptions::default()
///         .with_user_id(user)?
///         .with_role(Role::JoinLeaveAnyGroup);
///     Ok(chat.client_access_url(access).await?.into_token_response())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ClientTokenResponse(ClientAccessUrl);

impl ClientTokenResponse {
    /// Returns what it was made from.
    pub fn access_url(&self) -> &ClientAccessUrl {
        &self.0
    }
}

impl Serialize for ClientTokenResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ClientTokenResponse", 3)?;
        fields.serialize_field("baseUrl", self.0.base_url())?;
        fields.serialize_field("token", self.0.token().expose())?;
        fields.serialize_field("url", self.0.url().expose())?;
        fields.end()
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

#[cfg(test)]
#[cfg(feature = "_hmac")]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

    fn sign(options: &ClientAccessOptions) -> Result<ClientAccessUrl> {
        ClientAccessUrl::sign(
            &"https://contoso.webpubsub.azure.com".parse().unwrap(),
            &HubName::new("chat").unwrap(),
            &AccessKey::new(KEY),
            options,
            UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        )
    }

    /// The published vectors, made by PyJWT.
    #[test]
    fn the_token_is_that_of_the_official_python_client() {
        let access = ClientAccessOptions::default()
            .with_user_id("user1")
            .unwrap()
            .with_role(Role::JoinLeaveAnyGroup)
            .with_role(Role::SendToGroup(GroupName::new("room1").unwrap()))
            .with_group("room1")
            .unwrap();
        let url = sign(&access).unwrap();
        assert!(
            url.token()
                .expose()
                .ends_with(".fsdc_qdUN4LScB5xidPyQsdGOoCZfkrgRaJtUazR_SY")
        );
        let url = sign(&ClientAccessOptions::default()).unwrap();
        assert!(
            url.url()
                .expose()
                .ends_with(".YBBDSdKBSXQaOSLDPoatzPoro4RXyMZIkEHTzEqWlMY")
        );
        let mqtt = ClientAccessOptions::default().with_protocol(ClientProtocol::Mqtt);
        assert!(
            sign(&mqtt)
                .unwrap()
                .token()
                .expose()
                .ends_with(".JfhC3NmHqWjHNx7-0-GkaQZZzPp3gqmg4bFdy0VhLa0")
        );
    }

    /// `getClientAccessToken` of the JavaScript client and `get_client_access_token` of the
    /// Python client return these three names.
    #[test]
    fn the_answer_to_a_client_is_that_of_the_official_clients() {
        let url = sign(&ClientAccessOptions::default()).unwrap();
        let (token, whole) = (url.token().clone(), url.url().clone());
        let response = url.into_token_response();
        let debug = format!("{response:?}");
        assert!(!debug.contains(token.expose()), "{debug}");
        assert_eq!(
            serde_json::to_value(&response).unwrap(),
            serde_json::json!({
                "baseUrl": "wss://contoso.webpubsub.azure.com/client/hubs/chat",
                "token": token.expose(),
                "url": whole.expose(),
            })
        );
    }

    #[test]
    fn the_address_follows_the_protocol() {
        for (protocol, url) in [
            (ClientProtocol::Default, "/client/hubs/chat"),
            (ClientProtocol::Mqtt, "/clients/mqtt/hubs/chat"),
            (ClientProtocol::SocketIo, "/clients/socketio/hubs/chat"),
        ] {
            let access = sign(&ClientAccessOptions::default().with_protocol(protocol)).unwrap();
            assert_eq!(
                access.base_url(),
                format!("wss://contoso.webpubsub.azure.com{url}")
            );
            let claims = Claims::decode_unverified(access.token().expose()).unwrap();
            assert_eq!(
                claims.audiences,
                [format!("https://contoso.webpubsub.azure.com{url}")]
            );
        }
    }

    #[test]
    fn a_hub_is_escaped_in_the_address_and_not_in_the_audience() {
        let access = ClientAccessUrl::sign(
            &"https://contoso.webpubsub.azure.com/a[b"
                .replace('[', "%5B")
                .parse()
                .unwrap(),
            &HubName::new("a_`,.[z]").unwrap(),
            &AccessKey::new(KEY),
            &ClientAccessOptions::default(),
            UNIX_EPOCH,
        )
        .unwrap();
        let path = "/a%5Bb/client/hubs/a_%60%2C.%5Bz%5D";
        let base_url = format!("wss://contoso.webpubsub.azure.com{path}");
        assert_eq!(access.base_url(), base_url);
        let url: http::Uri = access.url().expose().parse().unwrap();
        assert_eq!(url.path(), path);
        let claims = Claims::decode_unverified(access.token().expose()).unwrap();
        let audience = "https://contoso.webpubsub.azure.com/a%5Bb/client/hubs/a_`,.[z]";
        assert_eq!(claims.audiences, [audience]);
    }

    #[test]
    fn a_token_that_is_none_stays_in_its_parameter() {
        let url = ClientAccessUrl::new(
            &"https://contoso.webpubsub.azure.com".parse().unwrap(),
            &HubName::new("chat").unwrap(),
            ClientProtocol::Default,
            Secret::new("a-._~b c#d&e=f+g%h\nü"),
        );
        let parsed: http::Uri = url.url().expose().parse().unwrap();
        let query = "access_token=a-._~b%20c%23d%26e=f%2Bg%25h%0A%C3%BC";
        assert_eq!(parsed.query(), Some(query));
        assert_eq!(url.token().expose(), "a-._~b c#d&e=f+g%h\nü");
    }

    #[test]
    fn roles_are_written_as_the_service_reads_them() {
        let group = || GroupName::new("a.b").unwrap();
        let pattern = || GroupPattern::new("a.**").unwrap();
        for (role, text) in [
            (Role::JoinLeaveAnyGroup, "webpubsub.joinLeaveGroup"),
            (
                Role::JoinLeaveGroup(group()),
                "webpubsub.joinLeaveGroup.a.b",
            ),
            (
                Role::JoinLeaveGroups(pattern()),
                "webpubsub.joinLeaveGroups.a.**",
            ),
            (Role::SendToAnyGroup, "webpubsub.sendToGroup"),
            (Role::SendToGroup(group()), "webpubsub.sendToGroup.a.b"),
            (Role::SendToGroups(pattern()), "webpubsub.sendToGroups.a.**"),
            (Role::GetAnyGroupState, "webpubsub.getGroupState"),
            (Role::GetGroupState(group()), "webpubsub.getGroupState.a.b"),
            (Role::SetAnyGroupState, "webpubsub.setGroupState"),
            (Role::SetGroupState(group()), "webpubsub.setGroupState.a.b"),
        ] {
            assert_eq!(role.to_string(), text);
        }
    }

    #[test]
    fn a_lifetime_that_no_token_can_have_is_refused() {
        for lifetime in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
            let error = sign(&ClientAccessOptions::default().with_lifetime(lifetime)).unwrap_err();
            assert!(error.to_string().starts_with("lifetime: "), "{error}");
        }
    }
}
