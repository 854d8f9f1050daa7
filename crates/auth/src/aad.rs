//! The adapter for credentials of `azure_core`, such as those of `azure_identity`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::access_token::AccessToken;
use crate::credential::TokenCredential;
use crate::error::{Error, ErrorKind, Result};

/// A credential of `azure_core` 1.x as a [`TokenCredential`].
#[derive(Clone)]
pub struct AzureCoreCredential(Arc<dyn azure_core::credentials::TokenCredential>);

impl AzureCoreCredential {
    /// Adapts `credential`.
    pub fn new(credential: Arc<dyn azure_core::credentials::TokenCredential>) -> Self {
        Self(credential)
    }
}

#[async_trait]
impl TokenCredential for AzureCoreCredential {
    async fn token(&self, scopes: &[&str]) -> Result<AccessToken> {
        let token = self
            .0
            .get_token(scopes, None)
            .await
            .map_err(|error| Error::new(ErrorKind::Credential, error))?;
        Ok(AccessToken::new(
            token.token.secret(),
            token.expires_on.into(),
        ))
    }
}

impl From<Arc<dyn azure_core::credentials::TokenCredential>> for AzureCoreCredential {
    fn from(credential: Arc<dyn azure_core::credentials::TokenCredential>) -> Self {
        Self::new(credential)
    }
}

impl fmt::Debug for AzureCoreCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a foreign credential shows of itself is not ours to vouch for.
        f.write_str("AzureCoreCredential(..)")
    }
}
