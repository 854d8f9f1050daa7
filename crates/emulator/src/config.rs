//! What an emulator serves: ports, keys, hybrid connections. A TOML file, then flags.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use auth::Secret;
use serde::Deserialize;

#[cfg(feature = "pubsub")]
use crate::pubsub::pattern::Pattern;
use crate::{Error, Result};

/// The settings of an emulator. Unknown keys of a file are errors.
///
/// ```toml
/// [pubsub]
/// port = 8080
/// access-key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
/// secondary-key = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
/// anonymous-hubs = ["lobby"]
/// event-handlers = [
///     { hub = "chat", url = "http://localhost:3000/api/{hub}/{event}", user-events = "*", system-events = ["connect"] },
///     { hub = "rooms", url = "http://localhost:3000/", group-presence-events = { event-names = ["joined", "left"], group-filters = ["room1", "chat*"] } },
/// ]
///
/// [relay]
/// port = 9443
/// plain-port = 9080
/// key = "c2VjcmV0"
/// hybrid-connections = ["hc1", "open:anonymous", { path = "own", rules = [
///     { name = "listen", key = "bGlzdGVu", rights = ["listen"] },
/// ] }]
/// rules = [{ name = "send", key = "c2VuZA==", secondary-key = "b3RoZXI=", rights = ["send"] }]
/// certificates = "target/azwire-emulator"
/// certificate-names = ["*.servicebus.windows.net"]
/// limits = { response-timeout = 10, control-idle = 240 }
/// delays = "azure"
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
    /// The second access key, which is as good as the first.
    #[serde(deserialize_with = "optional_secret")]
    pub secondary_key: Option<Secret>,
    /// Whether Entra tokens are taken, by audience and expiry alone: their signature is not checked.
    pub allow_unvalidated_entra_tokens: bool,
    /// Whether it is a resource of the Socket.IO kind, which makes tokens for
    /// Socket.IO clients on request; otherwise it refuses `clientType=socketio`.
    pub socket_io: bool,
    /// The hubs, compared without case, whose clients need no token. What they
    /// may do is up to the `connect` handler.
    pub anonymous_hubs: Vec<String>,
    /// Who takes the events of clients. Of several for one hub the first that takes an event gets it.
    pub event_handlers: Vec<EventHandlerConfig>,
    /// What becomes of a client whose event, sent without an ack id, cannot be handled.
    pub on_event_failure: EventFailure,
    /// How often a silent client is pinged, at the most every 10 ms; zero is
    /// never. In a file: whole seconds, at least one.
    #[serde(deserialize_with = "interval")]
    pub keep_alive_interval: Duration,
    /// After how long a silence a client is dropped; zero is never. In a file:
    /// whole seconds, at least one.
    #[serde(deserialize_with = "interval")]
    pub keep_alive_timeout: Duration,
}

impl PubSubConfig {
    /// The port that Microsoft's `awps-emulator` listens on.
    pub const DEFAULT_PORT: u16 = 8080;
    /// The access key of Microsoft's `awps-emulator`, so that settings for one work with the other.
    pub const DEFAULT_ACCESS_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    /// The service's interval is not published; clients were seen to be dropped after 20 s of silence at its sooner end.
    pub const DEFAULT_KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
    /// Three pings without an answer.
    pub const DEFAULT_KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(60);

    /// The keys that sign, the primary one first.
    #[cfg(feature = "pubsub")]
    pub(crate) fn keys(&self) -> Vec<auth::AccessKey> {
        let keys = [Some(&self.access_key), self.secondary_key.as_ref()];
        let keys = keys.into_iter().flatten();
        keys.map(|key| auth::AccessKey::new(key.clone())).collect()
    }
}

impl Default for PubSubConfig {
    fn default() -> Self {
        Self {
            port: Self::DEFAULT_PORT,
            access_key: Secret::new(Self::DEFAULT_ACCESS_KEY),
            secondary_key: None,
            allow_unvalidated_entra_tokens: false,
            socket_io: false,
            anonymous_hubs: Vec::new(),
            event_handlers: Vec::new(),
            on_event_failure: EventFailure::default(),
            keep_alive_interval: Self::DEFAULT_KEEP_ALIVE_INTERVAL,
            keep_alive_timeout: Self::DEFAULT_KEEP_ALIVE_TIMEOUT,
        }
    }
}

/// An event handler of a hub, also written `HUB=URL-TEMPLATE`.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventHandlerConfig {
    /// The hub, compared without case.
    pub hub: String,
    /// The URL, in which `{hub}` and `{event}`, in any case, are replaced.
    pub url: String,
    /// The user events that it takes: `*` for all, or patterns with commas
    /// between, compared without case; empty for none. In a pattern `?` is one
    /// character but a dot, `*` any number of them, `**` any number of any
    /// characters, and `\` takes one of `?*\` as it is.
    #[serde(default = "all_user_events")]
    pub user_events: String,
    /// The system events that it takes; default: all three.
    #[serde(default = "all_system_events")]
    pub system_events: Vec<SystemEvent>,
    /// The changes of groups that it is told of; default: none.
    #[serde(default)]
    pub group_presence_events: Option<GroupPresence>,
}

impl EventHandlerConfig {
    /// A handler for every event of a hub.
    pub fn new(hub: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            hub: hub.into(),
            url: url.into(),
            user_events: all_user_events(),
            system_events: all_system_events(),
            group_presence_events: None,
        }
    }

    /// Sets [`user_events`](Self::user_events).
    #[must_use]
    pub fn user_events(mut self, pattern: impl Into<String>) -> Self {
        self.user_events = pattern.into();
        self
    }

    /// Sets [`system_events`](Self::system_events).
    #[must_use]
    pub fn system_events(mut self, events: impl IntoIterator<Item = SystemEvent>) -> Self {
        self.system_events = events.into_iter().collect();
        self
    }

    /// Sets [`group_presence_events`](Self::group_presence_events).
    #[must_use]
    pub fn group_presence_events(mut self, presence: GroupPresence) -> Self {
        self.group_presence_events = Some(presence);
        self
    }

    /// Checks what the parts do not check by themselves.
    ///
    /// # Errors
    ///
    /// One line that names the hub and the rule. The URL is not shown: it may
    /// hold a code.
    #[cfg(feature = "pubsub")]
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |rule: &str| {
            let hub = &self.hub;
            Err(Error::message(format!("event handler of {hub:?}: {rule}")))
        };
        if pubsub::HubName::new(&self.hub).is_err() {
            return wrong("the hub has no valid name");
        }
        if self.url.contains("{@") {
            return wrong("references to Key Vault are not supported here");
        }
        let Ok(url) = self.url_for("h", "e").parse::<http::Uri>() else {
            return wrong("the URL is not one");
        };
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        let Some(authority) = url.authority().filter(|_| is_http) else {
            return wrong("the URL must begin with http:// or https:// and a host");
        };
        // A parameter in the host would have been filled in.
        if !self.url.contains(authority.as_str()) {
            return wrong("{hub} and {event} may not stand in the host");
        }
        let mut patterns = self.user_events.split(',').map(str::trim);
        if patterns.any(|it| !it.is_empty() && Pattern::parse(it, usize::MAX).is_none()) {
            return wrong("a pattern of user-events is not one");
        }
        let presence = self.group_presence_events.iter();
        let mut filters = presence.flat_map(|presence| &presence.group_filters);
        if filters.any(|it| Pattern::parse(it, usize::MAX).is_none()) {
            return wrong("a pattern of group-filters is not one");
        }
        Ok(())
    }

    /// The URL for an event, or for another word in its place.
    #[cfg(feature = "pubsub")]
    pub(crate) fn url_for(&self, hub: &str, event: &str) -> String {
        let mut url = String::with_capacity(self.url.len() + hub.len() + event.len());
        let mut rest = match self.url.split_once("://") {
            Some((scheme, rest)) => {
                url.push_str(&scheme.to_ascii_lowercase());
                url.push_str("://");
                rest
            }
            None => &self.url,
        };
        while let Some(at) = rest.find('{') {
            url.push_str(&rest[..at]);
            rest = &rest[at..];
            let parameter = [("{hub}", hub), ("{event}", event)]
                .into_iter()
                .find(|(name, _)| {
                    let part = rest.get(..name.len());
                    part.is_some_and(|part| part.eq_ignore_ascii_case(name))
                });
            let length = match parameter {
                Some((name, value)) => {
                    url.extend(percent_encoding::utf8_percent_encode(value, RESERVED));
                    name.len()
                }
                None => {
                    url.push('{');
                    1
                }
            };
            rest = &rest[length..];
        }
        url.push_str(rest);
        url
    }

    #[cfg(feature = "pubsub")]
    pub(crate) fn takes_user_event(&self, name: &str) -> bool {
        self.user_events.split(',').map(str::trim).any(|pattern| {
            // The documentation says that this is any event; a wildcard stops at dots.
            pattern == "*"
                || Pattern::parse(pattern, usize::MAX)
                    .is_some_and(|pattern| pattern.matches_without_case(name))
        })
    }

    #[cfg(feature = "pubsub")]
    pub(crate) fn takes_presence(&self, event: GroupPresenceEvent, group: &str) -> bool {
        let Some(presence) = &self.group_presence_events else {
            return false;
        };
        let filters = &presence.group_filters;
        presence.event_names.contains(&event)
            && (filters.is_empty()
                || filters.iter().any(|filter| {
                    filter == "*"
                        || Pattern::parse(filter, usize::MAX)
                            .is_some_and(|pattern| pattern.matches(group))
                }))
    }
}

impl fmt::Debug for EventHandlerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Before and behind the host and the path there may be a password or a code.
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let user = host.rfind('@').map_or(0, |at| at + 1);
        f.debug_struct("EventHandlerConfig")
            .field("hub", &self.hub)
            .field("url", &format_args!("{scheme}://{}", &rest[user..]))
            .field("user_events", &self.user_events)
            .field("system_events", &self.system_events)
            .field("group_presence_events", &self.group_presence_events)
            .finish()
    }
}

impl std::str::FromStr for EventHandlerConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some((hub, url)) if !hub.is_empty() && starts_with_http(url) => Ok(Self::new(hub, url)),
            // The URL may hold a code; it is not shown.
            _ => Err(Error::message(
                "an event handler is written HUB=URL-TEMPLATE",
            )),
        }
    }
}

/// Which changes of groups an event handler is told of.
///
/// Source: `groupPresenceEvents` of a hub's settings in Azure Resource Manager.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupPresence {
    /// The events; none of them means nothing.
    pub event_names: Vec<GroupPresenceEvent>,
    /// Patterns of the groups; default: none, which means every group. `*` is
    /// every group, too; otherwise `?` is one character but a dot, `*` any number
    /// of them, `**` any number of any characters, `\` takes one of `?*\` as
    /// it is, and capital letters are other letters.
    #[serde(default)]
    pub group_filters: Vec<String>,
}

impl GroupPresence {
    /// Both events of the groups that one of the patterns fits; without a
    /// pattern, of every group.
    pub fn new<S: Into<String>>(group_filters: impl IntoIterator<Item = S>) -> Self {
        Self {
            event_names: GroupPresenceEvent::ALL.to_vec(),
            group_filters: group_filters.into_iter().map(Into::into).collect(),
        }
    }

    /// Sets [`event_names`](Self::event_names).
    #[must_use]
    pub fn event_names(mut self, events: impl IntoIterator<Item = GroupPresenceEvent>) -> Self {
        self.event_names = events.into_iter().collect();
        self
    }
}

/// A change of a group's members. In a file its name may have any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum GroupPresenceEvent {
    /// A connection has joined the group.
    Joined,
    /// A connection has left the group, or is over.
    Left,
}

impl GroupPresenceEvent {
    const ALL: [Self; 2] = [Self::Joined, Self::Left];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
        }
    }
}

impl<'de> Deserialize<'de> for GroupPresenceEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut all = Self::ALL.into_iter();
        all.find(|event| event.as_str().eq_ignore_ascii_case(&name))
            .ok_or_else(|| serde::de::Error::unknown_variant(&name, &["joined", "left"]))
    }
}

/// An event that the service itself raises. In a file its name may have any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SystemEvent {
    /// A client wants to connect.
    Connect,
    /// A client is connected.
    Connected,
    /// A client's session is over.
    Disconnected,
}

impl SystemEvent {
    const ALL: [Self; 3] = [Self::Connect, Self::Connected, Self::Disconnected];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        }
    }
}

impl<'de> Deserialize<'de> for SystemEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut all = Self::ALL.into_iter();
        all.find(|event| event.as_str().eq_ignore_ascii_case(&name))
            .ok_or_else(|| {
                let names = &["connect", "connected", "disconnected"];
                serde::de::Error::unknown_variant(&name, names)
            })
    }
}

/// What becomes of a client with a subprotocol whose event, sent without an ack
/// id, cannot be handled. With an ack id it gets an error in any case, and
/// without a subprotocol it is closed in any case.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum EventFailure {
    /// It is closed with 1011, as the service's metrics say.
    #[default]
    Close,
    /// It stays, as with Microsoft's `awps-emulator`.
    Keep,
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
    /// The second key of that rule.
    #[serde(deserialize_with = "optional_secret")]
    pub secondary_key: Option<Secret>,
    /// Further rules of the namespace.
    pub rules: Vec<RelayRule>,
    /// The hybrid connections.
    pub hybrid_connections: Vec<HybridConnectionConfig>,
    /// Whether a listener makes the hybrid connection that it listens on.
    pub auto_create: bool,
    /// Whether Entra tokens are taken, by audience and expiry alone: their signature is not checked.
    pub allow_unvalidated_entra_tokens: bool,
    /// The folder for the throw-away certificate authority; reused when it holds one.
    /// Without it the certificates live in memory, and `ca.pem` in a temporary folder.
    pub certificates: Option<PathBuf>,
    /// Names for the certificate beside `localhost` and the loopback addresses,
    /// such as `*.servicebus.windows.net`.
    pub certificate_names: Vec<String>,
    /// Limits and times.
    pub limits: RelayLimits,
    /// How long the relay itself takes.
    pub delays: RelayDelays,
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
            secondary_key: None,
            rules: Vec::new(),
            hybrid_connections: vec![HybridConnectionConfig::new("hc1")],
            auto_create: false,
            allow_unvalidated_entra_tokens: false,
            certificates: None,
            certificate_names: Vec::new(),
            limits: RelayLimits::default(),
            delays: RelayDelays::default(),
        }
    }
}

/// A rule: a name, one or two keys, and the rights that a token signed with them gives.
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

/// What a rule allows.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum RelayRight {
    /// To hold a control channel.
    Listen,
    /// Everything.
    Manage,
    /// To connect and to send requests.
    Send,
}

/// Limits and times of the Relay side; the defaults are the service's. A file gives times in seconds.
///
/// A time of zero is no limit, but for [`token_grace`](Self::token_grace).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelayLimits {
    /// How many listeners a hybrid connection may have: 25.
    pub listeners: usize,
    /// How long a listener may take to accept a WebSocket: 30 s.
    #[serde(deserialize_with = "seconds")]
    pub accept_timeout: Duration,
    /// How long a listener may take to begin a response, and between two pieces of one: 60 s.
    #[serde(deserialize_with = "seconds")]
    pub response_timeout: Duration,
    /// For how long an expired token is still taken: 5 min, as was seen at the service.
    #[serde(deserialize_with = "seconds")]
    pub token_grace: Duration,
    /// After how long a control channel is recycled with close code 1011: 24 h.
    #[serde(deserialize_with = "seconds")]
    pub listener_lifetime: Duration,
    /// After how long without traffic a control channel is cut without a word;
    /// `None`, the default, is never. Azure's load balancer takes about 4 min.
    #[serde(deserialize_with = "optional_seconds")]
    pub control_idle: Option<Duration>,
}

impl RelayLimits {
    /// The limits as they are kept: what is off is beyond every clock.
    #[cfg(feature = "relay")]
    pub(crate) fn effective(&self) -> Self {
        let time = |option: Duration| match option {
            Duration::ZERO => Duration::MAX,
            time => time,
        };
        Self {
            listeners: self.listeners,
            accept_timeout: time(self.accept_timeout),
            response_timeout: time(self.response_timeout),
            token_grace: self.token_grace,
            listener_lifetime: time(self.listener_lifetime),
            control_idle: self.control_idle.filter(|idle| !idle.is_zero()),
        }
    }
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            listeners: 25,
            accept_timeout: Duration::from_secs(30),
            response_timeout: Duration::from_secs(60),
            token_grace: Duration::from_secs(5 * 60),
            listener_lifetime: Duration::from_secs(24 * 60 * 60),
            control_idle: None,
        }
    }
}

/// How long the relay takes to hand a sender to a listener, and the answer back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum RelayDelays {
    /// As long as it takes.
    #[default]
    None,
    /// About what a sender in the namespace's region sees on Azure: 20 to 60 ms
    /// on the way to the listener and as much on the way back. An estimate from
    /// public reports, seeded by the count of senders.
    Azure,
}

/// One hybrid connection; in a file a table, or text of the form `path` or `path:anonymous`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HybridConnectionConfig {
    /// The path, which may hold slashes.
    pub path: String,
    /// Whether senders need a token.
    pub requires_client_authorization: bool,
    /// Rules of this hybrid connection alone; they go before the namespace's.
    pub rules: Vec<RelayRule>,
    /// The text that the description of the entity holds.
    pub user_metadata: String,
}

impl HybridConnectionConfig {
    /// Creates a hybrid connection without rules of its own, whose senders need a token.
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
        f.write_str("a name or a table of a hybrid connection")
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

/// The service's limit, in the units of UTF-16.
const MAX_PATH: usize = 260;

fn all_user_events() -> String {
    "*".to_owned()
}

fn all_system_events() -> Vec<SystemEvent> {
    SystemEvent::ALL.to_vec()
}

fn starts_with_http(url: &str) -> bool {
    url.get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

fn interval<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom("must be at least 1 second")),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(serde::de::Error::custom("a key must not be empty"));
    }
    Ok(Secret::new(text))
}

fn optional_secret<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    secret(deserializer).map(Some)
}

/// Seconds, whole or not.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
}

fn optional_seconds<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

fn yes() -> bool {
    true
}

/// What may not stand in a part of a URL as it is: everything but the unreserved characters.
#[cfg(feature = "pubsub")]
const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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

    #[cfg(feature = "pubsub")]
    #[test]
    fn user_events_are_chosen_by_patterns_without_case() {
        for (pattern, name, takes) in [
            ("*", "a.b", true),
            ("*,x", "y", true),
            ("EV", "ev", true),
            ("e*", "Event", true),
            ("e*", "e.vent", false),
            ("e**", "e.vent", true),
            ("a?", "ab", true),
            ("a?", "a", false),
            (" a , b ", "B", true),
            ("a", "ab", false),
            ("", "a", false),
            ("a,,b", "a", true),
        ] {
            let handler = EventHandlerConfig::new("chat", "http://h/").user_events(pattern);
            assert_eq!(handler.takes_user_event(name), takes, "{pattern} {name}");
            handler.check().unwrap();
        }
        let wrong = EventHandlerConfig::new("chat", "http://h/").user_events("a\\b");
        assert!(
            wrong
                .check()
                .unwrap_err()
                .to_string()
                .contains("user-events")
        );
    }

    #[cfg(feature = "pubsub")]
    #[test]
    fn groups_are_chosen_by_patterns_with_case() {
        use GroupPresenceEvent::{Joined, Left};

        let handler = EventHandlerConfig::new("chat", "http://h/");
        assert!(!handler.takes_presence(Joined, "g"));
        for (filters, group, takes) in [
            (&[][..], "any.group", true),
            (&["*"], "any.group", true),
            (&["group1", "group2*"], "group1", true),
            (&["group1", "group2*"], "group23", true),
            (&["group1", "group2*"], "group11", false),
            (&["group1"], "Group1", false),
            (&["a.*"], "a.b", true),
            (&["a*"], "a.b", false),
            (&["a**"], "a.b", true),
        ] {
            let presence = GroupPresence::new(filters.iter().copied());
            let handler = handler.clone().group_presence_events(presence.clone());
            handler.check().unwrap();
            assert_eq!(
                handler.takes_presence(Left, group),
                takes,
                "{filters:?} {group}"
            );
            let one = handler.group_presence_events(presence.event_names([Joined]));
            assert!(!one.takes_presence(Left, group));
        }
        let wrong = handler.group_presence_events(GroupPresence::new(["a\\"]));
        assert!(
            wrong
                .check()
                .unwrap_err()
                .to_string()
                .contains("group-filters")
        );
    }

    #[cfg(feature = "pubsub")]
    #[test]
    fn templates_take_parameters_in_any_case() {
        for (template, url) in [
            ("http://h/{hub}/{event}", "http://h/a%2Cb/e.1"),
            ("HTTP://h/{Hub}?e={EVENT}", "http://h/a%2Cb?e=e.1"),
            ("http://h/{hubs}/{}/{", "http://h/{hubs}/{}/{"),
        ] {
            let handler = EventHandlerConfig::new("a,b", template);
            assert_eq!(handler.url_for("a,b", "e.1"), url);
        }
        let hosts = ["http://{Hub}.example/", "http://x{EVENT}/"];
        for host in hosts.map(|url| EventHandlerConfig::new("chat", url)) {
            assert!(host.check().unwrap_err().to_string().contains("host"));
        }
    }

    #[test]
    fn events_of_a_handler_are_named_in_any_case() {
        let read = |events: &str| {
            let text = format!("[[pubsub.event-handlers]]\nhub = \"h\"\nurl = \"u\"\n{events}\n");
            Config::from_toml(&text).map(|config| config.pubsub.event_handlers[0].clone())
        };
        let handler = read("system-events = [\"Connect\", \"DISCONNECTED\"]\ngroup-presence-events = { event-names = [\"Joined\"] }").unwrap();
        let system = [SystemEvent::Connect, SystemEvent::Disconnected];
        assert_eq!(handler.system_events, system);
        let presence = GroupPresence::new([""; 0]).event_names([GroupPresenceEvent::Joined]);
        assert_eq!(handler.group_presence_events, Some(presence));
        for wrong in [
            "system-events = [\"joined\"]",
            "group-presence-events = {}",
            "group-presence-events = { event-names = [\"connect\"] }",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_secrets_of_a_url_are_not_printed() {
        for (url, shown) in [
            ("http://u:pass@h:1/{hub}?code=pass", "http://h:1/{hub},"),
            ("https://h#pass", "https://h,"),
            ("pass", "://,"),
        ] {
            let printed = format!("{:?}", EventHandlerConfig::new("chat", url));
            assert!(
                printed.contains(shown) && !printed.contains("pass"),
                "{printed}"
            );
        }
    }

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

    #[test]
    fn unknown_keys_and_wrong_values_are_named_in_one_line() {
        for (text, named) in [
            ("[pubsub]\nprot = 1\n", "prot"),
            ("[relay]\n\nhybrid-connections = [\"a b\"]\n", "a b"),
            ("[relay]\nhybrid-connections = [\"a:b\"]\n", "a:b"),
            ("[pubsub]\naccess-key = \"\"\n", "must not be empty"),
            ("[pubsub]\nkeep-alive-interval = 0\n", "at least 1 second"),
            ("[[pubsub.event-handlers]]\nhub = \"h\"\n", "url"),
            ("[pubsub\n", "line 1"),
        ] {
            let error = Config::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains('\n'), "{error}");
        }
    }
}
