//! The line that the program prints when it is ready. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::identity::{Identity, SignIn};
#[cfg(feature = "pubsub")]
use crate::pubsub::PubSub;
#[cfg(feature = "relay")]
use crate::relay::Relay;

/// The addresses and keys that a program needs to use an emulator.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyLine<'a> {
    #[cfg(feature = "pubsub")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pubsub: Option<PubSubLine>,
    #[cfg(feature = "relay")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relay: Option<RelayLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<IdentityLine>,
    /// The certificate to trust for TLS, on every port.
    pub(crate) ca_certificate: &'a Path,
    /// The address of the admin API.
    pub(crate) control: String,
}

/// The identity side.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityLine {
    authority: String,
    tenant_id: String,
    token_endpoint: String,
    /// The variables with which `DefaultAzureCredential` and `ManagedIdentityCredential` sign in.
    environment: Variables,
    /// The variables for each way to sign in, by its name on the command line.
    environments: BTreeMap<&'static str, Variables>,
}

type Variables = BTreeMap<&'static str, String>;

impl IdentityLine {
    pub(crate) fn of(identity: &Identity) -> Self {
        let variables = |way| identity.environment(way).into_iter().collect();
        Self {
            authority: identity.authority(),
            tenant_id: identity.tenant_id().to_owned(),
            token_endpoint: identity.managed_identity_endpoint(),
            environment: variables(SignIn::ManagedIdentity),
            environments: SignIn::ALL.map(|way| (way.name(), variables(way))).into(),
        }
    }
}

/// The Web PubSub side.
#[cfg(feature = "pubsub")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PubSubLine {
    endpoint: String,
    connection_string: String,
    secure_endpoint: String,
    secure_connection_string: String,
}

#[cfg(feature = "pubsub")]
impl PubSubLine {
    pub(crate) fn of(pubsub: &PubSub) -> Self {
        Self {
            endpoint: pubsub.endpoint(),
            connection_string: pubsub.connection_string().expose().to_owned(),
            secure_endpoint: pubsub.secure_endpoint(),
            secure_connection_string: pubsub.secure_connection_string().expose().to_owned(),
        }
    }
}

/// The Relay side.
#[cfg(feature = "relay")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RelayLine<'a> {
    endpoint: String,
    connection_string: String,
    plain_connection_string: String,
    hybrid_connections: &'a [String],
    ca_certificate: &'a Path,
}

#[cfg(feature = "relay")]
impl<'a> RelayLine<'a> {
    pub(crate) fn of(relay: &'a Relay) -> Self {
        Self {
            endpoint: relay.endpoint(),
            connection_string: relay.namespace_string(false),
            plain_connection_string: relay.namespace_string(true),
            hybrid_connections: &relay.paths,
            ca_certificate: relay.ca_certificate(),
        }
    }
}
