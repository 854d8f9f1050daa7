//! The bearer header, made anew for each try.

#[cfg(feature = "_hmac")]
use std::time::{Duration, UNIX_EPOCH};

use auth::{Audience, CachedTokenProvider, SharedTokenProvider, TokenProvider};
#[cfg(feature = "_hmac")]
use auth::{Clock, JwtSigner, Secret, SharedClock};
use http::{HeaderValue, StatusCode};
#[cfg(feature = "_hmac")]
use serde::Serialize;
use transport::{Error, ErrorKind, Result};

/// Where the tokens for requests come from.
#[derive(Debug)]
pub(super) enum Authorize {
    /// Tokens that are signed here.
    #[cfg(feature = "_hmac")]
    Signed {
        signer: JwtSigner,
        lifetime: Duration,
        clock: SharedClock,
    },
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
            Self::Signed {
                signer,
                lifetime,
                clock,
            } => return header(sign(signer, audience, clock, *lifetime).expose()),
            Self::Provided(provider) => provider.token(audience).await,
            Self::Cached(provider) => provider.token(audience).await,
        };
        let token = token.map_err(|error| {
            Error::new(ErrorKind::Other, error)
                .with_context("no token could be had")
                .never_delivered()
        })?;
        header(token.token().expose())
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

fn header(token: &str) -> Result<HeaderValue> {
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

/// Signs what `JwtTokenProvider` does, without the box of its future: this is
/// done for each try of each call.
#[cfg(feature = "_hmac")]
fn sign(
    signer: &JwtSigner,
    audience: &Audience,
    clock: &SharedClock,
    lifetime: Duration,
) -> Secret {
    #[derive(Serialize)]
    struct Claims<'a> {
        aud: &'a str,
        exp: u64,
    }
    let now = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = Claims {
        aud: audience.as_str(),
        exp: now.saturating_add(lifetime).as_secs(),
    };
    let payload = serde_json::to_string(&claims).expect("a text and a number have a JSON form");
    signer.sign_payload(&payload)
}
