//! What a service client is made of, and the defaults.

use std::sync::Arc;
use std::time::Duration;

use auth::{AccessKey, JwtTokenProvider, SharedClock, SharedTokenProvider};
use transport::pipeline::{LogOptions, LogPolicy, RequestIdPolicy, RetryPolicy, TimeoutPolicy, UserAgentPolicy};
use transport::{Pipeline, Policy, RetryOptions, SharedHttpClient, SharedRuntime};

use super::authorize::Authorize;
use super::request::Requests;
use super::{API_VERSION, ServiceClient};
use crate::{Endpoint, HubName, Result};

/// Builds a [`ServiceClient`].
#[derive(Debug)]
#[must_use]
pub struct ServiceClientBuilder {
    endpoint: Endpoint,
    hub: HubName,
    access_key: AccessKey,
    retry: RetryOptions,
    try_timeout: Duration,
    client: Option<SharedHttpClient>,
    runtime: Option<SharedRuntime>,
    clock: SharedClock,
}

impl ServiceClientBuilder {
    /// 100 s for each try, the default of the Azure SDKs' HTTP clients.
    pub const DEFAULT_TRY_TIMEOUT: Duration = Duration::from_secs(100);
    /// 5 min, the lifetime that the official .NET client gives a token for one request.
    pub const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

    pub(super) fn new(endpoint: Endpoint, hub: HubName, access_key: AccessKey) -> Self {
        Self {
            endpoint,
            hub,
            access_key,
            retry: RetryOptions::default(),
            try_timeout: Self::DEFAULT_TRY_TIMEOUT,
            client: None,
            runtime: None,
            clock: SharedClock::default(),
        }
    }

    /// Sets how requests are retried.
    pub fn retry(mut self, options: RetryOptions) -> Self {
        self.retry = options;
        self
    }

    /// Sets how long one try may take until its headers are there; 100 s unless set.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// Sets the HTTP client; the one over hyper unless set.
    pub fn http_client(mut self, client: SharedHttpClient) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the runtime whose timers time-outs and retries wait on; tokio's unless set.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets the clock that tokens are dated by.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the crate was built
    /// without feature `hyper` and the HTTP client or the runtime is not set.
    pub fn build(self) -> Result<ServiceClient> {
        let client = match self.client {
            Some(client) => client,
            None => crate::defaults::http_client()?,
        };
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let provider = JwtTokenProvider::new(&self.access_key)
            .with_lifetime(Self::TOKEN_LIFETIME)
            .with_clock(self.clock.clone());
        let policies: Vec<Arc<dyn Policy>> = vec![
            Arc::new(UserAgentPolicy::azsdk("azwire-pubsub", env!("CARGO_PKG_VERSION"), None)?),
            Arc::new(RequestIdPolicy::new(crate::defaults::seed())),
            Arc::new(LogPolicy::per_call(LogOptions::default(), runtime.clone())),
            Arc::new(RetryPolicy::new(self.retry, runtime.clone(), crate::defaults::seed())),
            Arc::new(TimeoutPolicy::new(self.try_timeout, runtime.clone())),
            Arc::new(Authorize::new(SharedTokenProvider::new(provider))),
            Arc::new(LogPolicy::per_try(LogOptions::default(), runtime)),
        ];
        Ok(ServiceClient {
            requests: Requests::new(self.endpoint, self.hub, API_VERSION.to_owned()),
            pipeline: Pipeline::new(client, policies),
            access_key: Some(Arc::new(self.access_key)),
            clock: self.clock,
        })
    }
}
