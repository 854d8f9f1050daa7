//! Reads the answer within the try, so that one that is cut off can be retried.

use async_trait::async_trait;
use http::{HeaderName, Request, Response};
use transport::{Body, Next, Policy, Result};

use super::request::OperationOf;
use super::response::SentRequestId;

/// Reads the whole answer and keeps the request's id for errors.
#[derive(Debug)]
pub(super) struct Buffer;

#[async_trait]
impl Policy for Buffer {
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        let id = request.headers().get(&CLIENT_REQUEST_ID).cloned();
        let operation = request.extensions().get::<OperationOf>().copied();
        let mut response = next.send(request).await?;
        let done = operation
            .is_some_and(|OperationOf(own)| own.success.contains(&response.status().as_u16()));
        if !done && let Some(id) = id.as_ref().and_then(|id| id.to_str().ok()) {
            response
                .extensions_mut()
                .insert(SentRequestId(id.to_owned()));
        }
        if response.body().as_bytes().is_some() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let wants_body = operation.is_some_and(|OperationOf(own)| own.has_answer);
        let limit = if done && wants_body {
            MAX_ANSWER
        } else {
            MAX_ERROR
        };
        let body = match body.collect(limit).await {
            Ok(bytes) => bytes.into(),
            // The status says all that is asked for; the connection is given up, not the answer.
            Err(_) if !(done && wants_body) => Body::empty(),
            Err(error) => return Err(error.maybe_delivered()),
        };
        Ok(Response::from_parts(parts, body))
    }
}

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// Ours: a page of 200 connections with ids of 1 KiB would be a tenth of it.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Ours: errors of the service are a few hundred bytes.
const MAX_ERROR: usize = 64 * 1024;
