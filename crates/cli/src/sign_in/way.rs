//! Which credentials are tried, and in which order. Pure.

use clap::ValueEnum;

/// A credential, or a choice between several, under the names of the command line and of
/// `AZURE_TOKEN_CREDENTIALS`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Choice {
    /// What the variables describe, or else the developer's tools, or else the machine's
    /// managed identity.
    #[default]
    Auto,
    /// An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET.
    #[value(alias = "client-secret")]
    Environment,
    /// An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID,
    /// AZURE_FEDERATED_TOKEN_FILE.
    WorkloadIdentity,
    /// The identity of the machine, container or app service.
    ManagedIdentity,
    /// What the variables describe, or else the machine's managed identity.
    #[value(hide = true)]
    Production,
    /// The account that is signed in at one of the two developer tools.
    DeveloperTools,
    /// The account that is signed in at az.
    AzureCli,
    /// The account that is signed in at azd.
    AzureDeveloperCli,
}

/// One credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
    AzureDeveloperCli,
}

impl Choice {
    /// Reads `AZURE_TOKEN_CREDENTIALS`, with the names of the official SDKs.
    pub(crate) fn from_variable(value: Option<String>) -> Result<Self, String> {
        let value = value.unwrap_or_default();
        let value = value.trim();
        if value.is_empty() {
            return Ok(Self::Auto);
        }
        let found = VARIABLE
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(value));
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&str> = VARIABLE.iter().map(|(name, _)| *name).collect();
            format!("{value:?} is not one of {}", names.join(", "))
        })
    }

    /// Returns the credentials in the order in which they are tried.
    pub(crate) fn ways(self, lookup: impl Fn(&str) -> Option<String>) -> Vec<Way> {
        let is_set = |name: &str| lookup(name).is_some_and(|value| !value.is_empty());
        let configured = if is_set("AZURE_CLIENT_SECRET") {
            Some(Way::Environment)
        } else if is_set("AZURE_FEDERATED_TOKEN_FILE") {
            Some(Way::WorkloadIdentity)
        } else if is_set("IDENTITY_ENDPOINT") {
            Some(Way::ManagedIdentity)
        } else {
            None
        };
        match self {
            Self::Auto => match configured {
                Some(way) => vec![way],
                // The identity of a machine last: elsewhere nobody answers at its address.
                None => vec![Way::AzureCli, Way::AzureDeveloperCli, Way::ManagedIdentity],
            },
            Self::Production => vec![configured.unwrap_or(Way::ManagedIdentity)],
            Self::Environment => vec![Way::Environment],
            Self::WorkloadIdentity => vec![Way::WorkloadIdentity],
            Self::ManagedIdentity => vec![Way::ManagedIdentity],
            Self::DeveloperTools => vec![Way::AzureCli, Way::AzureDeveloperCli],
            Self::AzureCli => vec![Way::AzureCli],
            Self::AzureDeveloperCli => vec![Way::AzureDeveloperCli],
        }
    }
}

impl Way {
    /// Returns its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::WorkloadIdentity => "workload-identity",
            Self::ManagedIdentity => "managed-identity",
            Self::AzureCli => "azure-cli",
            Self::AzureDeveloperCli => "azure-developer-cli",
        }
    }
}

const VARIABLE: &[(&str, Choice)] = &[
    ("dev", Choice::DeveloperTools),
    ("prod", Choice::Production),
    ("EnvironmentCredential", Choice::Environment),
    ("WorkloadIdentityCredential", Choice::WorkloadIdentity),
    ("ManagedIdentityCredential", Choice::ManagedIdentity),
    ("AzureCliCredential", Choice::AzureCli),
    ("AzureDeveloperCliCredential", Choice::AzureDeveloperCli),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(choice: Choice, variables: &[&str]) -> Vec<Way> {
        choice.ways(|name| variables.contains(&name).then(|| "x".to_owned()))
    }

    #[test]
    fn the_variables_decide_unless_a_name_does() {
        let all = [
            "IDENTITY_ENDPOINT",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_CLIENT_SECRET",
        ];
        assert_eq!(ways(Choice::Auto, &all), [Way::Environment]);
        assert_eq!(ways(Choice::Auto, &all[..2]), [Way::WorkloadIdentity]);
        assert_eq!(ways(Choice::Auto, &all[..1]), [Way::ManagedIdentity]);
        assert_eq!(ways(Choice::Auto, &[]).len(), 3);
        assert_eq!(ways(Choice::AzureCli, &all), [Way::AzureCli]);
    }

    #[test]
    fn the_variable_has_the_names_of_the_official_sdks() {
        let read = |text: &str| Choice::from_variable(Some(text.to_owned()));
        assert_eq!(
            read("managedidentitycredential"),
            Ok(Choice::ManagedIdentity)
        );
        assert_eq!(read("dev"), Ok(Choice::DeveloperTools));
        assert_eq!(read(" "), Ok(Choice::Auto));
        assert_eq!(Choice::from_variable(None), Ok(Choice::Auto));
        assert!(
            read("DefaultCredential")
                .unwrap_err()
                .contains("EnvironmentCredential")
        );
    }

    #[test]
    fn every_way_can_be_named() {
        let named = Choice::value_variants().iter().filter_map(|choice| {
            let value = choice.to_possible_value()?;
            let ways = ways(*choice, &[]);
            (ways.len() == 1 && !value.is_hide_set()).then(|| (ways[0].name(), value))
        });
        let mut count = 0;
        for (name, value) in named {
            assert_eq!(name, value.get_name());
            count += 1;
        }
        assert_eq!(count, 5);
    }
}
