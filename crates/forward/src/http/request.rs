//! Senders' requests. Shell.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, header};
use relay::_internal::{LastMove, watched};
use relay::exchange::RequestInfo;
use transport::{Body, ErrorKind, HttpClient};

use super::ReverseProxy;
use super::answer::Failure;
use super::head::{Seen, forward_request_head, forward_response_head};

impl ReverseProxy {
    /// Passes a request on and returns the response, whatever happens.
    pub(super) async fn forward(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let info = parts.extensions.remove::<RequestInfo>();
        let tracking_id = info.as_ref().map_or("", |info| &info.tracking_id);
        let path = parts.uri.path();
        let relative = info.as_ref().map_or(path, |info| info.relative_path(path));
        let (prefix, relative) = self.split_path(path, relative);
        let uri = match self.target.uri(relative, parts.uri.query()) {
            Ok(uri) => uri,
            Err(error) => {
                tracing::debug!(tracking_id, %error, "the path is not passed on");
                return Failure::Path.response(tracking_id);
            }
        };
        let host = parts.headers.get(header::HOST).cloned();
        let endpoint = info.as_ref().and_then(|info| info.remote_endpoint.as_ref());
        let seen = Seen {
            address: endpoint.map(|endpoint| endpoint.address.as_str()),
            host: host.as_ref(),
            prefix,
        };
        forward_request_head(&mut parts.headers, seen, self.rules);
        let prefix = prefix.to_owned();
        parts.uri = uri;
        parts.extensions.clear();

        let method = parts.method.clone();
        match self.send(Request::from_parts(parts, body)).await {
            Ok(mut response) => {
                let headers = response.headers_mut();
                forward_response_head(headers, &self.target, &prefix, host.as_ref());
                tracing::debug!(tracking_id, %method, status = response.status().as_u16(), "answered");
                response
            }
            Err(error) => {
                let failure = match &error {
                    Some(error) => Failure::of(error),
                    None => Failure::Late,
                };
                tracing::warn!(
                    tracking_id,
                    %method,
                    target = %self.target.authority(),
                    status = failure.status().as_u16(),
                    error = error.as_ref().map(|error| error as &dyn StdError),
                    "the target did not answer a request"
                );
                failure.response(tracking_id)
            }
        }
    }

    /// Sends a request to the target; the error is `None` if its time has elapsed.
    async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, Option<transport::Error>> {
        let last_move = Arc::new(LastMove::new(&self.runtime));
        let again = repeatable(&request);
        let request = request.map(|body| watched(body, &last_move));
        let sending = async {
            match (self.client.send(request).await, again) {
                // The target closed a kept connection at the moment of its use (RFC 9112 §9.3.1).
                (Err(error), Some(again)) if error.kind() == ErrorKind::Closed => {
                    self.client.send(again).await
                }
                (outcome, _) => outcome,
            }
        };
        let limit = match self.response_timeout {
            Duration::ZERO => Duration::MAX,
            limit => limit,
        };
        match last_move.unless_silent(limit, sending).await {
            Some(outcome) => outcome.map_err(Some),
            None => Err(None),
        }
    }
}

/// Returns the same request, if it may be sent twice: safe (RFC 9110 §9.2.1), and without a body.
fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    let is_safe =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(request.method());
    if !is_safe || !request.body().is_empty() {
        return None;
    }
    let mut again = Request::new(Body::empty());
    again.method_mut().clone_from(request.method());
    again.uri_mut().clone_from(request.uri());
    again.headers_mut().clone_from(request.headers());
    Some(again)
}
