//! Conversion of an `http::Response` to a `Result`: the only status table of the service client.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use transport::Body;

use crate::error::ServiceResponse;
use crate::generated::operations::Operation;
use crate::members::{self, Members};
use crate::{Error, ErrorKind, Result};

/// Checks a response that must be a success.
pub(super) fn accept(operation: &Operation, response: Response<Bytes>) -> Result<Bytes> {
    let status = response.status();
    if is_success(operation, status) {
        return Ok(response.into_body());
    }
    if status.is_success() {
        // A server with any other response is not the service, and did not perform the operation.
        let text = format!(
            "the response to {} has the unexpected status {}",
            operation.name,
            status.as_u16()
        );
        return Err(Error::message(ErrorKind::Protocol, text).with_response(refusal(response)));
    }
    Err(Error::service(refusal(response)))
}

/// Reads a yes-or-no answer: yes is a success, no is 404.
pub(super) fn yes_or_no(operation: &Operation, response: Response<Bytes>) -> Result<bool> {
    debug_assert!(operation.is_question, "{} asks nothing", operation.name);
    if operation.is_question && response.status() == StatusCode::NOT_FOUND {
        return Ok(false);
    }
    accept(operation, response).map(|_| true)
}

/// Reads the body of a success, which is always an object.
pub(super) fn read<'a>(operation: &Operation, body: &'a [u8]) -> Result<Members<'a>> {
    Members::read(body).ok_or_else(|| unreadable(operation))
}

/// Returns the error for a malformed body of a success. It quotes nothing, since the body may
/// contain a token.
pub(super) fn unreadable(operation: &Operation) -> Error {
    let text = format!("the response to {} is malformed", operation.name);
    Error::message(ErrorKind::Protocol, text).maybe_delivered()
}

/// Reads an error response: `application/json` and `application/problem+json`
/// both have `code` and `message`, or else the names of RFC 9457.
fn refusal(response: Response<Bytes>) -> ServiceResponse {
    let (parts, body) = response.into_parts();
    // A malformed body does not change the error itself.
    let detail = Members::read(&body);
    let member = |name| detail.as_ref()?.lenient(name, members::text);
    ServiceResponse {
        status: Some(parts.status),
        code: member("code").or_else(|| text(&parts.headers, "x-ms-error-code")),
        inner_code: detail.as_ref().and_then(innermost),
        message: member("message")
            .or_else(|| member("detail"))
            .or_else(|| member("title")),
        target: member("target"),
        request_id: text(&parts.headers, "x-ms-request-id")
            .or_else(|| text(&parts.headers, "x-ms-client-request-id"))
            .or_else(|| parts.extensions.get().map(|SentRequestId(id)| id.clone())),
    }
}

/// The `x-ms-client-request-id` of the request, as an extension of its response.
#[derive(Clone, Debug)]
pub(super) struct SentRequestId(String);

impl SentRequestId {
    /// Adds the id of its request to a response of `operation` unless it is a success.
    pub(super) fn add(
        response: &mut Response<Body>,
        operation: &Operation,
        id: impl FnOnce() -> HeaderValue,
    ) {
        if !is_success(operation, response.status())
            && let Ok(id) = id().to_str()
        {
            response.extensions_mut().insert(Self(id.to_owned()));
        }
    }
}

/// Whether `status` is one with which `operation` succeeds.
pub(super) fn is_success(operation: &Operation, status: StatusCode) -> bool {
    operation.success.contains(&status.as_u16())
}

/// Returns the most specific code.
fn innermost(error: &Members<'_>) -> Option<String> {
    let mut found = None;
    let mut next = within(error);
    for _ in 0..MAX_DEPTH {
        let Some(error) = next else { break };
        found = error.lenient("code", members::text).or(found);
        next = within(&error);
    }
    found
}

/// Returns the inner error. The service calls it `inner`, its REST description
/// `innererror`.
fn within<'a>(error: &Members<'a>) -> Option<Members<'a>> {
    let inner = error.get("innererror").or_else(|| error.get("inner"))?;
    Members::of(inner)
}

/// The service uses two levels.
const MAX_DEPTH: usize = 32;

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::operations as op;

    fn response(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn both_names_of_the_inner_error_are_read() {
        for body in [
            r#"{"code":"A","innererror":{"code":"B","inner":{"code":"C"}}}"#,
            r#"{"code":"A","inner":{"code":"B","innererror":{"code":"C","inner":null}}}"#,
            r#"{"code":"A","innererror":null,"inner":{"code":"C","inner":{"code":5}}}"#,
            r#"{"code":"-","inner":{"code":"C"},"innererror":null,"code":"A"}"#,
        ] {
            let error = accept(&op::SEND_TO_ALL, response(400, &[], body)).unwrap_err();
            assert_eq!(error.error_code(), Some("A"));
            assert_eq!(error.inner_error_code(), Some("C"));
        }
    }

    #[test]
    fn a_problem_of_the_rfc_is_read() {
        let body = r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"why"}"#;
        let error = accept(&op::SEND_TO_ALL, response(400, &[], body)).unwrap_err();
        assert_eq!(error.service_message(), Some("why"));
        let body = r#"{"title":"Bad Request"}"#;
        let error = accept(&op::SEND_TO_ALL, response(400, &[], body)).unwrap_err();
        assert_eq!(error.service_message(), Some("Bad Request"));
    }

    #[test]
    fn a_member_that_is_odd_does_not_cost_the_others() {
        let body = r#"{"code":"A","message":5,"target":["t"],"inner":["C"],"details":{}}"#;
        let error = accept(&op::SEND_TO_ALL, response(400, &[], body)).unwrap_err();
        assert_eq!(error.error_code(), Some("A"));
        assert_eq!(
            (error.service_message(), error.service_target()),
            (None, None)
        );
        assert_eq!(error.inner_error_code(), None);
    }

    #[test]
    fn errors_within_errors_are_read_to_some_depth() {
        let depth = 5_000;
        let body = r#"{"inner":"#.repeat(depth) + "{}" + &"}".repeat(depth);
        let mut response = response(400, &[], "");
        *response.body_mut() = body.into();
        let error = accept(&op::SEND_TO_ALL, response).unwrap_err();
        assert_eq!(error.inner_error_code(), None);
    }

    #[test]
    fn a_body_that_says_nothing_leaves_status_and_headers() {
        for body in ["", "<html>", "[]", r#"{"code":5}"#] {
            let headers = [("x-ms-error-code", "Some.Code"), ("x-ms-request-id", "id")];
            let error = accept(&op::SEND_TO_ALL, response(500, &headers, body)).unwrap_err();
            assert_eq!(error.status(), Some(StatusCode::INTERNAL_SERVER_ERROR));
            assert_eq!(error.error_code(), Some("Some.Code"));
            assert_eq!(error.request_id(), Some("id"));
            assert!(error.may_be_delivered());
        }
    }

    #[test]
    fn a_success_that_the_operation_does_not_have_is_none() {
        let error = accept(&op::SEND_TO_ALL, response(200, &[], "<html>")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(
            error.to_string(),
            "the response to send_to_all has the unexpected status 200"
        );
        assert_eq!(error.status(), Some(StatusCode::OK));
    }

    #[test]
    fn a_question_has_two_answers_and_errors() {
        let ask = |status| yes_or_no(&op::USER_EXISTS, response(status, &[], ""));
        assert!(ask(200).unwrap());
        assert!(!ask(404).unwrap());
        assert_eq!(ask(401).unwrap_err().kind(), ErrorKind::Auth);
        assert_eq!(ask(500).unwrap_err().kind(), ErrorKind::Service);
    }
}
