//! One attempt of a call, and what is repeated for each.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, Method, Request, Response, header};
use tracing::{Instrument, debug_span};
use transport::_internal::CLIENT_REQUEST_ID;
use transport::pipeline::{Pipeline, TimeoutPolicy, TryNumber};
use transport::{Body, Error, ErrorKind, HttpClient, Result};

use super::authorize::Authorize;
use super::request::Call;
use super::response::{SentRequestId, is_success};

/// One attempt. It authorizes the request and reads the whole response, so that a
/// truncated one can be retried.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) timeout: TimeoutPolicy,
    pub(super) user_agent: HeaderValue,
    pub(super) authorize: Arc<Authorize>,
    /// The per-try policies and the HTTP client.
    pub(super) behind: Pipeline,
}

impl Attempt {
    pub(super) fn run<'a>(
        &'a self,
        request: Request<Body>,
        call: &'a Call,
        number: TryNumber,
    ) -> impl Future<Output = Result<Response<Body>>> + 'a {
        self.timeout.limit(self.respond(request, call, number))
    }

    async fn respond(
        &self,
        mut request: Request<Body>,
        call: &Call,
        number: TryNumber,
    ) -> Result<Response<Body>> {
        let bearer = self.authorize.bearer(call).await?;
        let asks_nothing_back = *request.method() == Method::HEAD;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, bearer);
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(header::USER_AGENT, self.user_agent.clone());
        }
        if !asks_nothing_back {
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        }
        if !self.behind.is_empty() {
            request.extensions_mut().insert(number);
            request.extensions_mut().insert(call.class());
        }
        let span = debug_span!("http_try", number = number.as_u32());
        let response = self.behind.send(request).instrument(span).await?;

        self.authorize.answered(call, response.status());
        let done = is_success(call.operation, response.status());
        if response.body().as_bytes().is_some() {
            return Ok(response);
        }
        read(response, done && call.operation.has_answer).await
    }
}

/// The innermost client of a pipeline of per-call policies.
#[async_trait]
impl HttpClient for Attempt {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>> {
        let call = request.extensions_mut().remove::<Call>();
        let number = request.extensions().get::<TryNumber>().copied();
        let (Some(call), Some(number)) = (call, number) else {
            let text = "a policy removed the extensions of the request";
            return Err(Error::message(ErrorKind::Other, text).never_delivered());
        };
        // A policy may have replaced or removed it.
        let id = request.headers().get(&CLIENT_REQUEST_ID).cloned();
        let id = id.unwrap_or_else(|| HeaderValue::from_static(""));
        let mut response = self.run(request, &call, number).await?;
        SentRequestId::add(&mut response, call.operation, || id);
        Ok(response)
    }
}

/// Reads the response; unless it is `wanted`, a truncated body is no error.
async fn read(response: Response<Body>, wanted: bool) -> Result<Response<Body>> {
    let (parts, body) = response.into_parts();
    let limit = if wanted { MAX_ANSWER } else { MAX_ERROR };
    let body = match body.collect(limit).await {
        Ok(bytes) => bytes.into(),
        Err(error) if wanted => return Err(error.maybe_delivered()),
        // A truncated error response is still one, and of a success only the status counts.
        Err(_) => Body::empty(),
    };
    Ok(Response::from_parts(parts, body))
}

/// Our choice: a page of 200 connections with ids of 1 KiB would be a tenth of it.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Our choice: the service's errors have a few hundred bytes.
const MAX_ERROR: usize = 64 * 1024;
