//! The line that the program prints when it is ready. Pure.

#[cfg(feature = "relay")]
use std::path::PathBuf;

use serde::Serialize;

#[cfg(feature = "pubsub")]
use crate::pubsub::PubSub;
#[cfg(feature = "relay")]
use crate::relay::Relay;

/// The addresses and keys that a program needs to use an emulator.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyLine {
    #[cfg(feature = "pubsub")]
    pub(crate) pubsub: PubSubLine,
    #[cfg(feature = "relay")]
    pub(crate) relay: RelayLine,
    /// The address of the admin API.
    #[cfg(feature = "pubsub")]
    pub(crate) control: String,
}

/// The Web PubSub side.
#[cfg(feature = "pubsub")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PubSubLine {
    endpoint: String,
    connection_string: String,
}

#[cfg(feature = "pubsub")]
impl PubSubLine {
    pub(crate) fn of(pubsub: &PubSub) -> Self {
        Self {
            endpoint: pubsub.endpoint(),
            connection_string: pubsub.connection_string().expose().to_owned(),
        }
    }
}

/// The Relay side.
#[cfg(feature = "relay")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RelayLine {
    endpoint: String,
    connection_string: String,
    plain_connection_string: String,
    hybrid_connections: Vec<String>,
    ca_certificate: PathBuf,
}

#[cfg(feature = "relay")]
impl RelayLine {
    pub(crate) fn of(relay: &Relay) -> Self {
        Self {
            endpoint: relay.endpoint(),
            connection_string: relay.namespace_string(false),
            plain_connection_string: relay.namespace_string(true),
            hybrid_connections: relay.paths.clone(),
            ca_certificate: relay.ca_certificate().to_owned(),
        }
    }
}
