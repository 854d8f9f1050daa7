//! Signing in with Entra ID: which credential, in which cloud.

#[cfg(feature = "entra")]
mod azure_transport;
mod cloud;
#[cfg(feature = "entra")]
mod entra;
// Without the feature, only the names of its options are left.
#[cfg_attr(not(feature = "entra"), allow(dead_code))]
mod way;

pub(crate) use self::cloud::Cloud;

use auth::SharedTokenCredential;
use clap::Args;
use transport::net::Connector;

use self::way::Choice;
use crate::failure::{Failure, Result};

/// Which identity signs in, without a key.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Entra ID")]
#[cfg_attr(not(feature = "entra"), allow(dead_code))]
pub(crate) struct SignInOptions {
    /// Signs in with Entra ID, even if a connection string has a key, and by which
    /// credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto].
    #[arg(long, value_enum, value_name = "NAME", global = true)]
    credential: Option<Choice>,
    /// The client id of the application or of a user-assigned managed identity
    /// [default: AZURE_CLIENT_ID].
    #[arg(long, value_name = "ID", global = true)]
    client_id: Option<String>,
    /// The tenant in which the application or the developer signs in [default:
    /// AZURE_TENANT_ID, or the tool's own].
    #[arg(long, value_name = "ID", global = true)]
    tenant_id: Option<String>,
    /// The cloud of the service [default: that of the endpoint's suffix, or public].
    #[arg(long, value_enum, value_name = "NAME", global = true)]
    cloud: Option<Cloud>,
    /// The scope of the token, for a cloud with one of its own.
    #[arg(long, value_name = "URI", global = true)]
    scope: Option<String>,
}

impl SignInOptions {
    /// Whether the user asks for Entra ID.
    pub(crate) fn is_wanted(&self) -> bool {
        self.credential.is_some()
    }

    /// Returns the cloud that is named, or that of a host name.
    pub(crate) fn cloud_of(&self, host: &str) -> Cloud {
        self.cloud.unwrap_or_else(|| Cloud::of_host(host))
    }

    /// Returns the scope that is named, or that of the service.
    pub(crate) fn scope<'a>(&'a self, of_service: &'a str) -> &'a str {
        self.scope.as_deref().unwrap_or(of_service)
    }

    /// Returns the credential.
    #[cfg(feature = "entra")]
    pub(crate) fn credential(
        &self,
        cloud: Cloud,
        connector: &Connector,
    ) -> Result<SharedTokenCredential> {
        let lookup = crate::variables::text;
        let choice = match self.credential {
            Some(choice) => choice,
            None => Choice::from_variable(lookup("AZURE_TOKEN_CREDENTIALS"))
                .map_err(|text| Failure::usage(format!("AZURE_TOKEN_CREDENTIALS: {text}")))?,
        };
        let identity = entra::Identity {
            client_id: self.client_id.clone(),
            tenant_id: self.tenant_id.clone(),
            cloud,
        };
        entra::credential(&choice.ways(lookup), &identity, connector)
    }

    /// Returns the credential.
    #[cfg(not(feature = "entra"))]
    pub(crate) fn credential(&self, _: Cloud, _: &Connector) -> Result<SharedTokenCredential> {
        Err(Failure::usage(
            "there is no key, and this azwire was built without the feature entra, which signs in with Entra ID",
        ))
    }
}
