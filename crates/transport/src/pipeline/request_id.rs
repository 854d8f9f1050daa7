//! The `x-ms-client-request-id` header, which identifies a call in Azure's logs.

use std::fmt;

use async_trait::async_trait;
use http::{HeaderValue, Request, Response};

use super::{Next, Policy};
use crate::request_id::{CLIENT_REQUEST_ID, request_id};
use crate::splitmix::SharedSplitMix64;
use crate::{Body, Result};

/// Sets `x-ms-client-request-id` on requests that have none. Before the
/// [`RetryPolicy`](super::RetryPolicy), all attempts of a call share the same id.
pub struct RequestIdPolicy {
    source: Source,
}

enum Source {
    Series(SharedSplitMix64),
    Function(Box<dyn Fn() -> HeaderValue + Send + Sync>),
}

impl RequestIdPolicy {
    /// Sends random UUIDs (version 4) from the sequence of `seed`. They distinguish calls
    /// but are not secret.
    pub fn new(seed: u64) -> Self {
        Self {
            source: Source::Series(SharedSplitMix64::new(seed)),
        }
    }

    /// Sends what `function` returns; it is called once per request.
    pub fn from_fn(function: impl Fn() -> HeaderValue + Send + Sync + 'static) -> Self {
        Self {
            source: Source::Function(Box::new(function)),
        }
    }
}

#[async_trait]
impl Policy for RequestIdPolicy {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        request
            .headers_mut()
            .entry(CLIENT_REQUEST_ID)
            .or_insert_with(|| match &self.source {
                Source::Series(series) => {
                    request_id(u128::from(series.next_u64()) << 64 | u128::from(series.next_u64()))
                }
                Source::Function(function) => function(),
            });
        next.send(request).await
    }
}

impl fmt::Debug for RequestIdPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestIdPolicy").finish_non_exhaustive()
    }
}
