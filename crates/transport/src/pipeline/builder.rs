//! The pipeline builder: the usual policies in their usual order.

use std::sync::Arc;
use std::time::Duration;

use super::{
    LogOptions, LogPolicy, Pipeline, Policy, RequestIdPolicy, RetryOptions, RetryPolicy,
    TimeoutPolicy, UserAgentPolicy,
};
use crate::{SharedHttpClient, SharedRuntime};

/// The builder of a [`Pipeline`], with its policies in this order: request id, user agent, log of the
/// call, policies for each call, timeout of the call, retries, timeout of the
/// attempt, policies for each attempt, log of the attempt, client.
///
/// ```
/// use azwire_transport::pipeline::{Pipeline, RetryOptions, UserAgentPolicy};
/// use azwire_transport::{SharedHttpClient, SharedRuntime};
///
/// fn pipeline(client: SharedHttpClient, runtime: SharedRuntime, seed: u64) -> Pipeline {
///     Pipeline::builder(client, runtime, seed)
///         .retry(RetryOptions::default().with_max_retries(2))
///         .build()
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct PipelineBuilder {
    client: SharedHttpClient,
    runtime: SharedRuntime,
    seed: u64,
    user_agent: Option<UserAgentPolicy>,
    log: LogOptions,
    retry: RetryOptions,
    call_timeout: Option<Duration>,
    try_timeout: Duration,
    body_idle: Duration,
    per_call: Vec<Arc<dyn Policy>>,
    per_try: Vec<Arc<dyn Policy>>,
}

impl PipelineBuilder {
    /// The default of [`try_timeout`](Self::try_timeout), that of Azure.Core for .NET
    /// (`RetryOptions.NetworkTimeout`).
    pub const DEFAULT_TRY_TIMEOUT: Duration = Duration::from_secs(100);
    /// The default of [`body_idle_timeout`](Self::body_idle_timeout): the
    /// limit on each pause of a body is the same as on an attempt's response.
    pub const DEFAULT_BODY_IDLE_TIMEOUT: Duration = Self::DEFAULT_TRY_TIMEOUT;

    pub(super) fn new(client: SharedHttpClient, runtime: SharedRuntime, seed: u64) -> Self {
        Self {
            client,
            runtime,
            seed,
            user_agent: None,
            log: LogOptions::default(),
            retry: RetryOptions::default(),
            call_timeout: None,
            try_timeout: Self::DEFAULT_TRY_TIMEOUT,
            body_idle: Self::DEFAULT_BODY_IDLE_TIMEOUT,
            per_call: Vec::new(),
            per_try: Vec::new(),
        }
    }

    /// Sends a `User-Agent`. Default: none is sent.
    pub fn user_agent(mut self, policy: UserAgentPolicy) -> Self {
        self.user_agent = Some(policy);
        self
    }

    /// Sets what the log shows.
    pub fn log(mut self, options: LogOptions) -> Self {
        self.log = options;
        self
    }

    /// Sets the number of retries and the delays between them.
    pub fn retry(mut self, options: RetryOptions) -> Self {
        self.retry = options;
        self
    }

    /// Sets the timeout of a whole call, with all its attempts and delays. Default: none; zero means none.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// Sets the timeout of one attempt; default: [100 s](Self::DEFAULT_TRY_TIMEOUT). Zero means none.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// Sets the longest pause in a response's body; default:
    /// [100 s](Self::DEFAULT_BODY_IDLE_TIMEOUT). Zero means no limit.
    pub fn body_idle_timeout(mut self, pause: Duration) -> Self {
        self.body_idle = pause;
        self
    }

    /// Adds a policy that runs once per call.
    pub fn per_call(mut self, policy: impl Policy) -> Self {
        self.per_call.push(Arc::new(policy));
        self
    }

    /// Adds a policy that runs once per attempt, such as one that authorizes requests.
    pub fn per_try(mut self, policy: impl Policy) -> Self {
        self.per_try.push(Arc::new(policy));
        self
    }

    /// Builds the pipeline.
    pub fn build(self) -> Pipeline {
        let runtime = || self.runtime.clone();
        let mut policies: Vec<Arc<dyn Policy>> = vec![Arc::new(RequestIdPolicy::new(self.seed))];
        if let Some(user_agent) = self.user_agent {
            policies.push(Arc::new(user_agent));
        }
        policies.push(Arc::new(LogPolicy::per_call(self.log.clone(), runtime())));
        policies.extend(self.per_call);
        if let Some(timeout) = self.call_timeout {
            policies.push(Arc::new(TimeoutPolicy::new(timeout, runtime())));
        }
        // A different sequence from that of the request ids.
        policies.push(Arc::new(RetryPolicy::new(
            self.retry,
            runtime(),
            !self.seed,
        )));
        policies.push(Arc::new(
            TimeoutPolicy::new(self.try_timeout, runtime()).with_body_idle(self.body_idle),
        ));
        policies.extend(self.per_try);
        policies.push(Arc::new(LogPolicy::per_try(self.log, runtime())));
        Pipeline::new(self.client, policies)
    }
}
