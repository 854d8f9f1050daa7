//! The credentials of `azure_identity`, over our HTTP client.

use std::sync::{Arc, OnceLock};

use auth::{AccessToken, AzureCoreCredential, ErrorKind, SharedTokenCredential, TokenCredential};
use azure_core::cloud::CloudConfiguration;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use transport::net::Connector;

use super::azure_transport::AzureTransport;
use super::cloud::Cloud;
use super::way::Way;
use crate::exit::Exit;
use crate::failure::{Failure, Result, chain};
use crate::variables;

/// Whose token is wanted.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) client_id: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) cloud: Cloud,
}

/// Returns a credential that tries the ways in turn, and then keeps to the first that works.
pub(super) fn credential(
    ways: &[Way],
    identity: &Identity,
    connector: &Connector,
) -> Result<SharedTokenCredential> {
    let is_only = ways.len() == 1;
    let client = Arc::new(AzureTransport::new(connector.clone()));
    let mut sources = Vec::new();
    for way in ways {
        let options = ClientOptions {
            transport: Some(Transport::new(client.clone())),
            cloud: cloud(identity.cloud).map(Arc::new),
            // Of several ways, those that nobody answers must not hold up the others.
            retry: match is_only {
                true => RetryOptions::exponential(ExponentialRetryOptions {
                    max_retries: MAX_RETRIES,
                    ..ExponentialRetryOptions::default()
                }),
                false => RetryOptions::none(),
            },
            ..ClientOptions::default()
        };
        let source = source(*way, identity, options).map_err(|error| {
            let text = format!("--credential {}: {}", way.name(), chain(&error));
            Failure::new(Exit::SignIn, text)
        })?;
        sources.push((*way, AzureCoreCredential::new(source)));
    }
    Ok(SharedTokenCredential::new(Chain {
        sources,
        chosen: OnceLock::new(),
    }))
}

fn source(
    way: Way,
    identity: &Identity,
    client_options: ClientOptions,
) -> azure_core::Result<Arc<dyn azure_core::credentials::TokenCredential>> {
    let client_id = || {
        identity
            .client_id
            .clone()
            .or_else(|| variable("AZURE_CLIENT_ID"))
    };
    let tenant_id = || {
        identity
            .tenant_id
            .clone()
            .or_else(|| variable("AZURE_TENANT_ID"))
    };
    Ok(match way {
        Way::Environment => {
            let tenant = required("AZURE_TENANT_ID", tenant_id())?;
            let client = required("AZURE_CLIENT_ID", client_id())?;
            let secret = required("AZURE_CLIENT_SECRET", variable("AZURE_CLIENT_SECRET"))?;
            let options = Some(ClientSecretCredentialOptions { client_options });
            ClientSecretCredential::new(&tenant, client, secret.into(), options)?
        }
        Way::WorkloadIdentity => {
            let credential_options = ClientAssertionCredentialOptions { client_options };
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options,
                client_id: identity.client_id.clone(),
                tenant_id: identity.tenant_id.clone(),
                ..Default::default()
            }))?
        }
        Way::ManagedIdentity => {
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id().map(UserAssignedId::ClientId),
                client_options,
            }))?
        }
        Way::AzureCli => AzureCliCredential::new(Some(AzureCliCredentialOptions {
            tenant_id: identity.tenant_id.clone(),
            ..Default::default()
        }))?,
        Way::AzureDeveloperCli => {
            AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                tenant_id: identity.tenant_id.clone(),
                ..Default::default()
            }))?
        }
    })
}

/// Returns the configuration of a cloud; none where `AZURE_AUTHORITY_HOST` says where to sign in.
fn cloud(cloud: Cloud) -> Option<CloudConfiguration> {
    if variable("AZURE_AUTHORITY_HOST").is_some() {
        return None;
    }
    match cloud {
        Cloud::Public => None,
        Cloud::China => Some(CloudConfiguration::AzureChina),
        Cloud::UsGovernment => Some(CloudConfiguration::AzureGovernment),
    }
}

fn variable(name: &str) -> Option<String> {
    variables::text(name).filter(|value| !value.is_empty())
}

fn required(name: &str, value: Option<String>) -> azure_core::Result<String> {
    value.ok_or_else(|| {
        let text = format!("the variable {name} is not set");
        azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, text)
    })
}

/// Several credentials, of which the first that gives a token is used from then on.
#[derive(Debug)]
struct Chain {
    sources: Vec<(Way, AzureCoreCredential)>,
    chosen: OnceLock<usize>,
}

#[transport::async_trait]
impl TokenCredential for Chain {
    async fn token(&self, scopes: &[&str]) -> auth::Result<AccessToken> {
        if let Some((_, source)) = self.chosen.get().and_then(|index| self.sources.get(*index)) {
            return source.token(scopes).await;
        }
        let mut reasons = Vec::new();
        for (index, (way, source)) in self.sources.iter().enumerate() {
            tracing::debug!(credential = way.name(), "asking for a token");
            match source.token(scopes).await {
                Ok(token) => {
                    // A call at the same time may have chosen the same.
                    let _ = self.chosen.set(index);
                    return Ok(token);
                }
                Err(error) => reasons.push(format!("{}: {}", way.name(), reason(&error))),
            }
        }
        let text = reasons.join("; ");
        Err(auth::Error::message(ErrorKind::Credential, text))
    }
}

/// Returns what a credential says, without advice that fits no terminal.
fn reason(error: &auth::Error) -> String {
    let text = chain(error);
    let text = text.trim_start_matches("failed to get a token: ");
    let end = text.find("To troubleshoot, visit").unwrap_or(text.len());
    text[..end].trim().to_owned()
}

/// Someone waits at a terminal; what listens asks again by itself.
const MAX_RETRIES: u32 = 2;
