//! Credentials of listeners and senders.

use std::fmt;

use auth::{
    AccessToken, Audience, CachedTokenProvider, Secret, SharedTokenProvider, StaticTokenProvider,
    TokenProvider,
};

use http::StatusCode;

use crate::connection_string::ConnectionStringCredential;
use crate::{Error, Result};

/// The credential with which a listener or sender authenticates.
#[derive(Clone)]
pub struct Credential {
    provider: Option<SharedTokenProvider>,
    /// The cache of the provider, if this crate added one.
    cache: Option<CachedTokenProvider>,
}

impl Credential {
    /// Signs with the key of a shared access rule: a new token for each connection.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn key(key: &auth::SharedAccessKey) -> Self {
        Self::provider(auth::SasTokenProvider::new(key))
    }

    /// Uses an existing SAS token until it expires.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for text that is not a SAS token.
    pub fn signature(token: &Secret) -> Result<Self> {
        let provider = StaticTokenProvider::from_sas(token.expose())
            .map_err(|_| Error::invalid("signature", "must be a SAS token"))?;
        Ok(Self::provider(provider))
    }

    /// Uses the tokens of `provider`.
    pub fn provider(provider: impl TokenProvider) -> Self {
        Self {
            provider: Some(SharedTokenProvider::new(provider)),
            cache: None,
        }
    }

    /// Uses tokens of Entra ID: the identity needs the role Azure Relay
    /// Listener or Azure Relay Sender. One token is cached, and fetched again before
    /// it expires and after the service has rejected it.
    pub fn entra(credential: impl auth::TokenCredential) -> Self {
        Self::entra_with_scope(credential, ENTRA_SCOPE)
    }

    /// Like [`entra`](Self::entra), with a scope other than [`ENTRA_SCOPE`], which
    /// is that of the public cloud.
    pub fn entra_with_scope(credential: impl auth::TokenCredential, scope: &str) -> Self {
        let tokens = auth::EntraTokenProvider::new(credential, scope);
        let cache = CachedTokenProvider::new(tokens);
        Self {
            provider: Some(SharedTokenProvider::new(cache.clone())),
            cache: Some(cache),
        }
    }

    /// Uses no token: for senders to a hybrid connection that does not require one.
    pub fn anonymous() -> Self {
        Self {
            provider: None,
            cache: None,
        }
    }

    pub(crate) fn from_connection_string(
        credential: Option<&ConnectionStringCredential>,
    ) -> Result<Self> {
        match credential {
            None => Ok(Self::anonymous()),
            Some(ConnectionStringCredential::Signature(token)) => Self::signature(token),
            #[cfg(feature = "_hmac")]
            Some(ConnectionStringCredential::Key(key)) => Ok(Self::key(key)),
            #[cfg(not(feature = "_hmac"))]
            Some(ConnectionStringCredential::Key(_)) => Err(Error::invalid(
                "connection_string",
                "signing with a key requires one of the features ring and aws-lc-rs",
            )),
            Some(ConnectionStringCredential::ManagedIdentity) => Err(Error::invalid(
                "connection_string",
                "Authentication requires a credential: use Credential::entra",
            )),
        }
    }

    /// Whether no credential is used.
    pub fn is_anonymous(&self) -> bool {
        self.provider.is_none()
    }

    pub(crate) async fn token(&self, audience: &Audience) -> Result<Option<AccessToken>> {
        match &self.provider {
            Some(provider) => Ok(Some(provider.token(audience).await?)),
            None => Ok(None),
        }
    }

    /// Drops a rejected token from the cache, so that it is not used again.
    pub(crate) fn handle_refusal(&self, audience: &Audience, error: &Error) {
        if let Some(cache) = &self.cache
            && error.status() == Some(StatusCode::UNAUTHORIZED)
        {
            cache.invalidate(audience);
        }
    }
}

/// The scope of the public cloud. No official client has one for other clouds.
pub const ENTRA_SCOPE: &str = "https://relay.azure.net/.default";

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_anonymous() {
            "Credential(anonymous)"
        } else {
            "Credential(..)"
        })
    }
}
