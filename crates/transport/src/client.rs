//! The HTTP seam: one request in, one response out.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};

use crate::{Body, Result};

/// Sends one HTTP request and returns its response once the headers have arrived.
///
/// The request's URI is absolute. Implementations follow no redirects, keep no
/// cookies, retry nothing, and set no headers except those of
/// message framing (`Host`, `Content-Length`, `Transfer-Encoding`).
///
/// # Cancel safety
///
/// Dropping the future abandons the request; it may have been sent.
#[async_trait]
pub trait HttpClient: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`.
    ///
    /// # Errors
    ///
    /// A status is never an error. See [`ErrorKind`](crate::ErrorKind) for the
    /// rest. [`Error::may_be_delivered`](crate::Error::may_be_delivered) must be
    /// correct, because retries of sends depend on it.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>>;
}

/// A cheap, shared handle to an [`HttpClient`].
#[derive(Clone, Debug)]
pub struct SharedHttpClient(Arc<dyn HttpClient>);

impl SharedHttpClient {
    /// Creates a shared handle to `client`.
    pub fn new(client: impl HttpClient) -> Self {
        Self(Arc::new(client))
    }
}

impl<T: HttpClient> From<Arc<T>> for SharedHttpClient {
    fn from(client: Arc<T>) -> Self {
        Self(client)
    }
}

// Written by hand, so that the shared client's future is passed through and not boxed again.
impl HttpClient for SharedHttpClient {
    fn send<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        self.0.send(request)
    }
}
