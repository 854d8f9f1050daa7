//! The variables by which a program finds a running emulator. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::{Error, Result};

/// The part of a ready line that is needed here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ready {
    pubsub: Option<PubSub>,
    relay: Option<Relay>,
    identity: Option<Identity>,
    pub(super) ca_certificate: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PubSub {
    connection_string: String,
    secure_endpoint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relay {
    connection_string: String,
}

#[derive(Deserialize)]
struct Identity {
    environment: BTreeMap<String, String>,
}

impl Ready {
    /// Reads a ready line.
    ///
    /// # Errors
    ///
    /// Fails with one line if it is none.
    pub(super) fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line)
            .map_err(|error| Error::new(format!("it is no ready line: {error}"), error))
    }
}

/// Returns what a ready line says as variables, without those for certificates: these are
/// [`Trust`](super::trust::Trust)'s, with the roots of the system.
///
/// # Errors
///
/// Fails with one line if it is no ready line.
pub(super) fn variables(line: &str) -> Result<Vec<(String, String)>> {
    let ready = Ready::parse(line)?;
    let mut variables = vec![("AZWIRE_EMULATOR_READY".to_owned(), line.to_owned())];
    let mut set = |name: &str, value| variables.push((name.to_owned(), value));
    if let Some(pubsub) = ready.pubsub {
        set("WEBPUBSUB_CONNECTION_STRING", pubsub.connection_string);
        // An endpoint alone is for token credentials, which SDKs refuse without TLS.
        set("WEBPUBSUB_ENDPOINT", pubsub.secure_endpoint);
    }
    if let Some(relay) = ready.relay {
        set("RELAY_CONNECTION_STRING", relay.connection_string);
    }
    for (name, value) in ready.identity.into_iter().flat_map(|it| it.environment) {
        if is_for_credentials(&name) {
            set(&name, value);
        }
    }
    Ok(variables)
}

/// Returns the names of the variables that sign a program in elsewhere, and that `variables`
/// do not set: inherited, they would come before those of the emulator. None if it has no
/// identity of its own.
pub(super) fn elsewhere(variables: &[(String, String)]) -> Vec<&'static str> {
    let is_set = |name: &str| variables.iter().any(|(set, _)| set == name);
    if !variables.iter().any(|(name, _)| is_for_credentials(name)) {
        return Vec::new();
    }
    let names = SIGN_IN.iter().copied();
    names.filter(|name| !is_set(name)).collect()
}

/// What `EnvironmentCredential`, `WorkloadIdentityCredential` and `ManagedIdentityCredential` of
/// the Azure SDKs read.
const SIGN_IN: &[&str] = &[
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_TENANT_ID",
    "AZURE_USERNAME",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
];

/// Whether a name is one of those. A shell runs what `env` prints, so nothing else passes.
fn is_for_credentials(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    name.bytes().all(is_plain) && (name.starts_with("AZURE_") || name.starts_with("IDENTITY_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_ready_line_are_checked() {
        let line = serde_json::json!({
            "caCertificate": "/ca.pem",
            "identity": {"environment": {
                "IDENTITY_HEADER": "a",
                "IDENTITY_X;reboot": "b",
                "PATH": "c",
            }},
        });
        let line = line.to_string();
        let expected = [
            ("AZWIRE_EMULATOR_READY".to_owned(), line.clone()),
            ("IDENTITY_HEADER".to_owned(), "a".to_owned()),
        ];
        assert_eq!(variables(&line).unwrap(), expected);
    }

    #[test]
    fn a_program_does_not_sign_in_elsewhere() {
        let pair = |name: &str| (name.to_owned(), "x".to_owned());
        let names = elsewhere(&[pair("IDENTITY_ENDPOINT"), pair("IDENTITY_HEADER")]);
        assert!(names.contains(&"AZURE_CLIENT_ID"), "{names:?}");
        assert!(names.contains(&"AZURE_CLIENT_SECRET"), "{names:?}");
        assert!(!names.contains(&"IDENTITY_HEADER"), "{names:?}");
        // Without an identity of the emulator's, whatever a program has is its own affair.
        assert_eq!(elsewhere(&[pair("RELAY_CONNECTION_STRING")]), [""; 0]);
    }

    #[test]
    fn what_is_no_ready_line_is_refused() {
        for line in ["", "{}", "[]", r#"{"caCertificate": 1}"#] {
            let error = variables(line).unwrap_err().to_string();
            assert!(error.starts_with("it is no ready line: "), "{error}");
        }
    }
}
