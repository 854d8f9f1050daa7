//! A pipeline of policies around an [`HttpClient`]: each policy sees the
//! request on its way out and the response on its way back.

mod retry;

pub use retry::RetryOptions;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};

use crate::{Body, HttpClient, Result, SharedHttpClient};

/// One step around a request.
///
/// A policy before the [`RetryPolicy`] runs once a call, one after it once a try.
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

impl Next<'_> {
    /// Runs the rest of the pipeline.
    ///
    /// # Errors
    ///
    /// Those of the policies and the client that follow.
    pub async fn send(self, request: Request<Body>) -> Result<Response<Body>> {
        match self.policies.split_first() {
            Some((policy, rest)) => {
                let next = Next {
                    policies: rest,
                    client: self.client,
                };
                policy.send(request, next).await
            }
            None => self.client.send(request).await,
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

    /// Sends a request through all policies to the client.
    ///
    /// # Errors
    ///
    /// Those of the policies and of the client. A status is never an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up; it may have been sent.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let next = Next {
            policies: &self.policies,
            client: &self.client,
        };
        next.send(request).await
    }
}
