//! The webhook's builder.

use std::collections::HashMap;
#[cfg(feature = "_hmac")]
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "_hmac")]
use auth::_internal::HmacSha256;
#[cfg(feature = "_hmac")]
use auth::AccessKey;
use transport::SharedRuntime;

use super::dispatch::Inner;
use super::{AllowedOrigins, EventHandler, Webhook, WebhookLimits};
use crate::{Error, ErrorKind, HubName, Result};

/// A builder for a [`Webhook`].
#[must_use]
pub struct WebhookBuilder {
    hubs: HashMap<String, Arc<dyn EventHandler>>,
    any_hub: Option<Arc<dyn EventHandler>>,
    #[cfg(feature = "_hmac")]
    keys: Vec<HmacSha256>,
    origins: AllowedOrigins,
    limits: WebhookLimits,
    time_limit: Option<(Duration, SharedRuntime)>,
    error: Option<Error>,
}

impl Webhook {
    /// Returns a builder for a webhook.
    pub fn builder() -> WebhookBuilder {
        WebhookBuilder::new()
    }

    /// Returns a builder for a webhook whose events must be signed with the access key of the connection string
    /// in the environment variable `WEBPUBSUB_CONNECTION_STRING`.
    ///
    /// ```no_run
    /// use azwire_pubsub::webhook::{EventHandler, Webhook};
    ///
    /// struct Accept;
    ///
    /// impl EventHandler for Accept {}
    ///
    /// let webhook = Webhook::from_env()?.hub("chat", Accept).build()?;
    /// # Ok::<(), azwire_pubsub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the variable, if it is missing, empty or not UTF-8; with
    /// the problem of the connection string as the source otherwise.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_env() -> Result<WebhookBuilder> {
        WebhookBuilder::from_env()
    }
}

impl WebhookBuilder {
    fn new() -> Self {
        Self {
            hubs: HashMap::new(),
            any_hub: None,
            #[cfg(feature = "_hmac")]
            keys: Vec::new(),
            origins: AllowedOrigins::default(),
            limits: WebhookLimits::default(),
            time_limit: None,
            error: None,
        }
    }

    /// Same as [`Webhook::from_env`].
    ///
    /// # Errors
    ///
    /// Same as [`Webhook::from_env`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_env() -> Result<Self> {
        Self::from_environment(|name| std::env::var_os(name))
    }

    #[cfg(feature = "_hmac")]
    fn from_environment(lookup: impl FnOnce(&str) -> Option<OsString>) -> Result<Self> {
        let parsed: crate::ConnectionString =
            crate::environment::connection_string(lookup, str::parse)?;
        Ok(Self::new().access_key(parsed.access_key()))
    }

    /// Routes the events of a hub to a handler. Hub names are compared ignoring case.
    pub fn hub<H>(mut self, hub: H, handler: impl EventHandler) -> Self
    where
        H: TryInto<HubName>,
        H::Error: Into<Error>,
    {
        let added = hub.try_into().map_err(Into::into).and_then(|hub| {
            let name = hub.as_str().to_ascii_lowercase();
            match self.hubs.insert(name, Arc::new(handler)) {
                None => Ok(()),
                Some(_) => Err(Error::invalid("hub", "must not be added twice")),
            }
        });
        if let Err(error) = added {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Routes the events of all other hubs to a handler; default: respond with 404.
    /// The context of an event has its hub.
    pub fn any_hub(mut self, handler: impl EventHandler) -> Self {
        self.any_hub = Some(Arc::new(handler));
        self
    }

    /// Adds an access key of the resource. With at least one key, every event
    /// must be signed with one of them; otherwise the response is 401, before the body is
    /// parsed.
    ///
    /// Add both keys of a resource, so that either can be rotated. Default: no key and no
    /// check, so that anyone who can reach the webhook can send events.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn access_key(mut self, key: &AccessKey) -> Self {
        // Anyone can sign with an empty key.
        if key.key().is_empty() {
            let error = Error::invalid("access_key", "must not be empty");
            self.error.get_or_insert(error);
        }
        self.keys.push(HmacSha256::of(key));
        self
    }

    /// Adds the access key of a connection string, like [`access_key`](Self::access_key).
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn connection_string(mut self, connection_string: &str) -> Self {
        match connection_string.parse::<crate::ConnectionString>() {
            Ok(parsed) => self.access_key(parsed.access_key()),
            Err(error) => {
                self.error.get_or_insert(error);
                self
            }
        }
    }

    /// Sets the services whose events are accepted; default: any.
    pub fn allowed_origins(mut self, origins: AllowedOrigins) -> Self {
        self.origins = origins;
        self
    }

    /// Sets the size limits of requests; default: [`WebhookLimits::default`].
    pub fn limits(mut self, limits: WebhookLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the time limit for one event, including the handler and, with feature `tower`, the
    /// body. When it has elapsed, the handler's future is dropped and the response is 503.
    /// Default: none, as is zero, since the service itself times out, Microsoft's emulator
    /// after 100 s.
    pub fn time_limit(mut self, limit: Duration, runtime: SharedRuntime) -> Self {
        self.time_limit = (!limit.is_zero()).then_some((limit, runtime));
        self
    }

    /// Builds the webhook.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid or repeated hub, an invalid
    /// key or connection string, or if there is no handler at all.
    pub fn build(self) -> Result<Webhook> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.hubs.is_empty() && self.any_hub.is_none() {
            return Err(Error::message(
                ErrorKind::InvalidInput,
                "the webhook has no handler",
            ));
        }
        Ok(Webhook::new(Inner {
            hubs: self.hubs,
            any_hub: self.any_hub,
            #[cfg(feature = "_hmac")]
            keys: self.keys,
            origins: self.origins,
            limits: self.limits,
            time_limit: self.time_limit,
        }))
    }
}

impl fmt::Debug for WebhookBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookBuilder")
            .field("hubs", &self.hubs.keys())
            .field("origins", &self.origins)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "_hmac")]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_that_of_the_environment() {
        let text = "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=s3cret";
        let builder = WebhookBuilder::from_environment(|name| {
            assert_eq!(name, "WEBPUBSUB_CONNECTION_STRING");
            Some(text.into())
        });
        let expected = HmacSha256::of(&AccessKey::new("s3cret"));
        let keys = builder.unwrap().keys;
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].sign(b"abc"), expected.sign(b"abc"));
    }

    #[test]
    fn without_a_key_in_the_environment_there_is_no_webhook() {
        for (value, problem) in [
            (None, "must be set to a connection string"),
            (Some(""), "must be set to a connection string"),
            (Some("s3cret"), "cannot be used"),
        ] {
            let found = WebhookBuilder::from_environment(|_| value.map(OsString::from));
            let error = found.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let expected = format!("environment variable WEBPUBSUB_CONNECTION_STRING: {problem}");
            assert_eq!(error.to_string(), expected);
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
