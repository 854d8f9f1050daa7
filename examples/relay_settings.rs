//! The command line shared by the relay examples:
//! `--config FILE` (the JSON of the Python quickstart: `namespace`, `path`,
//! `keyrule`, `key`) or `--connection-string S` with `EntityPath`, which is otherwise
//! taken from `RELAY_CONNECTION_STRING`, and `--ca FILE`.

use std::collections::HashMap;
use std::error::Error;

use azwire_auth::SharedAccessKey;
use azwire_relay::{ConnectionString, ConnectionStringCredential, Credential, HybridConnection};
use azwire_transport::net::Connector;
use azwire_transport::tls::{RootCertificates, TlsConnector};
use serde::Deserialize;

/// The hybrid connection, the credential for it, and how to connect.
pub(crate) struct Settings {
    pub(crate) hybrid_connection: HybridConnection,
    pub(crate) credential: Credential,
    pub(crate) network: Connector,
}

#[derive(Deserialize)]
struct Config {
    /// A name, such as `contoso`, or a host, such as `contoso.servicebus.windows.net`.
    namespace: String,
    path: String,
    keyrule: String,
    key: String,
}

impl Settings {
    /// Parses the command line; `own` are the flags of this example only.
    pub(crate) fn from_args(
        own: &[&str],
    ) -> Result<(Self, HashMap<String, String>), Box<dyn Error + Send + Sync>> {
        let mut flags = HashMap::new();
        let mut args = std::env::args().skip(1);
        while let Some(flag) = args.next() {
            let name = flag.strip_prefix("--").ok_or("flags begin with --")?;
            let known =
                ["config", "connection-string", "ca"].contains(&name) || own.contains(&name);
            if !known {
                return Err(format!("unknown flag {flag}").into());
            }
            let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
            flags.insert(name.to_owned(), value);
        }
        let mut settings = match (flags.remove("config"), flags.remove("connection-string")) {
            (Some(file), None) => {
                let config: Config = serde_json::from_str(&std::fs::read_to_string(file)?)?;
                let key = SharedAccessKey::new(config.keyrule, config.key);
                Self {
                    hybrid_connection: HybridConnection::in_namespace(
                        &config.namespace,
                        &config.path,
                    )?,
                    credential: Credential::key(&key),
                    network: Connector::builder().build(),
                }
            }
            (None, Some(text)) => Self::from_connection_string(&text)?,
            (None, None) => match std::env::var("RELAY_CONNECTION_STRING") {
                Ok(text) => Self::from_connection_string(&text)?,
                Err(_) => return Err("set RELAY_CONNECTION_STRING, or give --config FILE".into()),
            },
            (Some(_), Some(_)) => {
                return Err("--config and --connection-string exclude each other".into());
            }
        };
        if let Some(file) = flags.remove("ca") {
            let roots = RootCertificates::platform().with_pem(&std::fs::read(file)?)?;
            let network = Connector::builder().tls(TlsConnector::ring(roots)?);
            settings.network = network.build();
        }
        Ok((settings, flags))
    }

    /// Parses a connection string with `EntityPath`.
    pub(crate) fn from_connection_string(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let parsed: ConnectionString = text.parse()?;
        let credential = match parsed.credential() {
            Some(ConnectionStringCredential::Key(key)) => Credential::key(key),
            Some(ConnectionStringCredential::Signature(token)) => Credential::signature(token)?,
            None => Credential::anonymous(),
            Some(_) => return Err("this example has no other identity".into()),
        };
        Ok(Self {
            hybrid_connection: parsed.hybrid_connection()?,
            credential,
            network: Connector::builder().build(),
        })
    }
}
