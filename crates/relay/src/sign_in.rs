//! The headers with which a listener or sender identifies itself.

use auth::Secret;
use http::HeaderValue;

use crate::{Error, Result};

pub(crate) fn token_header(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(token.expose())
        .map_err(|_| Error::invalid("token", "must be a valid header value"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the user agent in the form of the official .NET client: `azwire-relay/1.2.3 (linux; Rust)`.
pub(crate) fn user_agent() -> HeaderValue {
    let text = format!(
        "azwire-relay/{} ({}; Rust)",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS
    );
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("azwire-relay"))
}
