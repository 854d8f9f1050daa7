//! Constructors of the emulator's own responses, for every port. Pure.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use transport::Body;

/// Returns a response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Returns a response with a body of the given content type.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// Returns a response with a JSON body.
///
/// # Panics
///
/// If `value` is a map whose keys are not strings, or its `Serialize` fails.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_string(value).expect("values of our own always serialise");
    with_body(status, "application/json", body)
}

/// Returns an admin API error: JSON with the member `error`.
pub(crate) fn admin_error(status: StatusCode, text: &str) -> Response<Body> {
    json(status, &serde_json::json!({ "error": text }))
}

/// Sets `Retry-After` to a number of seconds, if there is one.
pub(crate) fn set_retry_after(headers: &mut HeaderMap, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_error_is_json_with_one_member() {
        let mut response = admin_error(StatusCode::NOT_FOUND, "a \"b\"");
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let body = response.body().as_bytes();
        assert_eq!(body.unwrap(), &br#"{"error":"a \"b\""}"#[..]);

        set_retry_after(response.headers_mut(), None);
        assert!(!response.headers().contains_key(header::RETRY_AFTER));
        set_retry_after(response.headers_mut(), Some(3));
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
    }
}
