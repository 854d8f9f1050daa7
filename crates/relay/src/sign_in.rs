//! The header that carries a token.

use auth::Secret;
use http::HeaderValue;

use crate::{Error, Result};

pub(crate) fn token_header(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(token.expose())
        .map_err(|_| Error::invalid("token", "must fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
