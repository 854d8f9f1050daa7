//! The settings of an emulator: ports, keys, event handlers, hybrid connections.
//!
//! They come from a TOML file; flags take precedence.

#[cfg(feature = "cli")]
mod appsettings;
mod event_handler;
mod group_presence;
mod hybrid_connection;
mod identity;
mod pubsub;
mod relay;
mod rule;
mod seconds;
mod secret;
mod system_event;

#[cfg(feature = "cli")]
pub(crate) use self::appsettings::AppSettings;
pub use self::event_handler::EventHandlerConfig;
pub use self::group_presence::{GroupPresence, GroupPresenceEvent};
pub use self::hybrid_connection::HybridConnectionConfig;
pub use self::identity::{IdentityConfig, PrincipalConfig, Role, RoleAssignment};
pub use self::pubsub::{EventFailure, PubSubConfig};
pub use self::relay::{RelayConfig, RelayDelays, RelayLimits};
pub use self::rule::{RelayRight, RelayRule};
pub use self::system_event::SystemEvent;

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::{Error, Result};

/// The settings of an emulator. Unknown keys in a file are errors.
///
/// ```toml
/// hosts = ["127.0.0.1", "::1"]
/// advertise = "emulator.local"
/// certificates = "target/azwire-emulator"
/// certificate-names = ["*.servicebus.windows.net"]
/// journal-bytes = 16777216
///
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
/// limits = { response-timeout = 10, control-idle = 240 }
/// delays = "azure"
///
/// [identity]
/// port = 9444
/// token-lifetime = 3600
/// [[identity.principals]]
/// client-id = "22222222-2222-2222-2222-222222222222"
/// secrets = ["azwire"]
/// system-assigned = true
/// roles = ["Web PubSub Service Owner", "Azure Relay Listener@hc1"]
/// ```
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The addresses that every port listens on. Default: none, which means loopback,
    /// `127.0.0.1` and, where the machine has it, `::1`.
    ///
    /// `0.0.0.0` and `::` stand for all addresses of the machine. Beyond loopback, others can
    /// reach the emulator, whose default keys are public.
    pub hosts: Vec<IpAddr>,
    /// The host name or address by which clients reach the emulator, without a port. It stands in
    /// endpoints, connection strings and the certificate. Default: the first of
    /// [`hosts`](Self::hosts) that other machines can use, or else loopback.
    pub advertise: Option<String>,
    /// The folder for the throw-away certificate authority; reused if it has one.
    /// Without it, the key lives in memory, and `ca.pem` in a temporary folder.
    pub certificates: Option<PathBuf>,
    /// Further names for the certificate, such as `*.servicebus.windows.net`. It always has
    /// `localhost`, the loopback addresses, [`advertise`](Self::advertise), and those of
    /// [`hosts`](Self::hosts) that are a single address.
    pub certificate_names: Vec<String>,
    /// How many bytes of memory the newest records of the [journal](crate::journal) may take; the oldest
    /// make room. Default: 16 MiB, some 20,000 records. 0 switches the journal off, which then costs
    /// nothing; other values are at least 65,536.
    pub journal_bytes: usize,
    /// The identity side, which issues Entra ID tokens. Default: none, in a library; the program
    /// has one.
    pub identity: Option<IdentityConfig>,
    /// The Web PubSub side.
    pub pubsub: PubSubConfig,
    /// The Relay side.
    pub relay: RelayConfig,
}

impl Config {
    /// The default of [`journal_bytes`](Self::journal_bytes).
    pub const DEFAULT_JOURNAL_BYTES: usize = 16 * 1024 * 1024;

    /// The smallest [`journal_bytes`](Self::journal_bytes) besides 0.
    pub const LEAST_JOURNAL_BYTES: usize = 64 * 1024;

    /// Checks that the journal has room, and that there is something to emulate.
    pub(crate) fn check(&self) -> Result<()> {
        if (1..Self::LEAST_JOURNAL_BYTES).contains(&self.journal_bytes) {
            return Err(Error::message(format!(
                "journal-bytes is {}: it is 0, or at least {}",
                self.journal_bytes,
                Self::LEAST_JOURNAL_BYTES
            )));
        }
        let has_pubsub = cfg!(feature = "pubsub") && self.pubsub.enabled;
        let has_relay = cfg!(feature = "relay") && self.relay.enabled;
        if has_pubsub || has_relay {
            return Ok(());
        }
        Err(Error::message(
            "neither Web PubSub nor Relay is enabled: there is nothing to emulate",
        ))
    }

    /// Reads the settings from a TOML file.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the file and the problem.
    #[cfg(feature = "cli")]
    pub fn from_file(path: &std::path::Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(format!("cannot read {}: {error}", path.display()), error)
        })?;
        Self::from_toml(&text)
            .map_err(|error| Error::message(format!("{}: {error}", path.display())))
    }

    /// Reads the settings from TOML text.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the line and the key.
    #[cfg(feature = "cli")]
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            // The parser's full text spans lines and quotes the source, which may contain a key.
            Error::message(format!(
                "line {line}: {}",
                error.message().replace('\n', " ")
            ))
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            advertise: None,
            certificates: None,
            certificate_names: Vec::new(),
            journal_bytes: Self::DEFAULT_JOURNAL_BYTES,
            identity: None,
            pubsub: PubSubConfig::default(),
            relay: RelayConfig::default(),
        }
    }
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
    fn events_of_a_handler_are_named_in_any_case() {
        let read = |events: &str| {
            let text = format!("[[pubsub.event-handlers]]\nhub = \"h\"\nurl = \"u\"\n{events}\n");
            Config::from_toml(&text).map(|config| config.pubsub.event_handlers[0].clone())
        };
        let handler = read("system-events = [\"Connect\", \"DISCONNECTED\"]\ngroup-presence-events = { event-names = [\"Joined\"] }").unwrap();
        let system = [SystemEvent::Connect, SystemEvent::Disconnected];
        assert_eq!(handler.system_events, system);
        let presence = GroupPresence::new([""; 0]).with_event_names([GroupPresenceEvent::Joined]);
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
