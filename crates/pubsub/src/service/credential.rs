//! What a service client shows to the service.

use std::sync::Arc;

#[cfg(feature = "_hmac")]
use auth::AccessKey;
use auth::{SharedTokenCredential, SharedTokenProvider, TokenCredential, TokenProvider};

/// An access key, a credential of Microsoft Entra ID, or a source of tokens of your own.
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
    /// A credential of Entra ID. It is asked for tokens of one scope, and each
    /// is kept until it is due for another. The principal needs the role "Web
    /// PubSub Service Owner".
    pub fn entra(credential: impl TokenCredential) -> Self {
        Self(Kind::Entra(SharedTokenCredential::new(credential)))
    }

    /// Tokens of your own: the provider is asked at each try, with the URL of
    /// the request as audience.
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
