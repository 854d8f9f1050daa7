//! The bearer header, made anew for each try.

use async_trait::async_trait;
use auth::{Audience, SharedTokenProvider, TokenProvider};
use http::{HeaderValue, Request, Response, header};
use transport::{Body, Error, ErrorKind, Next, Policy, Result};

/// Asks the provider for a token for the request's audience and sends it as a bearer.
#[derive(Debug)]
pub(super) struct Authorize {
    provider: SharedTokenProvider,
}

impl Authorize {
    pub(super) fn new(provider: SharedTokenProvider) -> Self {
        Self { provider }
    }
}

#[async_trait]
impl Policy for Authorize {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        let audience = match request.extensions().get::<Audience>() {
            Some(audience) => audience.clone(),
            None => Audience::verbatim(request.uri().to_string()),
        };
        let token = self.provider.token(&audience).await.map_err(|error| {
            Error::new(ErrorKind::Other, error)
                .with_context("no token could be had")
                .never_delivered()
        })?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.token().expose()))
            .map_err(|_| {
                Error::message(
                    ErrorKind::InvalidInput,
                    "the token does not fit into a header",
                )
            })?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        next.send(request).await
    }
}
