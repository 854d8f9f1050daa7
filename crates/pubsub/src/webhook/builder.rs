//! The webhook's builder.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth::_internal::HmacSha256;
#[cfg(feature = "_hmac")]
use auth::AccessKey;
use transport::SharedRuntime;

use super::dispatch::Inner;
use super::{AllowedOrigins, EventHandler, Webhook, WebhookLimits};
use crate::{Error, ErrorKind, HubName, Result};

/// Builds a [`Webhook`].
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

impl WebhookBuilder {
    pub(super) fn new() -> Self {
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

    /// Sends the events of a hub to a handler. Hubs are compared without case.
    pub fn hub<H>(mut self, hub: H, handler: impl EventHandler) -> Self
    where
        H: TryInto<HubName>,
        H::Error: Into<Error>,
    {
        let added = hub.try_into().map_err(Into::into).and_then(|hub| {
            let name = hub.as_str().to_ascii_lowercase();
            match self.hubs.insert(name, Arc::new(handler)) {
                None => Ok(()),
                Some(_) => Err(Error::invalid("hub", "must not be there twice")),
            }
        });
        if let Err(error) = added {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Sends the events of all other hubs to a handler; without one they are
    /// answered 404. The context of an event says which hub it is.
    pub fn any_hub(mut self, handler: impl EventHandler) -> Self {
        self.any_hub = Some(Arc::new(handler));
        self
    }

    /// Adds an access key of the resource. As soon as there is one, every event
    /// must be signed with one of them, or it is answered 401 before its body is
    /// looked at.
    ///
    /// Give both keys of a resource, so that either can be renewed. Without any
    /// key nothing is checked: whoever reaches the webhook can send events.
    #[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs"))]
    pub fn access_key(mut self, key: &AccessKey) -> Self {
        // An empty key signs for everybody.
        if key.key().is_empty() {
            let error = Error::invalid("access_key", "must not be empty");
            self.error.get_or_insert(error);
        }
        self.keys.push(HmacSha256::of(key));
        self
    }

    /// Adds the access key of a connection string, as [`access_key`](Self::access_key) does.
    #[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs"))]
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

    /// Sets how large a request may be.
    pub fn limits(mut self, limits: WebhookLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long one event may take, handler and, with feature `tower`, body
    /// included; then the handler's future is dropped and the answer is 503. No
    /// limit by default and with zero: the service itself gives up at some time,
    /// Microsoft's emulator after 100 s.
    pub fn time_limit(mut self, limit: Duration, runtime: SharedRuntime) -> Self {
        self.time_limit = (!limit.is_zero()).then_some((limit, runtime));
        self
    }

    /// Builds the webhook.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a bad or repeated hub, a bad
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
