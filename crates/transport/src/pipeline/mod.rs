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
/// A policy before the [`RetryPolicy`] runs once a call, one after it once a try.
///
/// ```
/// use async_trait::async_trait;
/// use azwire_transport::{Body, Next, Policy, Result};
/// use http::{HeaderValue, Request, Response};
///
/// /// Asks for one language.
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

/// What comes after a policy: further policies, then the client.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    policies: &'a [Arc<dyn Policy>],
    client: &'a SharedHttpClient,
}

impl<'a> Next<'a> {
    /// Runs the rest of the pipeline. The future is that of the next policy or
    /// of the client itself.
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

/// Policies in order, and the client behind them. Clones share both.
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

    /// Starts a pipeline with the usual policies in their usual order.
    ///
    /// `seed` decides the jitter of retries and the request ids; give each
    /// pipeline another.
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
    /// Dropping the future gives the request up; it may have been sent.
    pub fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>>> {
        let next = Next {
            policies: &self.policies,
            client: &self.client,
        };
        next.send(request)
    }

    /// Whether requests go to the client straight away.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }
}

/// Makes a [`Policy`] of a function.
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
