//! The bearer header, made again for each try.

#[cfg(feature = "_hmac")]
mod signed;

#[cfg(feature = "_hmac")]
pub(super) use self::signed::Signed;

use auth::{CachedTokenProvider, SharedTokenProvider, TokenProvider};
use http::{HeaderValue, StatusCode};
use transport::{Error, ErrorKind, Result};

use super::request::Call;

/// Where the tokens for requests come from.
#[derive(Debug)]
pub(super) enum Authorize {
    /// Tokens that are signed here.
    #[cfg(feature = "_hmac")]
    Signed(Box<Signed>),
    /// Tokens that are looked after by the provider.
    Provided(SharedTokenProvider),
    /// Tokens that are kept here until they are due, or refused.
    Cached(CachedTokenProvider),
}

impl Authorize {
    /// The value of the header `authorization` for a try of `call`.
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

    /// Takes note of how the service answered to a token.
    pub(super) fn answered(&self, call: &Call, status: StatusCode) {
        if let Self::Cached(provider) = self
            && status == StatusCode::UNAUTHORIZED
        {
            // The next call fetches another: this one may have been revoked.
            provider.invalidate(&call.audience());
        }
    }
}

fn header(token: &str) -> Result<HeaderValue> {
    let mut bearer = String::with_capacity("Bearer ".len() + token.len());
    bearer.push_str("Bearer ");
    bearer.push_str(token);
    let mut value = HeaderValue::try_from(bearer).map_err(|_| {
        let text = "the token does not fit into a header";
        no_token(auth::Error::message(auth::ErrorKind::Credential, text).not_retryable())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// That the credential gave no token, or none that can be sent.
fn no_token(error: auth::Error) -> Error {
    Error::new(ErrorKind::Other, error)
        .with_context("failed to get a token")
        .never_delivered()
}
