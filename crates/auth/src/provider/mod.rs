//! Token providers: the trait, and the providers that need no service.

mod cached;
#[cfg(feature = "_hmac")]
mod signing;

pub use self::cached::CachedTokenProvider;
#[cfg(feature = "_hmac")]
pub use self::signing::{JwtTokenProvider, SasTokenProvider};

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::access_token::AccessToken;
use crate::clock::{Clock, SharedClock};
use crate::error::{Error, ErrorKind, Result};
use crate::jwt::{Claims, JwtError};
use crate::sas::{Audience, SasError, SasToken};

/// A source of access tokens: it signs, fetches or holds a token for each audience.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{AccessToken, Audience, Result, TokenProvider, async_trait};
///
/// /// Asks the application's own token service.
/// #[derive(Debug)]
/// struct FromOurBackend;
///
/// #[async_trait]
/// impl TokenProvider for FromOurBackend {
///     async fn token(&self, audience: &Audience) -> Result<AccessToken> {
///         // A request would go out here.
///         let text = format!("token for {}", audience.as_str());
///         Ok(AccessToken::new(text, UNIX_EPOCH + Duration::from_secs(1_700_003_600)))
///     }
/// }
/// ```
#[async_trait]
pub trait TokenProvider: fmt::Debug + Send + Sync + 'static {
    /// Returns a token that is currently valid for `audience`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credential`] if the provider failed to get a token,
    /// [`ErrorKind::Expired`] if it has only an expired one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the attempt; nothing else is lost.
    async fn token(&self, audience: &Audience) -> Result<AccessToken>;

    /// Returns the audience under which a cache may store a token for `audience`.
    ///
    /// The default is `audience` itself. A provider whose tokens are valid for
    /// many audiences, such as one of Entra ID, returns the same one for all of them.
    fn cache_audience(&self, audience: &Audience) -> Audience {
        audience.clone()
    }
}

/// A cheap, shared handle to a [`TokenProvider`].
#[derive(Clone, Debug)]
pub struct SharedTokenProvider(Arc<dyn TokenProvider>);

impl SharedTokenProvider {
    /// Creates a handle to `provider`.
    pub fn new(provider: impl TokenProvider) -> Self {
        Self(Arc::new(provider))
    }
}

#[async_trait]
impl TokenProvider for SharedTokenProvider {
    async fn token(&self, audience: &Audience) -> Result<AccessToken> {
        self.0.token(audience).await
    }

    fn cache_audience(&self, audience: &Audience) -> Audience {
        self.0.cache_audience(audience)
    }
}

impl From<Arc<dyn TokenProvider>> for SharedTokenProvider {
    fn from(provider: Arc<dyn TokenProvider>) -> Self {
        Self(provider)
    }
}

/// A token provider that returns one ready-made token for every audience until it expires.
#[derive(Clone, Debug)]
pub struct StaticTokenProvider {
    token: AccessToken,
    clock: SharedClock,
}

impl StaticTokenProvider {
    /// Creates a provider of `token`, which expires by the system clock.
    pub fn new(token: AccessToken) -> Self {
        Self {
            token,
            clock: SharedClock::default(),
        }
    }

    /// Creates a provider of a ready-made SAS token, whose text contains its expiry.
    ///
    /// # Errors
    ///
    /// [`SasError::Malformed`] if `text` is not a SAS token. Signature and expiry are not checked.
    pub fn from_sas(text: &str) -> Result<Self, SasError> {
        SasToken::parse(text).map(|token| Self::new(token.into_access_token()))
    }

    /// Creates a provider of a ready-made JSON Web Token, whose claims contain its expiry.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`] or [`JwtError::MissingExpiry`]. Signature and expiry are not checked.
    pub fn from_jwt(text: &str) -> Result<Self, JwtError> {
        let claims = Claims::decode_unverified(text)?;
        let expires_on = claims.expires_on.ok_or(JwtError::MissingExpiry)?;
        Ok(Self::new(AccessToken::new(text.trim(), expires_on)))
    }

    /// Sets the clock by which the token expires; default: the system clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }
}

#[async_trait]
impl TokenProvider for StaticTokenProvider {
    async fn token(&self, _audience: &Audience) -> Result<AccessToken> {
        if !self.token.is_fresh(self.clock.now(), Duration::ZERO) {
            let text = "the token that the client was given has expired";
            return Err(Error::message(ErrorKind::Expired, text));
        }
        Ok(self.token.clone())
    }
}

/// Returns a [`TokenProvider`] that calls an async function.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{AccessToken, Audience, token_fn};
///
/// let provider = token_fn(|audience: Audience| async move {
///     let text = format!("token for {}", audience.as_str());
///     Ok(AccessToken::new(text, UNIX_EPOCH + Duration::from_secs(1_700_003_600)))
/// });
/// # let _ = provider;
/// ```
pub fn token_fn<F, Fut>(function: F) -> TokenFn<F>
where
    F: Fn(Audience) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<AccessToken>> + Send + 'static,
{
    TokenFn(function)
}

/// A [`TokenProvider`] that calls an async function; returned by [`token_fn`].
#[derive(Clone, Copy)]
pub struct TokenFn<F>(F);

#[async_trait]
impl<F, Fut> TokenProvider for TokenFn<F>
where
    F: Fn(Audience) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<AccessToken>> + Send + 'static,
{
    async fn token(&self, audience: &Audience) -> Result<AccessToken> {
        (self.0)(audience.clone()).await
    }
}

impl<F> fmt::Debug for TokenFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenFn(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use futures::executor::block_on;

    use super::*;
    use crate::clock::FixedClock;

    #[test]
    fn a_ready_token_is_given_until_it_expires() {
        let expires_on = UNIX_EPOCH + Duration::from_secs(1_700_003_600);
        let text = "SharedAccessSignature sr=a&sig=b&se=1700003600&skn=c";
        // The smallest step of the clock on Windows.
        let clock = FixedClock::new(expires_on - Duration::from_nanos(100));
        let provider = StaticTokenProvider::from_sas(text)
            .unwrap()
            .with_clock(clock.clone());
        let audience = Audience::verbatim("anything");
        let token = block_on(provider.token(&audience)).unwrap();
        assert_eq!(token, AccessToken::new(text, expires_on));

        clock.set(expires_on);
        let error = block_on(provider.token(&audience)).unwrap_err();
        assert!(error.is_expired());
        assert!(!error.is_retryable());
    }

    #[test]
    fn a_text_that_is_no_token_is_refused_at_once() {
        let sas = StaticTokenProvider::from_sas("SharedAccessSignature sr=a");
        assert_eq!(sas.unwrap_err(), SasError::Malformed);
        assert_eq!(
            StaticTokenProvider::from_jwt("a.b.c").unwrap_err(),
            JwtError::Malformed
        );
        // {} without exp
        assert_eq!(
            StaticTokenProvider::from_jwt("e30.e30.").unwrap_err(),
            JwtError::MissingExpiry
        );
    }
}
