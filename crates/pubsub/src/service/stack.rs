//! The layers of a service client.

use std::sync::Arc;

use http::HeaderValue;
use transport::pipeline::{LogOptions, LogPolicy, Pipeline, Policy, RetryPolicy, TimeoutPolicy};
use transport::{SharedHttpClient, SharedRuntime};

use super::attempt::Attempt;
use super::authorize::Authorize;
use super::runner::CallRunner;

/// The layers that all handles of one client share; each handle adds its own log.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) per_call: Vec<Arc<dyn Policy>>,
    pub(super) retry: Arc<RetryPolicy>,
    pub(super) timeout: TimeoutPolicy,
    pub(super) user_agent: HeaderValue,
    pub(super) authorize: Arc<Authorize>,
    pub(super) per_try: Vec<Arc<dyn Policy>>,
    pub(super) client: SharedHttpClient,
    pub(super) runtime: SharedRuntime,
}

impl Stack {
    pub(super) fn runner(&self, log: Option<LogOptions>) -> CallRunner {
        let mut around = Vec::new();
        let mut behind = self.per_try.clone();
        if let Some(options) = log {
            let per_call = LogPolicy::per_call(options.clone(), self.runtime.clone());
            let per_try = LogPolicy::per_try(options, self.runtime.clone());
            around.push(Arc::new(per_call) as Arc<dyn Policy>);
            behind.push(Arc::new(per_try));
        }
        around.extend(self.per_call.iter().cloned());
        let attempt = Arc::new(Attempt {
            timeout: self.timeout.clone(),
            user_agent: self.user_agent.clone(),
            authorize: Arc::clone(&self.authorize),
            behind: Pipeline::new(self.client.clone(), behind),
        });
        let retry = Arc::clone(&self.retry);
        let around = (!around.is_empty()).then(|| {
            around.push(Arc::clone(&retry) as Arc<dyn Policy>);
            Pipeline::new(SharedHttpClient::from(Arc::clone(&attempt)), around)
        });
        CallRunner {
            retry,
            attempt,
            around,
        }
    }
}
