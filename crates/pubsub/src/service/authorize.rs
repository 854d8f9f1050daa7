//! The bearer header, made anew for each try.

use async_trait::async_trait;
use auth::{Audience, CachedTokenProvider, SharedTokenProvider, TokenProvider};
use http::{HeaderValue, Request, Response, StatusCode, header};
use transport::{Body, Error, ErrorKind, Next, Policy, Result};

/// Asks for a token for the request's audience and sends it as a bearer.
#[derive(Debug)]
pub(super) enum Authorize {
    /// Tokens that are made or looked after by the provider.
    Provided(SharedTokenProvider),
    /// Tokens that are kept here until they are due, or refused.
    Cached(CachedTokenProvider),
}

impl Authorize {
    async fn token(&self, audience: &Audience) -> Result<HeaderValue> {
        let token = match self {
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
}

#[async_trait]
impl Policy for Authorize {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        let audience = match request.extensions_mut().remove::<Audience>() {
            Some(audience) => audience,
            None => Audience::verbatim(request.uri().to_string()),
        };
        let value = self.token(&audience).await?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
        let response = next.send(request).await?;
        if let Self::Cached(provider) = self
            && response.status() == StatusCode::UNAUTHORIZED
        {
            // The next call fetches another: this one may have been revoked.
            provider.invalidate(&audience);
        }
        Ok(response)
    }
}
