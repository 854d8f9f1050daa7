//! Token credentials, such as those of Entra ID: they return tokens for scopes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::access_token::AccessToken;
use crate::error::Result;
use crate::provider::TokenProvider;
use crate::sas::Audience;

/// A source of tokens for scopes (OAuth 2.0, RFC 6749 §3.3), usually over the network.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use azwire_auth::{AccessToken, Result, TokenCredential, async_trait};
///
/// /// Asks a program on this machine.
/// #[derive(Debug)]
/// struct FromSidecar;
///
/// #[async_trait]
/// impl TokenCredential for FromSidecar {
///     async fn token(&self, scopes: &[&str]) -> Result<AccessToken> {
///         let text = format!("the token for {}", scopes.join(" "));
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
    /// Dropping the future abandons the attempt; nothing else is lost.
    async fn token(&self, scopes: &[&str]) -> Result<AccessToken>;
}

/// A cheap, shared handle to a [`TokenCredential`].
#[derive(Clone, Debug)]
pub struct SharedTokenCredential(Arc<dyn TokenCredential>);

impl SharedTokenCredential {
    /// Creates a handle to `credential`.
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

/// A token provider that asks a credential for tokens of one scope, for every audience.
///
/// It asks the credential on every call. Wrap it in a
/// [`CachedTokenProvider`](crate::CachedTokenProvider), which then
/// keeps one token for all audiences.
#[derive(Clone, Debug)]
pub struct EntraTokenProvider {
    credential: SharedTokenCredential,
    scope: Audience,
}

impl EntraTokenProvider {
    /// Creates a provider that asks `credential` for tokens of `scope`.
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
