//! The bearer header, made anew for each try.

#[cfg(feature = "_hmac")]
use auth::JwtTokenProvider;
use auth::{Audience, CachedTokenProvider, SharedTokenProvider, TokenProvider};
use http::{HeaderValue, StatusCode};
use transport::{Error, ErrorKind, Result};

/// Where the tokens for requests come from.
#[derive(Debug)]
pub(super) enum Authorize {
    /// Tokens that are signed here.
    #[cfg(feature = "_hmac")]
    Signed(JwtTokenProvider),
    /// Tokens that are looked after by the provider.
    Provided(SharedTokenProvider),
    /// Tokens that are kept here until they are due, or refused.
    Cached(CachedTokenProvider),
}

impl Authorize {
    /// The value of the header `authorization` for a request to `audience`.
    pub(super) async fn bearer(&self, audience: &Audience) -> Result<HeaderValue> {
        let token = match self {
            #[cfg(feature = "_hmac")]
            Self::Signed(provider) => provider.token(audience).await,
            Self::Provided(provider) => provider.token(audience).await,
            Self::Cached(provider) => provider.token(audience).await,
        };
        let token = token.map_err(|error| {
            Error::new(ErrorKind::Other, error)
                .with_context("no token could be had")
                .never_delivered()
        })?;
        let token = token.token().expose();
        let mut bearer = String::with_capacity("Bearer ".len() + token.len());
        bearer.push_str("Bearer ");
        bearer.push_str(token);
        let mut value = HeaderValue::try_from(bearer).map_err(|_| {
            let text = "the token does not fit into a header";
            Error::message(ErrorKind::InvalidInput, text)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Takes note of how the service answered to a token.
    pub(super) fn answered(&self, audience: &Audience, status: StatusCode) {
        if let Self::Cached(provider) = self
            && status == StatusCode::UNAUTHORIZED
        {
            // The next call fetches another: this one may have been revoked.
            provider.invalidate(audience);
        }
    }
}
