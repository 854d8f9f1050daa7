//! The settings of the Web PubSub side.

use std::time::Duration;

use auth::Secret;
use serde::Deserialize;

use super::event_handler::EventHandlerConfig;
use super::seconds::{seconds, whole};
use super::secret::{optional_secret, secret};

/// The settings of the Web PubSub side.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PubSubConfig {
    /// Whether there is Web PubSub at all; default: yes.
    pub enabled: bool,
    /// The port; 0 picks a free one.
    pub port: u16,
    /// The access key.
    #[serde(deserialize_with = "secret")]
    pub access_key: Secret,
    /// The second access key, equivalent to the first.
    #[serde(deserialize_with = "optional_secret")]
    pub secondary_key: Option<Secret>,
    /// Whether Entra tokens are accepted, by audience and expiry alone: their signature is not
    /// checked.
    pub allow_unvalidated_entra_tokens: bool,
    /// Whether the resource is one for Socket.IO, which generates tokens for
    /// Socket.IO clients on request; otherwise it refuses `clientType=socketio`.
    pub socket_io: bool,
    /// The hubs, compared without case, whose clients need no token. The
    /// `connect` handler decides their permissions.
    pub anonymous_hubs: Vec<String>,
    /// The handlers of client events. Of several for one hub, the first match receives an event.
    pub event_handlers: Vec<EventHandlerConfig>,
    /// What happens to a client whose event, sent without an ack id, cannot be handled;
    /// default: it stays. Closing it shows a test that an event went nowhere.
    pub on_event_failure: EventFailure,
    /// How often an idle client is pinged, at most every 10 ms; zero is never.
    /// Default: 20 s. In a file: whole seconds, at least one.
    #[serde(deserialize_with = "whole")]
    pub keep_alive_interval: Duration,
    /// How long a client may be silent before it is dropped; zero is forever.
    /// Default: 60 s. In a file: whole seconds, at least one.
    #[serde(deserialize_with = "whole")]
    pub keep_alive_timeout: Duration,
    /// How long the response to the opening of a client, and each acknowledgement, is held back;
    /// default: zero. In a file: seconds.
    ///
    /// For clients that begin to wait for an answer only after they have sent, and miss
    /// one that comes before: the synchronous Python client then waits 30 s. It is real
    /// time, not that of the emulator's clock.
    #[serde(deserialize_with = "seconds")]
    pub reply_delay: Duration,
}

impl PubSubConfig {
    /// The default port, which is that of Microsoft's `awps-emulator`.
    pub const DEFAULT_PORT: u16 = 8080;
    /// The default access key, which is that of Microsoft's `awps-emulator`, so that settings for
    /// one work with the other.
    pub const DEFAULT_ACCESS_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    /// The default interval between pings. The service's is not published; it was
    /// seen to drop silent clients after 20 s at the earliest.
    pub const DEFAULT_KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
    /// The default time without an answer: three pings.
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
            enabled: true,
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
            reply_delay: Duration::ZERO,
        }
    }
}

/// What happens to a client with a subprotocol whose event, sent without an ack
/// id, cannot be handled. With an ack id it always receives an error, and
/// without a subprotocol it is always closed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum EventFailure {
    /// It is closed with 1011, as the service's metrics say.
    Close,
    /// It stays, and the log says so; the default, as with Microsoft's `awps-emulator`.
    #[default]
    Keep,
}

impl EventFailure {
    /// Returns the name in a file.
    #[cfg(feature = "cli")]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Keep => "keep",
        }
    }
}
