//! Credentials that turn scopes into tokens, as those of Entra ID do.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::access_token::AccessToken;
use crate::error::Result;
use crate::provider::TokenProvider;
use crate::sas::Audience;

/// Obtains a token for scopes (OAuth 2.0, RFC 6749 §3.3), usually over the network.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use azwire_auth::{AccessToken, Result, TokenCredential};
///
/// /// Asks a program on this machine.
/// #[derive(Debug)]
/// struct FromSidecar;
///
/// #[async_trait::async_trait]
/// impl TokenCredential for FromSidecar {
///     async fn token(&self, scopes: &[&str]) -> Result<AccessToken> {
///         let text = format!("whatever it gives for {}", scopes.join(" "));
///         Ok(AccessToken::new(text, SystemTime::now() + Duration::from_secs(3600)))
///     }
/// }
/// ```
#[async_trait]
pub trait TokenCredential: fmt::Debug + Send + Sync + 'static {
    /// Obtains a token that is valid for all of `scopes`, such as
    /// `https://webpubsub.azure.com/.default`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credential`](crate::ErrorKind::Credential).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up; nothing else is lost.
    async fn token(&self, scopes: &[&str]) -> Result<AccessToken>;
}

/// A cheap, shared handle to a [`TokenCredential`].
#[derive(Clone, Debug)]
pub struct SharedTokenCredential(Arc<dyn TokenCredential>);

impl SharedTokenCredential {
    /// Shares `credential`.
    pub fn new(credential: impl TokenCredential) -> Self {
        Self(Arc::new(credential))
    }
}

#[async_trait]
impl TokenCredential for SharedTokenCredential {
    async fn token(&self, scopes: &[&str]) -> Result<AccessToken> {
        self.0.token(scopes).await
    }
}

impl From<Arc<dyn TokenCredential>> for SharedTokenCredential {
    fn from(credential: Arc<dyn TokenCredential>) -> Self {
        Self(credential)
    }
}

/// Gives tokens of a credential for one scope, whatever the audience.
///
/// It asks the credential each time. Put a
/// [`CachedTokenProvider`](crate::CachedTokenProvider) round it, which then
/// keeps one token for all audiences.
#[derive(Clone, Debug)]
pub struct EntraTokenProvider {
    credential: SharedTokenCredential,
    scope: Audience,
}

impl EntraTokenProvider {
    /// Asks `credential` for tokens of `scope`.
    pub fn new(credential: impl TokenCredential, scope: impl AsRef<str>) -> Self {
        Self {
            credential: SharedTokenCredential::new(credential),
            scope: Audience::verbatim(scope),
        }
    }
}

#[async_trait]
impl TokenProvider for EntraTokenProvider {
    async fn token(&self, _audience: &Audience) -> Result<AccessToken> {
        self.credential.token(&[self.scope.as_str()]).await
    }

    fn cache_audience(&self, _audience: &Audience) -> Audience {
        self.scope.clone()
    }
}
