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

    /// Creates a credential that asks the application whenever a URL is needed: with `GET uri`, whose response
    /// is JSON with the URL as `url`, such as a [`ClientTokenResponse`](crate::ClientTokenResponse).
    ///
    /// The response may have 64 KiB, and redirects are not followed. `http://` is limited to loopback. Cookies,
    /// headers, another method or another HTTP client need [`from_fn`](Self::from_fn).
    ///
    /// ```no_run
    /// use azwire_pubsub::{Client, ClientCredential};
    ///
    /// # async fn run() -> azwire_pubsub::Result<()> {
    /// let credential = ClientCredential::negotiate("https://contoso.com/negotiate?user=ann")?;
    /// let (client, events) = Client::builder(credential).build()?;
    /// client.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `uri` is not an absolute `http` or `https` URL.
    ///
    /// Connecting fails with [`Auth`](crate::ErrorKind::Auth) for a response with 401 or 403,
    /// [`Service`](crate::ErrorKind::Service) for any other without success, in both cases with
    /// [`status`](Error::status) and [`service_message`](Error::service_message);
    /// [`Protocol`](crate::ErrorKind::Protocol) for a success without a URL;
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for more than 64 KiB;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for `http://` to another machine; and
    /// [`Transport`](crate::ErrorKind::Transport) if there is no response.
    #[cfg(all(feature = "hyper", feature = "rustls-ring"))]
    pub fn negotiate(uri: impl TryInto<http::Uri>) -> Result<Self> {
        let uri = super::negotiate::address(uri)?;
        Ok(Self(Arc::new(move || {
            super::negotiate::ask(uri.clone()).boxed()
        })))
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
