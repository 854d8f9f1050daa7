//! A pipeline of policies around an [`HttpClient`]: each policy sees the
//! request on its way out and the response on its way back.

mod builder;
mod log;
mod request_id;
mod retry;
#[cfg(test)]
mod tests;
mod timeout;
mod user_agent;

pub use builder::PipelineBuilder;
pub use log::{LogOptions, LogPolicy};
pub use request_id::RequestIdPolicy;
pub use retry::{Idempotency, RetryOptions, RetryPolicy, TryNumber};
pub use timeout::TimeoutPolicy;
pub use user_agent::UserAgentPolicy;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use http::{Request, Response};

use crate::{Body, HttpClient, Result, SharedHttpClient, SharedRuntime};

/// One step around a request.
///
/// A policy before the [`RetryPolicy`] runs once per call, one after it once per attempt.
///
/// ```
/// use azwire_transport::pipeline::{Next, Policy};
/// use azwire_transport::{Body, Result, async_trait};
/// use http::{HeaderValue, Request, Response};
///
/// /// Requests one language.
/// #[derive(Debug)]
/// struct Language(HeaderValue);
///
/// #[async_trait]
/// impl Policy for Language {
///     async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
///         request.headers_mut().insert("accept-language", self.0.clone());
///         next.send(request).await
///     }
/// }
/// ```
#[async_trait]
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// Handles `request` and hands it to `next`, any number of times.
    ///
    /// # Errors
    ///
    /// Those of `next`, or the policy's own.
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>>;
}

/// The rest of the pipeline: the policies that follow, then the client.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    policies: &'a [Arc<dyn Policy>],
    client: &'a SharedHttpClient,
}

impl<'a> Next<'a> {
    /// Runs the rest of the pipeline. The future is the one of the next policy or
    /// of the client.
    ///
    /// # Errors
    ///
    /// Those of the policies and the client that follow.
    pub fn send(self, request: Request<Body>) -> BoxFuture<'a, Result<Response<Body>>> {
        match self.policies.split_first() {
            Some((policy, rest)) => {
                let next = Next {
                    policies: rest,
                    client: self.client,
                };
                policy.send(request, next)
            }
            None => self.client.send(request),
        }
    }
}

/// A sequence of policies with a client at the end. Clones share both.
#[derive(Clone, Debug)]
pub struct Pipeline {
    policies: Arc<[Arc<dyn Policy>]>,
    client: SharedHttpClient,
}

impl Pipeline {
    /// Creates a pipeline; the first policy sees the request first.
    pub fn new(client: SharedHttpClient, policies: Vec<Arc<dyn Policy>>) -> Self {
        Self {
            policies: policies.into(),
            client,
        }
    }

    /// Returns a builder with the usual policies in their usual order.
    ///
    /// `seed` determines the jitter of retries and the request ids; use a different one
    /// for each pipeline.
    pub fn builder(client: SharedHttpClient, runtime: SharedRuntime, seed: u64) -> PipelineBuilder {
        PipelineBuilder::new(client, runtime, seed)
    }

    /// Sends a request through all policies to the client.
    ///
    /// # Errors
    ///
    /// Those of the policies and of the client. A status is never an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the request; it may have been sent.
    pub fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>>> {
        let next = Next {
            policies: &self.policies,
            client: &self.client,
        };
        next.send(request)
    }

    /// Whether there are no policies, so that requests go directly to the client.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }
}

/// Turns a function into a [`Policy`].
///
/// ```
/// use azwire_transport::pipeline::policy_fn;
///
/// let policy = policy_fn("language", |mut request, next| {
///     request.headers_mut().insert("accept-language", http::HeaderValue::from_static("de"));
///     Box::pin(next.send(request))
/// });
/// ```
pub fn policy_fn<F>(name: &'static str, function: F) -> impl Policy
where
    F: for<'a> Fn(Request<Body>, Next<'a>) -> BoxFuture<'a, Result<Response<Body>>>
        + Send
        + Sync
        + 'static,
{
    PolicyFn { name, function }
}

struct PolicyFn<F> {
    name: &'static str,
    function: F,
}

#[async_trait]
impl<F> Policy for PolicyFn<F>
where
    F: for<'a> Fn(Request<Body>, Next<'a>) -> BoxFuture<'a, Result<Response<Body>>>
        + Send
        + Sync
        + 'static,
{
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        (self.function)(request, next).await
    }
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PolicyFn").field(&self.name).finish()
    }
}
