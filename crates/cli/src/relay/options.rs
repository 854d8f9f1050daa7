//! Which Relay namespace, which hybrid connection, and with which credential: what options and
//! variables say.

use std::path::PathBuf;
use std::time::Duration;

use ::relay::{ConnectionString, ConnectionStringCredential, HybridConnection};
use auth::{Secret, SharedAccessKey};
use clap::Args;

use super::namespace::{Address, Namespace, Signer};
use crate::failure::{Failure, Result};
use crate::network::NetworkOptions;
use crate::sign_in::SignInOptions;
use crate::{secret, variables};

/// The namespace: a connection string, or an endpoint with a rule's key, a token or Entra ID.
/// The short options are those of azbridge.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Namespace")]
pub(crate) struct NamespaceOptions {
    /// The hybrid connection [default: EntityPath of the connection string, or
    /// AZTUNNEL_HYCO_NAME].
    #[arg(long, alias = "hyco", value_name = "PATH", global = true)]
    hybrid_connection: Option<String>,
    /// The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or
    /// RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or
    /// standard input.
    #[arg(short = 'x', long, value_name = "STRING", global = true)]
    connection_string: Option<String>,
    /// Reads the connection string from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", global = true)]
    connection_string_file: Option<PathBuf>,
    /// The address of the namespace, such as sb://contoso.servicebus.windows.net or
    /// only contoso [default: AZTUNNEL_RELAY_NAME].
    #[arg(
        short = 'e',
        long,
        alias = "relay",
        value_name = "ADDRESS",
        global = true
    )]
    endpoint: Option<String>,
    /// The name of a shared access rule [default: AZTUNNEL_KEY_NAME].
    #[arg(short = 'K', long, value_name = "RULE", global = true)]
    key_name: Option<String>,
    /// The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file.
    #[arg(short = 'k', long, value_name = "KEY", global = true)]
    key: Option<String>,
    /// Reads the key of the rule from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// A shared access signature, instead of a key. Prefer a file.
    #[arg(short = 's', long, value_name = "TOKEN", global = true)]
    signature: Option<String>,
    /// Reads a shared access signature from a file, or from standard input for `-`.
    #[arg(long, value_name = "FILE", global = true)]
    signature_file: Option<PathBuf>,
    /// Sends without a token, to a hybrid connection that needs none.
    #[arg(long, global = true)]
    anonymous: bool,
    #[command(flatten)]
    sign_in: SignInOptions,
    #[command(flatten)]
    network: NetworkOptions,
    /// What a configuration file says; options precede it.
    #[arg(skip)]
    file: NamespaceSettings,
}

/// What a configuration file says about a namespace and its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamespaceSettings {
    pub(crate) connection_string: Option<Secret>,
    pub(crate) endpoint: Option<String>,
    pub(crate) key_name: Option<String>,
    pub(crate) key: Option<Secret>,
    pub(crate) signature: Option<Secret>,
}

/// What options and variables say about where the namespace is, and what else they have.
#[derive(Debug)]
struct Found {
    address: Address,
    path: Option<String>,
    credential: Option<ConnectionStringCredential>,
}

/// What options and variables choose to sign with.
#[derive(Debug)]
enum Chosen {
    Anonymous,
    Signature(Secret),
    Key(SharedAccessKey),
    Entra,
}

impl NamespaceOptions {
    /// Adds what a configuration file says: after options, before variables.
    pub(crate) fn with_file(mut self, file: NamespaceSettings) -> Self {
        self.file = file;
        self
    }

    /// Replaces the namespace and its key by a connection string.
    pub(crate) fn with_own(self, connection_string: Secret) -> Self {
        Self {
            hybrid_connection: None,
            connection_string: None,
            connection_string_file: None,
            endpoint: None,
            key_name: None,
            key: None,
            key_file: None,
            signature: None,
            signature_file: None,
            file: NamespaceSettings {
                connection_string: Some(connection_string),
                ..NamespaceSettings::default()
            },
            ..self
        }
    }

    /// Sends without a token, whatever else is said.
    pub(crate) fn with_anonymous(self) -> Self {
        Self {
            anonymous: true,
            key_name: None,
            key: None,
            key_file: None,
            signature: None,
            signature_file: None,
            ..self
        }
    }

    /// Sets how long a connection may take, unless an option does; zero means no limit.
    pub(crate) fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.network = self.network.with_connect_timeout(timeout);
        self
    }

    /// Returns the namespace that options and variables describe.
    pub(crate) fn namespace(&self) -> Result<Namespace> {
        let found = self.found(variables::text)?;
        let path = self.hybrid_connection.clone().or(found.path).or_else(|| {
            variables::first(&["AZTUNNEL_HYCO_NAME"], variables::text).map(|(_, path)| path)
        });
        let connector = self.network.connector()?;
        let site_connector = self.network.site_connector()?;
        let signer = match self.chosen(found.credential, variables::text)? {
            Chosen::Anonymous => Signer::Anonymous,
            Chosen::Signature(token) => Signer::Signature(token),
            Chosen::Key(key) => Signer::Key(key),
            Chosen::Entra => {
                let place = HybridConnection::new(&found.address.endpoint, "x")?;
                let cloud = self.sign_in.cloud_of(place.host());
                Signer::Entra {
                    credential: self.sign_in.credential(cloud, &connector)?,
                    scope: self.sign_in.scope(::relay::ENTRA_SCOPE).to_owned(),
                }
            }
        };
        Ok(Namespace {
            address: found.address,
            path,
            signer,
            connector,
            site_connector,
            allow_plain_text: self.network.allows_plain_text(),
        })
    }

    /// Returns where the namespace is, from the first of: options, variables.
    fn found(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Found> {
        let given = usize::from(self.connection_string.is_some())
            + usize::from(self.connection_string_file.is_some())
            + usize::from(self.endpoint.is_some());
        if given > 1 {
            return Err(Failure::usage(
                "--connection-string, --connection-string-file and --endpoint exclude each other",
            ));
        }
        if let Some(text) = &self.connection_string {
            if text.to_ascii_lowercase().contains("sharedaccess") {
                let instead = "RELAY_CONNECTION_STRING or --connection-string-file";
                secret::warn("--connection-string", instead);
            }
            return parsed("--connection-string", &Secret::new(text.as_str()));
        }
        if let Some(path) = &self.connection_string_file {
            let name = "--connection-string-file";
            return parsed(name, &secret::read(name, path)?);
        }
        if let Some(endpoint) = &self.endpoint {
            return self.at("--endpoint", endpoint);
        }
        if let Some(found) = self.found_in_file()? {
            return Ok(found);
        }
        let names = ["AZURE_BRIDGE_CONNECTIONSTRING", "RELAY_CONNECTION_STRING"];
        if let Some((name, text)) = variables::first(&names, &lookup) {
            return parsed(name, &Secret::new(text));
        }
        match variables::first(&["AZTUNNEL_RELAY_NAME"], lookup) {
            Some((name, endpoint)) => self.at(name, &endpoint),
            None => Err(Failure::usage(MISSING)),
        }
    }

    /// Returns what the configuration file says: an endpoint replaces that of the connection string.
    fn found_in_file(&self) -> Result<Option<Found>> {
        let string = self.file.connection_string.as_ref();
        let string = string
            .map(|text| parsed("the connection string of the file", text))
            .transpose()?;
        let Some(endpoint) = &self.file.endpoint else {
            return Ok(string);
        };
        let at = self.at("AzureRelayEndpoint", endpoint)?;
        Ok(Some(match string {
            Some(found) => Found {
                address: at.address,
                ..found
            },
            None => at,
        }))
    }

    fn at(&self, name: &str, endpoint: &str) -> Result<Found> {
        let address = self.address(endpoint);
        // Any path serves to check it.
        HybridConnection::new(&address.endpoint, "x")
            .map_err(|error| Failure::from(error).while_doing(name))?;
        Ok(Found {
            address,
            path: None,
            credential: None,
        })
    }

    /// Reads an address, a host name, or the name of a namespace.
    fn address(&self, text: &str) -> Address {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("sb", text));
        let is_name = !rest.contains(['.', ':', '/']) && rest != "localhost" && !rest.is_empty();
        let host = match is_name {
            true => format!("{rest}.{}", self.sign_in.cloud_of("").relay_suffix()),
            false => rest.to_owned(),
        };
        let plain_text = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("ws");
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" | "ws" | "wss" => "sb".to_owned(),
            other => other.to_owned(),
        };
        Address {
            endpoint: format!("{scheme}://{host}"),
            plain_text,
            timeout: None,
        }
    }

    /// Returns what signs: what options say, or what came with the address.
    fn chosen(
        &self,
        found: Option<ConnectionStringCredential>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Chosen> {
        let key_options = [
            self.key_name.is_some(),
            self.key.is_some() || self.key_file.is_some(),
        ];
        let is_signature = self.signature.is_some() || self.signature_file.is_some();
        let is_key = key_options.contains(&true);
        let ways = [
            self.anonymous,
            is_signature,
            is_key,
            self.sign_in.is_wanted(),
        ];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(Failure::usage(
                "--anonymous, --signature, --key-name with --key, and --credential exclude each other",
            ));
        }
        if self.anonymous {
            return Ok(Chosen::Anonymous);
        }
        if self.sign_in.is_wanted() {
            return Ok(Chosen::Entra);
        }
        if let Some(token) = one_of(
            ("--signature", &self.signature),
            ("--signature-file", &self.signature_file),
        )? {
            return Ok(Chosen::Signature(token));
        }
        if let (false, Some(token)) = (is_key, &self.file.signature) {
            return Ok(Chosen::Signature(token.clone()));
        }
        let is_key_in_file = self.file.key_name.is_some() || self.file.key.is_some();
        if is_key || is_key_in_file || found.is_none() {
            let name = self.key_name.clone().or_else(|| self.file.key_name.clone());
            let name = name.or_else(|| {
                variables::first(&["AZTUNNEL_KEY_NAME"], &lookup).map(|(_, name)| name)
            });
            let key = match one_of(("--key", &self.key), ("--key-file", &self.key_file))? {
                Some(key) => Some(key),
                None if self.file.key.is_some() => self.file.key.clone(),
                None => variables::first(&["AZTUNNEL_KEY"], &lookup).map(|(_, key)| key.into()),
            };
            match (name, key) {
                (Some(name), Some(key)) => {
                    return Ok(Chosen::Key(SharedAccessKey::parse(name, key)?));
                }
                (None, None) => {}
                (Some(_), None) => {
                    let text = "--key-name needs the key: --key-file FILE or AZTUNNEL_KEY";
                    return Err(Failure::usage(text));
                }
                (None, Some(_)) => {
                    let text = "--key needs the name of its rule: --key-name RULE";
                    return Err(Failure::usage(text));
                }
            }
        }
        Ok(match found {
            Some(ConnectionStringCredential::Key(key)) => Chosen::Key(key),
            Some(ConnectionStringCredential::Signature(token)) => Chosen::Signature(token),
            _ => Chosen::Entra,
        })
    }
}

/// Returns a secret that is given by one of two options.
fn one_of(
    (option, text): (&'static str, &Option<String>),
    (file_option, path): (&'static str, &Option<PathBuf>),
) -> Result<Option<Secret>> {
    match (text, path) {
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "{option} and {file_option} cannot be used together"
        ))),
        (Some(text), None) => {
            secret::warn(option, file_option);
            Ok(Some(Secret::new(text.as_str())))
        }
        (None, Some(path)) => secret::read(file_option, path).map(Some),
        (None, None) => Ok(None),
    }
}

fn parsed(name: &str, text: &Secret) -> Result<Found> {
    let wrong = |error: ::relay::Error| Failure::from(error).while_doing(name);
    let parsed: ConnectionString = text.expose().parse().map_err(wrong)?;
    // Its default is not what a sender or listener has without it.
    let parts = auth::ConnectionString::parse(text.expose());
    let has_timeout = parts.is_ok_and(|parts| parts.get("OperationTimeout").is_some());
    let plain_text = parsed
        .hybrid_connection_at("x")
        .map_err(wrong)?
        .is_plain_text();
    Ok(Found {
        address: Address {
            endpoint: parsed.endpoint().to_owned(),
            plain_text,
            timeout: has_timeout.then(|| parsed.operation_timeout()),
        },
        path: parsed.entity_path().map(str::to_owned),
        credential: parsed.credential().cloned(),
    })
}

const MISSING: &str = "no namespace: set RELAY_CONNECTION_STRING, or name one with \
    --connection-string-file FILE or --endpoint ADDRESS";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct CommandLine {
        #[command(flatten)]
        namespace: NamespaceOptions,
    }

    fn options(arguments: &[&str]) -> NamespaceOptions {
        let arguments = ["x"].iter().chain(arguments);
        CommandLine::try_parse_from(arguments).unwrap().namespace
    }

    fn lookup(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn an_endpoint_may_be_a_name() {
        for (arguments, endpoint, plain_text) in [
            (
                &["-e", "contoso"][..],
                "sb://contoso.servicebus.windows.net",
                false,
            ),
            (
                &["-e", "contoso", "--cloud", "us-government"],
                "sb://contoso.servicebus.usgovcloudapi.net",
                false,
            ),
            (
                &["--relay", "sb://host.example/"],
                "sb://host.example/",
                false,
            ),
            (
                &["-e", "http://127.0.0.1:9080"],
                "sb://127.0.0.1:9080",
                true,
            ),
            (&["-e", "localhost"], "sb://localhost", false),
        ] {
            let found = options(arguments).found(|_| None).unwrap();
            assert_eq!(found.address.endpoint, endpoint);
            assert_eq!(found.address.plain_text, plain_text, "{endpoint}");
        }
    }

    #[test]
    fn variables_are_read_in_their_order() {
        let all = lookup(&[
            ("AZTUNNEL_RELAY_NAME", "tunnel"),
            ("RELAY_CONNECTION_STRING", "Endpoint=sb://relay.example/"),
            (
                "AZURE_BRIDGE_CONNECTIONSTRING",
                "Endpoint=sb://bridge.example/;EntityPath=hc",
            ),
        ]);
        let found = options(&[]).found(all).unwrap();
        assert_eq!(found.address.endpoint, "sb://bridge.example/");
        assert_eq!(found.path.as_deref(), Some("hc"));
        let found = options(&[]).found(lookup(&[("AZTUNNEL_RELAY_NAME", "tunnel")]));
        let address = found.unwrap().address;
        assert_eq!(address.endpoint, "sb://tunnel.servicebus.windows.net");
        let failure = options(&[]).found(|_| None).unwrap_err();
        assert!(
            failure.to_string().contains("RELAY_CONNECTION_STRING"),
            "{failure}"
        );
    }

    #[test]
    fn options_precede_the_credential_of_a_connection_string() {
        let key = || {
            Some(ConnectionStringCredential::Key(SharedAccessKey::new(
                "rule", "a2V5",
            )))
        };
        let chosen = |arguments: &[&str], found, variables| {
            options(arguments).chosen(found, lookup(variables)).unwrap()
        };
        assert!(matches!(chosen(&[], key(), &[]), Chosen::Key(key) if key.name() == "rule"));
        let mine = &["-K", "mine", "-k", "bWluZQ=="];
        assert!(matches!(chosen(mine, key(), &[]), Chosen::Key(key) if key.name() == "mine"));
        assert!(matches!(
            chosen(&["--anonymous"], key(), &[]),
            Chosen::Anonymous
        ));
        assert!(matches!(
            chosen(&["--credential", "auto"], key(), &[]),
            Chosen::Entra
        ));
        assert!(matches!(chosen(&[], None, &[]), Chosen::Entra));
        let variables = &[("AZTUNNEL_KEY_NAME", "tunnel"), ("AZTUNNEL_KEY", "a2V5")];
        assert!(matches!(chosen(&[], None, variables), Chosen::Key(key) if key.name() == "tunnel"));
        assert!(matches!(chosen(&[], key(), variables), Chosen::Key(key) if key.name() == "rule"));
    }

    #[test]
    fn wrong_combinations_name_their_options() {
        for (arguments, named) in [
            (&["-K", "rule"][..], "--key-file"),
            (&["-k", "c2VjcmV0"], "--key-name"),
            (&["--anonymous", "-K", "rule"], "--anonymous"),
            (&["-s", "x", "--credential", "auto"], "--credential"),
            (
                &["-K", "rule", "-k", "c2VjcmV0", "--key-file", "x"],
                "--key-file",
            ),
        ] {
            let failure = options(arguments)
                .chosen(None, |_| None)
                .unwrap_err()
                .to_string();
            assert!(failure.contains(named), "{failure}");
            assert!(!failure.contains("c2VjcmV0"), "{failure}");
        }
        let both = options(&["-e", "x", "-x", "Endpoint=sb://y/"]);
        assert!(
            both.found(|_| None)
                .unwrap_err()
                .to_string()
                .contains("--endpoint")
        );
    }
}
