//! What an emulator serves: ports, keys, hybrid connections. A TOML file, then flags.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use auth::Secret;
use serde::Deserialize;

use crate::event_handler::EventHandlerConfig;
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

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::event_handler::{GroupPresence, GroupPresenceEvent, SystemEvent};

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
