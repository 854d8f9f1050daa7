//! An adapter for `azure_core` credentials, such as those of `azure_identity`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::access_token::AccessToken;
use crate::credential::TokenCredential;
use crate::error::{Error, ErrorKind, Result};

/// A [`TokenCredential`] backed by a credential of `azure_core` 1.x.
///
/// ```
/// use std::sync::Arc;
///
/// use azwire_auth::{AzureCoreCredential, EntraTokenProvider};
///
/// /// Accepts any credential of `azure_identity`.
/// fn provider(credential: Arc<dyn azure_core::credentials::TokenCredential>) -> EntraTokenProvider {
///     let credential = AzureCoreCredential::new(credential);
///     EntraTokenProvider::new(credential, "https://webpubsub.azure.com/.default")
/// }
/// ```
#[derive(Clone)]
pub struct AzureCoreCredential(Arc<dyn azure_core::credentials::TokenCredential>);

impl AzureCoreCredential {
    /// Wraps `credential`.
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
        // We cannot vouch for what a foreign credential prints in its `Debug`.
        f.write_str("AzureCoreCredential(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use azure_core::credentials::TokenRequestOptions;
    use azure_core::error::ErrorKind as CoreErrorKind;
    use azure_core::time::OffsetDateTime;
    use futures::executor::block_on;

    use super::*;

    #[derive(Debug)]
    struct Scripted(Option<i64>);

    #[async_trait]
    impl azure_core::credentials::TokenCredential for Scripted {
        async fn get_token(
            &self,
            scopes: &[&str],
            _options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<azure_core::credentials::AccessToken> {
            let seconds = self.0.ok_or_else(|| {
                azure_core::Error::with_message(CoreErrorKind::Credential, "signed out")
            })?;
            let expires_on = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let text = format!("token for {}", scopes.join(" "));
            Ok(azure_core::credentials::AccessToken::new(text, expires_on))
        }
    }

    #[test]
    fn passes_scopes_and_expiry_on() {
        let credential = AzureCoreCredential::new(Arc::new(Scripted(Some(1_700_003_600))));
        let token = block_on(credential.token(&["a", "b"])).unwrap();
        assert_eq!(token.token().expose(), "token for a b");
        assert_eq!(
            token.expires_on(),
            UNIX_EPOCH + Duration::from_secs(1_700_003_600)
        );
    }

    #[test]
    fn a_failure_keeps_its_cause() {
        use std::error::Error as _;

        let credential = AzureCoreCredential::new(Arc::new(Scripted(None)));
        let error = block_on(credential.token(&["a"])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential);
        assert!(error.is_retryable());
        assert_eq!(error.source().unwrap().to_string(), "signed out");
    }

    #[test]
    fn debug_shows_nothing_of_the_credential() {
        let credential = AzureCoreCredential::new(Arc::new(Scripted(Some(7))));
        assert_eq!(format!("{credential:?}"), "AzureCoreCredential(..)");
    }
}
