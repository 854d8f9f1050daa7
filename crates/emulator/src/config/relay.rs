//! The settings of the Relay side.

use std::time::Duration;

use auth::Secret;
use serde::Deserialize;

use super::hybrid_connection::HybridConnectionConfig;
use super::rule::RelayRule;
use super::seconds::{optional_seconds, seconds};
use super::secret::{optional_secret, secret};

/// The settings of the Relay side.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelayConfig {
    /// Whether there is Relay at all; default: yes.
    pub enabled: bool,
    /// The TLS port; 0 picks a free one.
    pub port: u16,
    /// The plain-text port; 0 picks a free one.
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
    /// Whether a listener creates the hybrid connection that it listens on.
    pub auto_create: bool,
    /// Whether Entra tokens are accepted, by audience and expiry alone: their signature is not
    /// checked.
    pub allow_unvalidated_entra_tokens: bool,
    /// Limits and times.
    pub limits: RelayLimits,
    /// The relay's own latency.
    pub delays: RelayDelays,
}

impl RelayConfig {
    /// The default TLS port.
    pub const DEFAULT_PORT: u16 = 9443;
    /// The default plain-text port.
    pub const DEFAULT_PLAIN_PORT: u16 = 9080;
    /// The default key, which is public.
    pub const DEFAULT_KEY: &str = "YXp3aXJlLWVtdWxhdG9yLXJvb3Qta2V5LTAwMDAwMDA=";
    /// The rule that every namespace has.
    pub const RULE: &str = "RootManageSharedAccessKey";
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            port: Self::DEFAULT_PORT,
            plain_port: Self::DEFAULT_PLAIN_PORT,
            key: Secret::new(Self::DEFAULT_KEY),
            secondary_key: None,
            rules: Vec::new(),
            hybrid_connections: vec![HybridConnectionConfig::new("hc1")],
            auto_create: false,
            allow_unvalidated_entra_tokens: false,
            limits: RelayLimits::default(),
            delays: RelayDelays::default(),
        }
    }
}

/// Limits and times of the Relay side; the defaults are the service's. A file gives times in seconds.
///
/// A time of zero is no limit, except for [`token_grace`](Self::token_grace).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelayLimits {
    /// How many listeners a hybrid connection may have; default: 25.
    pub listeners: usize,
    /// How long a listener may take to accept a WebSocket; default: 30 s.
    #[serde(deserialize_with = "seconds")]
    pub accept_timeout: Duration,
    /// How long a listener may take to begin a response, and between two pieces of one;
    /// default: 60 s.
    #[serde(deserialize_with = "seconds")]
    pub response_timeout: Duration,
    /// How long an expired token is still accepted; default: 5 min, as observed at the service.
    #[serde(deserialize_with = "seconds")]
    pub token_grace: Duration,
    /// The age at which a control channel is recycled with close code 1011; default: 24 h.
    #[serde(deserialize_with = "seconds")]
    pub listener_lifetime: Duration,
    /// How long a control channel may be without traffic before it is dropped
    /// without a close frame; `None`, the default, is forever. Azure's load
    /// balancer drops it after about 4 min.
    #[serde(deserialize_with = "optional_seconds")]
    pub control_idle: Option<Duration>,
}

impl RelayLimits {
    /// Returns the limits as they are enforced: one that is off is beyond every clock.
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

/// The latency of the relay between a sender and a listener, in both directions.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum RelayDelays {
    /// No added latency.
    #[default]
    None,
    /// About the latency that a sender in the namespace's region sees on Azure:
    /// 20 to 60 ms on the way to the listener and as much on the way back. An
    /// estimate from public reports, seeded by the count of senders.
    Azure,
}

impl RelayDelays {
    /// Returns the name in a file.
    #[cfg(feature = "cli")]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Azure => "azure",
        }
    }
}
