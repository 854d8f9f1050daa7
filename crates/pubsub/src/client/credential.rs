//! The sources of client access URLs: a fixed one, or a function that fetches one.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use auth::Secret;
#[cfg(feature = "_hmac")]
use auth::{Clock, JwtSigner, SharedClock};
use futures::FutureExt;
use futures::future::BoxFuture;

#[cfg(feature = "_hmac")]
use crate::{ClientAccessOptions, ClientAccessUrl, ConnectionString, HubName};
use crate::{Error, Result};

type Fetch = dyn Fn() -> BoxFuture<'static, Result<Secret>> + Send + Sync;

/// A source of client access URLs, asked once for each new connection.
#[derive(Clone)]
#[doc(alias = "WebPubSubClientCredential")]
pub struct ClientCredential(Arc<Fetch>);

impl ClientCredential {
    /// Creates a credential with one fixed URL:
    /// `wss://{host}/client/hubs/{hub}?access_token={token}`. A connection outlives its token, but
    /// a new connection needs a valid one.
    pub fn url(url: impl Into<Secret>) -> Self {
        let url = url.into();
        Self(Arc::new(move || {
            let url = url.clone();
            async move { Ok(url) }.boxed()
        }))
    }

    /// Creates a credential that calls `fetch` whenever a URL is needed, for example to request one
    /// from the application's server.
    ///
    /// ```
    /// use azwire_pubsub::ClientCredential;
    ///
    /// let credential = ClientCredential::from_fn(|| async {
    ///     let url = "wss://contoso.webpubsub.azure.com/client/hubs/chat?access_token=..";
    ///     Ok::<_, std::io::Error>(url.to_owned())
    /// });
    /// ```
    pub fn from_fn<F, Fut, S, E>(fetch: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<Secret>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self(Arc::new(move || {
            let url = fetch();
            async move {
                url.await.map(Into::into).map_err(|error| {
                    Error::new(crate::ErrorKind::Auth, error)
                        .with_context("the credential failed to return a client access URL")
                })
            }
            .boxed()
        }))
    }

    /// Signs a URL for each new connection.
    #[cfg(feature = "_hmac")]
    pub(super) fn signed(
        parsed: &ConnectionString,
        hub: HubName,
        options: ClientAccessOptions,
    ) -> Result<Self> {
        let endpoint = parsed.endpoint().clone();
        let signer = JwtSigner::new(parsed.access_key());
        let clock = SharedClock::default();
        let sign = move || {
            let now = Clock::now(&clock);
            ClientAccessUrl::sign_with(&endpoint, &hub, &signer, &options, now)
                .map(|access| access.url().clone())
        };
        // What no token can have is an error here and not at each connection.
        sign()?;
        Ok(Self(Arc::new(move || {
            let url = sign();
            async move { url }.boxed()
        })))
    }

    pub(super) fn fetch(&self) -> BoxFuture<'static, Result<Secret>> {
        (self.0)()
    }
}

impl fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCredential(..)")
    }
}

impl From<&str> for ClientCredential {
    fn from(url: &str) -> Self {
        Self::url(url.to_owned())
    }
}

impl From<String> for ClientCredential {
    fn from(url: String) -> Self {
        Self::url(url)
    }
}

#[cfg(feature = "_hmac")]
impl From<&ClientAccessUrl> for ClientCredential {
    fn from(url: &ClientAccessUrl) -> Self {
        Self::url(url.url().clone())
    }
}
