//! The clouds and what differs between them.

use clap::ValueEnum;

/// A cloud of Azure.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Cloud {
    /// The public cloud.
    #[default]
    Public,
    /// Azure in China, operated by 21Vianet.
    China,
    /// Azure Government of the United States.
    UsGovernment,
}

impl Cloud {
    /// Returns the cloud to which a host belongs; public for hosts with other names.
    pub(crate) fn of_host(host: &str) -> Self {
        let host = host.to_ascii_lowercase();
        let is_in = |cloud: &Self| {
            [cloud.relay_suffix(), cloud.pubsub_suffix()]
                .iter()
                .any(|suffix| host.ends_with(&format!(".{suffix}")))
        };
        let others = [Self::China, Self::UsGovernment];
        others.into_iter().find(is_in).unwrap_or_default()
    }

    /// Returns the domain of Relay's namespaces.
    pub(crate) fn relay_suffix(self) -> &'static str {
        match self {
            Self::Public => "servicebus.windows.net",
            Self::China => "servicebus.chinacloudapi.cn",
            Self::UsGovernment => "servicebus.usgovcloudapi.net",
        }
    }

    /// Returns the domain of Web PubSub's resources.
    pub(crate) fn pubsub_suffix(self) -> &'static str {
        match self {
            Self::Public => "webpubsub.azure.com",
            Self::China => "webpubsub.azure.cn",
            Self::UsGovernment => "webpubsub.azure.us",
        }
    }

    /// Returns the scope of tokens for Web PubSub.
    pub(crate) fn pubsub_scope(self) -> String {
        format!("https://{}/.default", self.pubsub_suffix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_say_their_cloud() {
        for (host, cloud) in [
            ("contoso.servicebus.windows.net", Cloud::Public),
            ("contoso.servicebus.chinacloudapi.cn", Cloud::China),
            ("contoso.WebPubSub.Azure.CN", Cloud::China),
            ("contoso.servicebus.usgovcloudapi.net", Cloud::UsGovernment),
            ("contoso.webpubsub.azure.us", Cloud::UsGovernment),
            ("webpubsub.azure.us", Cloud::Public),
            ("localhost", Cloud::Public),
        ] {
            assert_eq!(Cloud::of_host(host), cloud, "{host}");
        }
    }

    #[test]
    fn the_scope_of_the_public_cloud_is_that_of_the_library() {
        assert_eq!(
            Cloud::Public.pubsub_scope(),
            pubsub::ServiceClientBuilder::DEFAULT_ENTRA_SCOPE
        );
    }
}
