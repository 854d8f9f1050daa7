//! The headers with which a listener or sender shows who it is.

use auth::Secret;
use http::HeaderValue;

use crate::{Error, Result};

pub(crate) fn token_header(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(token.expose())
        .map_err(|_| Error::invalid("token", "must fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// In the form of the official .NET client: `azwire-relay/1.2.3 (linux; Rust)`.
pub(crate) fn user_agent() -> HeaderValue {
    let text = format!(
        "azwire-relay/{} ({}; Rust)",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS
    );
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("azwire-relay"))
}
