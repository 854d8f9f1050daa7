//! One try of a call: what is done anew for each, in one policy, for each
//! policy costs an allocation and moves of the request.

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use tracing::{Instrument, debug_span};
use transport::pipeline::TryNumber;
use transport::{Body, Error, ErrorKind, Next, Policy, Result};

use super::authorize::Authorize;
use super::request::Call;
use super::response::SentRequestId;

/// Authorises the request and reads the whole answer, so that one that is cut
/// off can be retried.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) user_agent: HeaderValue,
    pub(super) authorize: Authorize,
}

#[async_trait]
impl Policy for Attempt {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        let call = request.extensions_mut().remove::<Call>().ok_or_else(|| {
            let text = "a policy has taken the extensions of the request away";
            Error::message(ErrorKind::Other, text).never_delivered()
        })?;
        let bearer = self.authorize.bearer(&call.audience).await?;
        let asks_nothing_back = *request.method() == Method::HEAD;
        let headers = request.headers_mut();
        // Ours, those of the message framing, and some of a policy's own.
        headers.reserve(8);
        headers.insert(header::AUTHORIZATION, bearer);
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(header::USER_AGENT, self.user_agent.clone());
        }
        if !asks_nothing_back {
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        }
        let id = headers.get(&CLIENT_REQUEST_ID).cloned();
        let number = request.extensions().get::<TryNumber>();
        let span = debug_span!("http_try", number = number.map(|number| number.as_u32()));
        let mut response = next.send(request).instrument(span).await?;

        self.authorize.answered(&call.audience, response.status());
        let done = call.operation.success.contains(&response.status().as_u16());
        if !done && let Some(id) = id.as_ref().and_then(|id| id.to_str().ok()) {
            let id = SentRequestId(id.to_owned());
            response.extensions_mut().insert(id);
        }
        if response.body().as_bytes().is_some() {
            return Ok(response);
        }
        read(response, done && call.operation.has_answer).await
    }
}

/// Reads the answer; without being `wanted`, its body may as well be lost.
async fn read(response: Response<Body>, wanted: bool) -> Result<Response<Body>> {
    let (parts, body) = response.into_parts();
    let limit = if wanted { MAX_ANSWER } else { MAX_ERROR };
    let body = match body.collect(limit).await {
        Ok(bytes) => bytes.into(),
        Err(error) if wanted => return Err(error.maybe_delivered()),
        // A refusal that is cut off is one all the same, and of a success only the status counts.
        Err(_) => Body::empty(),
    };
    Ok(Response::from_parts(parts, body))
}

pub(super) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// Ours: a page of 200 connections with ids of 1 KiB would be a tenth of it.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Ours: errors of the service are a few hundred bytes.
const MAX_ERROR: usize = 64 * 1024;
