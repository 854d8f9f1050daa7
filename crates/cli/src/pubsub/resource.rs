//! Which Web PubSub resource, which hub, and with which credential.

use std::path::PathBuf;
use std::time::Duration;

use auth::{AccessKey, Secret};
use clap::Args;
use pubsub::{ConnectionString, Endpoint, HubName, ServiceClient, ServiceCredential};
use transport::SharedHttpClient;
use transport::net::{Connector, HyperClient};
use transport::pipeline::RetryOptions;

use crate::failure::{Failure, Result};
use crate::network::NetworkOptions;
use crate::sign_in::SignInOptions;
use crate::{duration, secret, variables};

/// The resource: a connection string, or an endpoint with a key or with Entra ID.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Resource")]
pub(crate) struct ResourceOptions {
    /// The hub [default: WEBPUBSUB_HUB].
    #[arg(long, value_name = "NAME", global = true)]
    hub: Option<String>,
    /// The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key:
    /// prefer the variable, a file or standard input.
    #[arg(long, value_name = "STRING", global = true)]
    connection_string: Option<String>,
    /// Reads the connection string from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", global = true)]
    connection_string_file: Option<PathBuf>,
    /// The address of the resource, such as https://contoso.webpubsub.azure.com or
    /// only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used.
    #[arg(long, value_name = "URL", global = true)]
    endpoint: Option<String>,
    /// The access key for --endpoint. Prefer --key-file.
    #[arg(long, value_name = "KEY", global = true)]
    key: Option<String>,
    /// Reads the access key from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// How often a request is sent again if the service is busy or cannot be reached.
    #[arg(long, value_name = "N", default_value_t = 2, global = true)]
    retries: u32,
    /// How long each request may take, its answer included.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "100s", global = true)]
    request_timeout: Duration,
    #[command(flatten)]
    sign_in: SignInOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

/// A resource that is known, with what signs for it.
#[derive(Debug)]
pub(crate) struct Resource {
    endpoint: Endpoint,
    credential: Credential,
    connector: Connector,
    allow_plain_text: bool,
    retries: u32,
    request_timeout: Duration,
}

#[derive(Debug)]
enum Credential {
    Key(AccessKey),
    Entra(auth::SharedTokenCredential, String),
}

impl ResourceOptions {
    /// Returns the service client for the hub.
    pub(crate) fn service(&self) -> Result<ServiceClient> {
        self.resource()?.service(self.hub()?)
    }

    /// Returns the hub that is named.
    pub(crate) fn hub(&self) -> Result<HubName> {
        let named = self.hub.clone().map(|hub| ("--hub", hub));
        let named = named.or_else(|| variables::first(&["WEBPUBSUB_HUB"], variables::text));
        let (name, hub) = named.ok_or_else(|| {
            Failure::usage("no hub: name it with --hub NAME or the variable WEBPUBSUB_HUB")
        })?;
        HubName::new(hub).map_err(|error| Failure::from(error).while_doing(name))
    }

    /// Returns the connector for everything that is sent.
    pub(crate) fn connector(&self) -> Result<Connector> {
        self.network.connector()
    }

    pub(crate) fn resource(&self) -> Result<Resource> {
        let connector = self.network.connector()?;
        let (endpoint, key) = self.address()?.ok_or_else(|| Failure::usage(MISSING))?;
        let credential = match key {
            Some(key) if !self.sign_in.is_wanted() => Credential::Key(key),
            _ => {
                let uri: http::Uri = endpoint.as_str().parse().unwrap_or_default();
                let cloud = self.sign_in.cloud_of(uri.host().unwrap_or_default());
                let scope = cloud.pubsub_scope();
                let credential = self.sign_in.credential(cloud, &connector)?;
                Credential::Entra(credential, self.sign_in.scope(&scope).to_owned())
            }
        };
        Ok(Resource {
            endpoint,
            credential,
            connector,
            allow_plain_text: self.network.allows_plain_text(),
            retries: self.retries,
            request_timeout: self.request_timeout,
        })
    }

    /// Returns the endpoint and the key, from the first of: options, variables.
    pub(crate) fn address(&self) -> Result<Option<(Endpoint, Option<AccessKey>)>> {
        let strings = usize::from(self.connection_string.is_some())
            + usize::from(self.connection_string_file.is_some());
        if strings + usize::from(self.endpoint.is_some()) > 1 {
            return Err(Failure::usage(
                "--connection-string, --connection-string-file and --endpoint exclude each other",
            ));
        }
        if self.key.is_some() && self.key_file.is_some() {
            let text = "--key and --key-file cannot be used together";
            return Err(Failure::usage(text));
        }
        let is_with_key = self.key.is_some() || self.key_file.is_some();
        if let Some(text) = &self.connection_string {
            if text.to_ascii_lowercase().contains("accesskey") {
                let instead = "WEBPUBSUB_CONNECTION_STRING or --connection-string-file";
                secret::warn("--connection-string", instead);
            }
            return self
                .parsed("--connection-string", &Secret::new(text.as_str()))
                .map(Some);
        }
        if let Some(path) = &self.connection_string_file {
            let name = "--connection-string-file";
            return self.parsed(name, &secret::read(name, path)?).map(Some);
        }
        let endpoint = match &self.endpoint {
            Some(endpoint) => Some(("--endpoint", endpoint.clone())),
            None => {
                let name = ["WEBPUBSUB_CONNECTION_STRING"];
                if let Some((name, text)) = variables::first(&name, variables::text) {
                    return self.parsed(name, &Secret::new(text)).map(Some);
                }
                variables::first(&["WEBPUBSUB_ENDPOINT"], variables::text)
            }
        };
        let Some((name, text)) = endpoint else {
            if is_with_key {
                return Err(Failure::usage("a key needs --endpoint URL"));
            }
            return Ok(None);
        };
        let endpoint = self.endpoint(&text);
        let endpoint = endpoint.map_err(|error| Failure::from(error).while_doing(name))?;
        Ok(Some((endpoint, self.given_key()?)))
    }

    fn given_key(&self) -> Result<Option<AccessKey>> {
        let (name, key) = match (&self.key, &self.key_file) {
            (Some(key), _) => {
                secret::warn("--key", "--key-file");
                ("--key", Secret::new(key.as_str()))
            }
            (None, Some(path)) => ("--key-file", secret::read("--key-file", path)?),
            (None, None) => return Ok(None),
        };
        let key = AccessKey::parse(key);
        key.map(Some)
            .map_err(|error| Failure::from(error).while_doing(name))
    }

    fn parsed(&self, name: &str, text: &Secret) -> Result<(Endpoint, Option<AccessKey>)> {
        if self.key.is_some() || self.key_file.is_some() {
            let text = format!("--key and --key-file belong to --endpoint; {name} has a key");
            return Err(Failure::usage(text));
        }
        let parsed: ConnectionString = text
            .expose()
            .parse()
            .map_err(|error: pubsub::Error| Failure::from(error).while_doing(name))?;
        Ok((parsed.endpoint().clone(), Some(parsed.access_key().clone())))
    }

    /// Parses an address, a host name, or the name of a resource.
    fn endpoint(&self, text: &str) -> pubsub::Result<Endpoint> {
        let text = text.trim();
        if text.contains("://") {
            return text.parse();
        }
        let is_name = !text.contains(['.', ':', '/']) && text != "localhost";
        if is_name && !text.is_empty() {
            let suffix = self.sign_in.cloud_of("").pubsub_suffix();
            return format!("https://{text}.{suffix}").parse();
        }
        format!("https://{text}").parse()
    }
}

impl Resource {
    /// Returns the service client for a hub.
    pub(crate) fn service(self, hub: HubName) -> Result<ServiceClient> {
        let (credential, scope) = match self.credential {
            Credential::Key(key) => (ServiceCredential::from(key), None),
            Credential::Entra(credential, scope) => {
                (ServiceCredential::from(credential), Some(scope))
            }
        };
        let client = SharedHttpClient::new(HyperClient::new(self.connector));
        let mut builder = ServiceClient::builder(self.endpoint, hub, credential)
            .http_client(client)
            .retry(RetryOptions::default().with_max_retries(self.retries))
            .try_timeout(self.request_timeout)
            .allow_plain_text(self.allow_plain_text)
            .application_id("azwire");
        if let Some(scope) = scope {
            builder = builder.entra_scope(scope);
        }
        Ok(builder.build()?)
    }
}

const MISSING: &str = "no resource: set WEBPUBSUB_CONNECTION_STRING, or name one with \
    --connection-string-file FILE or --endpoint URL";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct CommandLine {
        #[command(flatten)]
        resource: ResourceOptions,
    }

    fn options(arguments: &[&str]) -> ResourceOptions {
        let arguments = ["x"].iter().chain(arguments);
        CommandLine::try_parse_from(arguments).unwrap().resource
    }

    fn endpoint(arguments: &[&str]) -> String {
        let (endpoint, _) = options(arguments).address().unwrap().unwrap();
        endpoint.as_str().to_owned()
    }

    #[test]
    fn an_endpoint_may_be_a_name() {
        for (arguments, expected) in [
            (
                &["--endpoint", "contoso"][..],
                "https://contoso.webpubsub.azure.com",
            ),
            (
                &["--endpoint", "contoso", "--cloud", "china"],
                "https://contoso.webpubsub.azure.cn",
            ),
            (
                &["--endpoint", "host.example:8443"],
                "https://host.example:8443",
            ),
            (
                &["--endpoint", "http://localhost:8080"],
                "http://localhost:8080",
            ),
            (&["--endpoint", "localhost"], "https://localhost"),
        ] {
            assert_eq!(endpoint(arguments), expected);
        }
    }

    #[test]
    fn wrong_combinations_name_their_options() {
        let string = "Endpoint=http://localhost;AccessKey=abc=;";
        for (arguments, named) in [
            (
                &["--connection-string", string, "--endpoint", "x"][..],
                "--endpoint",
            ),
            (&["--connection-string", string, "--key", "abc="], "--key"),
            (
                &["--endpoint", "x", "--key", "a", "--key-file", "b"],
                "--key-file",
            ),
            (
                &["--connection-string", "Endpoint=http://localhost"],
                "AccessKey",
            ),
            (&["--endpoint", "ftp://x"], "--endpoint"),
            (
                &["--endpoint", "x", "--key-file", "/nonexistent"],
                "/nonexistent",
            ),
        ] {
            let failure = options(arguments).address().unwrap_err().to_string();
            assert!(failure.contains(named), "{failure}");
            assert!(!failure.contains("abc="), "{failure}");
        }
    }
}
