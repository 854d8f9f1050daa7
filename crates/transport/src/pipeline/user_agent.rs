//! The `User-Agent` header.

use std::env::consts::{ARCH, OS};

use async_trait::async_trait;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};

use super::{Next, Policy};
use crate::{Body, Error, ErrorKind, Result};

/// Sets the `User-Agent` header of requests that have none.
#[derive(Clone, Debug)]
pub struct UserAgentPolicy {
    value: HeaderValue,
}

impl UserAgentPolicy {
    /// Sends `value` unchanged.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if it is not a valid header value.
    pub fn new(value: &str) -> Result<Self> {
        match HeaderValue::from_str(value) {
            Ok(value) => Ok(Self { value }),
            Err(error) => Err(Error::new(ErrorKind::InvalidInput, error)
                .with_context("the user agent is not a valid header value")),
        }
    }

    /// Sends the form prescribed by the Azure SDK guidelines:
    /// `[application ]azsdk-rust-package/version (system; architecture)`.
    ///
    /// ```
    /// use azwire_transport::pipeline::UserAgentPolicy;
    ///
    /// let policy = UserAgentPolicy::azsdk("azwire-pubsub", "0.1.0", Some("shop/2.3"))?;
    /// assert!(policy.value().starts_with("shop/2.3 azsdk-rust-azwire-pubsub/0.1.0 ("));
    /// # Ok::<(), azwire_transport::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`new`](Self::new).
    pub fn azsdk(package: &str, version: &str, application: Option<&str>) -> Result<Self> {
        let sdk = format!("azsdk-rust-{package}/{version} ({OS}; {ARCH})");
        match application {
            Some(application) => Self::new(&format!("{application} {sdk}")),
            None => Self::new(&sdk),
        }
    }

    /// Returns the header value.
    pub fn value(&self) -> &str {
        self.value.to_str().unwrap_or_default()
    }
}

#[async_trait]
impl Policy for UserAgentPolicy {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        request
            .headers_mut()
            .entry(USER_AGENT)
            .or_insert_with(|| self.value.clone());
        next.send(request).await
    }
}
