//! The services that tokens are for. Pure.

/// A service that takes the authority's tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resource {
    WebPubSub,
    Relay,
}

impl Resource {
    /// Returns the service of an audience: exactly its URI, with one last slash or without.
    pub(crate) fn of(audience: &str) -> Option<Self> {
        let bare = audience.strip_suffix('/').unwrap_or(audience);
        [Self::WebPubSub, Self::Relay]
            .into_iter()
            .find(|resource| resource.uri() == bare)
    }

    /// Returns its URI, without a slash at the end.
    pub(crate) const fn uri(self) -> &'static str {
        match self {
            Self::WebPubSub => "https://webpubsub.azure.com",
            Self::Relay => "https://relay.azure.net",
        }
    }
}

/// Returns the resource of a scope: what stands before its one `/.default`.
pub(super) fn of_scope(scope: &str) -> Option<&str> {
    let scope = scope.trim();
    let is_one = !scope.contains(char::is_whitespace);
    scope.strip_suffix("/.default").filter(|_| is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_exactly_that_of_one_service() {
        assert_eq!(
            Resource::of("https://webpubsub.azure.com"),
            Some(Resource::WebPubSub)
        );
        assert_eq!(
            Resource::of("https://webpubsub.azure.com/"),
            Some(Resource::WebPubSub)
        );
        assert_eq!(
            Resource::of("https://relay.azure.net/"),
            Some(Resource::Relay)
        );
        for other in [
            "",
            "https://webpubsub.azure.com//",
            "https://webpubsub.azure.com/x",
            "https://webpubsub.azure.com.example",
            "http://webpubsub.azure.com",
            "webpubsub.azure.com",
            "https://management.azure.com/",
        ] {
            assert_eq!(Resource::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_scope_is_a_resource_and_default() {
        assert_eq!(
            of_scope("https://relay.azure.net//.default"),
            Some("https://relay.azure.net/")
        );
        assert_eq!(
            of_scope("https://webpubsub.azure.com/.default"),
            Some("https://webpubsub.azure.com")
        );
        for wrong in [
            "",
            "https://webpubsub.azure.com",
            "a/.default b/.default",
            ".default",
        ] {
            assert_eq!(of_scope(wrong), None, "{wrong}");
        }
    }
}
