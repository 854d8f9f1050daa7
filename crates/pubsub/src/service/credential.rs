//! The credentials of a service client.

use std::sync::Arc;

#[cfg(feature = "_hmac")]
use auth::AccessKey;
use auth::{SharedTokenCredential, SharedTokenProvider, TokenCredential, TokenProvider};

/// The credential of a service client: an access key, a Microsoft Entra ID credential, or a custom
/// token provider.
///
/// `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct ServiceCredential(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    #[cfg(feature = "_hmac")]
    Key(AccessKey),
    Entra(SharedTokenCredential),
    Provider(SharedTokenProvider),
}

impl ServiceCredential {
    /// Creates a credential of Entra ID. It is asked for tokens of one scope, each of which
    /// is cached until it is due for a refresh. The principal needs the role "Web
    /// PubSub Service Owner".
    pub fn entra(credential: impl TokenCredential) -> Self {
        Self(Kind::Entra(SharedTokenCredential::new(credential)))
    }

    /// Creates a credential of a custom token provider, which is asked at each attempt, with
    /// the request URL as audience.
    pub fn provider(provider: impl TokenProvider) -> Self {
        Self(Kind::Provider(SharedTokenProvider::new(provider)))
    }
}

#[cfg(feature = "_hmac")]
impl From<AccessKey> for ServiceCredential {
    fn from(key: AccessKey) -> Self {
        Self(Kind::Key(key))
    }
}

impl From<SharedTokenCredential> for ServiceCredential {
    fn from(credential: SharedTokenCredential) -> Self {
        Self(Kind::Entra(credential))
    }
}

impl From<Arc<dyn TokenCredential>> for ServiceCredential {
    fn from(credential: Arc<dyn TokenCredential>) -> Self {
        Self(Kind::Entra(credential.into()))
    }
}

impl From<SharedTokenProvider> for ServiceCredential {
    fn from(provider: SharedTokenProvider) -> Self {
        Self(Kind::Provider(provider))
    }
}
