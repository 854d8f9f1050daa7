//! The path of a call through retries, deadlines and authorization.

use std::sync::Arc;

use http::Response;
use transport::pipeline::{Pipeline, RetryPolicy};
use transport::{Body, Result};

use super::attempt::Attempt;
use super::request::Call;
use super::request_id::RequestId;
use super::response::SentRequestId;

/// The runner of calls.
///
/// Retries, deadline and authorization are called directly, not run as policies of a pipeline, so
/// that no attempt clones a request and none of the three boxes a future. A pipeline
/// for all calls would be one way instead of two, but costs a send 15 more
/// allocations; so only clients with per-call policies have one.
#[derive(Clone, Debug)]
pub(super) struct CallRunner {
    pub(super) retry: Arc<RetryPolicy>,
    pub(super) attempt: Arc<Attempt>,
    /// The pipeline of the per-call policies, `retry` and `attempt`, if there are such policies.
    pub(super) around: Option<Pipeline>,
}

impl CallRunner {
    /// Sends a call with an id that all its attempts share.
    pub(super) async fn send(&self, call: &Call, id: RequestId) -> Result<Response<Body>> {
        let Some(around) = &self.around else {
            let attempt = |number| self.attempt.run(call.request(id.header()), call, number);
            let mut response = self.retry.run(call.class(), attempt).await?;
            SentRequestId::add(&mut response, call.operation, || id.header());
            return Ok(response);
        };
        let mut request = call.request(id.header());
        request.extensions_mut().insert(call.class());
        request.extensions_mut().insert(call.without_content());
        around.send(request).await
    }
}
