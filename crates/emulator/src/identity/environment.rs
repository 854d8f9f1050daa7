//! The environment variables with which official credentials sign in at the emulator. Pure.

use std::path::Path;
use std::str::FromStr;

use super::authority::{ADFS, Authority};
use super::principal::Wanted;
use crate::Error;

/// A way to sign in that SDKs read from environment variables.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignIn {
    /// As an App Service does: `ManagedIdentityCredential`. Works with every SDK, and needs
    /// neither a tenant nor TLS.
    #[default]
    ManagedIdentity,
    /// With a secret: `EnvironmentCredential`, and `ClientSecretCredential` where a program
    /// reads the same variables.
    ClientSecret,
    /// With a token from a file, as Kubernetes does: `WorkloadIdentityCredential`.
    WorkloadIdentity,
}

impl SignIn {
    /// All ways, the one that needs least first.
    pub const ALL: [Self; 3] = [
        Self::ManagedIdentity,
        Self::ClientSecret,
        Self::WorkloadIdentity,
    ];

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ManagedIdentity => "managed-identity",
            Self::ClientSecret => "client-secret",
            Self::WorkloadIdentity => "workload-identity",
        }
    }

    /// The one credential that `DefaultAzureCredential` shall use: no other may send a real
    /// token of the developer to the emulator.
    fn credential(self) -> &'static str {
        match self {
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::ClientSecret => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
        }
    }
}

impl FromStr for SignIn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|way| way.name() == text);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|way| way.name()).collect();
            Error::message(format!("{text:?} is not one of {}", names.join(", ")))
        })
    }
}

/// Where an authority is to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// Of the managed identity endpoint.
    pub(super) endpoint: &'a str,
    /// Of the authority, over TLS.
    pub(super) authority: &'a str,
    pub(super) token_file: &'a Path,
    pub(super) ca_file: &'a Path,
}

/// Returns the variables for a way to sign in; none if no principal signs in so.
pub(super) fn variables(
    authority: &Authority,
    way: SignIn,
    places: Places<'_>,
) -> Vec<(&'static str, String)> {
    let mut variables = Vec::new();
    let mut set = |name: &'static str, value: &str| variables.push((name, value.to_owned()));
    let principals = &authority.principals;
    let at_authority = |set: &mut dyn FnMut(&'static str, &str), client_id: &str| {
        set("AZURE_AUTHORITY_HOST", places.authority);
        // Not the tenant's own id: for any other, most SDKs ask the public cloud first.
        set("AZURE_TENANT_ID", ADFS);
        set("AZURE_CLIENT_ID", client_id);
    };
    match way {
        SignIn::ManagedIdentity => {
            let system = principals.managed_identity(Wanted::SystemAssigned);
            let Some(principal) = system.or_else(|| principals.first_managed_identity()) else {
                return variables;
            };
            set("IDENTITY_ENDPOINT", places.endpoint);
            set("IDENTITY_HEADER", authority.identity_header.expose());
            if system.is_none() {
                set("AZURE_CLIENT_ID", &principal.client_id);
            }
        }
        SignIn::ClientSecret => {
            let Some((principal, secret)) = principals.first_with_secret() else {
                return variables;
            };
            at_authority(&mut set, &principal.client_id);
            set("AZURE_CLIENT_SECRET", secret.expose());
        }
        SignIn::WorkloadIdentity => {
            let Some(principal) = principals.first_federated() else {
                return variables;
            };
            at_authority(&mut set, &principal.client_id);
            set(
                "AZURE_FEDERATED_TOKEN_FILE",
                &places.token_file.to_string_lossy(),
            );
        }
    }
    set("AZURE_TOKEN_CREDENTIALS", way.credential());
    let ca_file = places.ca_file.to_string_lossy();
    for name in CERTIFICATE_VARIABLES {
        set(name, &ca_file);
    }
    variables
}

/// What Node, Python's requests and websocket-client, and OpenSSL, aiohttp, Rust and Go on
/// Linux read the certificates to trust from.
const CERTIFICATE_VARIABLES: [&str; 4] = [
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "WEBSOCKET_CLIENT_CA_BUNDLE",
];
