//! The bearer header of each attempt.

#[cfg(feature = "_hmac")]
mod signed;

#[cfg(feature = "_hmac")]
pub(super) use self::signed::Signed;

use auth::{CachedTokenProvider, SharedTokenProvider, TokenProvider};
use http::{HeaderValue, StatusCode};
use transport::{Error, ErrorKind, Result};

use super::request::Call;

/// The source of request tokens.
#[derive(Debug)]
pub(super) enum Authorize {
    /// Tokens signed with an access key.
    #[cfg(feature = "_hmac")]
    Signed(Box<Signed>),
    /// Tokens of a custom provider, which caches them itself if at all.
    Provided(SharedTokenProvider),
    /// Tokens that are cached here until they are due for a refresh or rejected.
    Cached(CachedTokenProvider),
}

impl Authorize {
    /// Returns the `authorization` header for an attempt of `call`.
    pub(super) async fn bearer(&self, call: &Call) -> Result<HeaderValue> {
        let token = match self {
            #[cfg(feature = "_hmac")]
            Self::Signed(signed) => return signed.bearer(call),
            Self::Provided(provider) => provider.token(&call.audience()).await,
            Self::Cached(provider) => provider.token(&call.audience()).await,
        };
        let token = token.map_err(no_token)?;
        header(token.token().expose())
    }

    /// Records how the service responded to a token.
    pub(super) fn answered(&self, call: &Call, status: StatusCode) {
        if let Self::Cached(provider) = self
            && status == StatusCode::UNAUTHORIZED
        {
            // The next call fetches a new token: this one may have been revoked.
            provider.invalidate(&call.audience());
        }
    }
}

fn header(token: &str) -> Result<HeaderValue> {
    let mut bearer = String::with_capacity("Bearer ".len() + token.len());
    bearer.push_str("Bearer ");
    bearer.push_str(token);
    let mut value = HeaderValue::try_from(bearer).map_err(|_| {
        let text = "the token is not a valid header value";
        no_token(auth::Error::message(auth::ErrorKind::Credential, text).not_retryable())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the error for a credential without a token, or with one that cannot be sent.
fn no_token(error: auth::Error) -> Error {
    Error::new(ErrorKind::Other, error)
        .with_context("failed to get a token")
        .never_delivered()
}
