//! From an `http::Response` to a `Result`: the only status table of the service client.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ServiceResponse;
use crate::generated::models::{ErrorDetail, InnerError};
use crate::generated::operations::Operation;
use crate::{Error, ErrorKind, Result};

/// Takes an answer that must be a success.
pub(super) fn accept(operation: &Operation, response: Response<Bytes>) -> Result<Bytes> {
    let status = response.status();
    if operation.success.contains(&status.as_u16()) {
        return Ok(response.into_body());
    }
    if status.is_success() {
        // Whoever answers something else is not the service, and did not do it.
        let text = format!("{} was answered {}", operation.name, status.as_u16());
        return Err(Error::message(ErrorKind::Protocol, text).with_response(refusal(response)));
    }
    Err(Error::service(refusal(response)))
}

/// Takes the answer to a question: yes is a success, no is 404.
pub(super) fn yes_or_no(operation: &Operation, response: Response<Bytes>) -> Result<bool> {
    debug_assert!(operation.is_question, "{} asks nothing", operation.name);
    if operation.is_question && response.status() == StatusCode::NOT_FOUND {
        return Ok(false);
    }
    accept(operation, response).map(|_| true)
}

/// Reads the body of a success.
pub(super) fn read<T: DeserializeOwned>(operation: &Operation, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        // Its text may quote the body, which may hold a token: say where, not what.
        let text = format!(
            "the answer to {} cannot be read at line {}, column {}",
            operation.name,
            error.line(),
            error.column()
        );
        Error::message(ErrorKind::Protocol, text).maybe_delivered()
    })
}

/// Reads an error answer: `application/json` and `application/problem+json`
/// both have `code` and `message`, or else the names of RFC 9457.
fn refusal(response: Response<Bytes>) -> ServiceResponse {
    let (parts, body) = response.into_parts();
    // A body that cannot be read says nothing about the refusal itself.
    let detail: ErrorDetail = serde_json::from_slice(&body).unwrap_or_default();
    let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    ServiceResponse {
        status: parts.status,
        code: detail
            .code
            .or_else(|| text(&parts.headers, "x-ms-error-code")),
        inner_code: innermost(detail.inner_error),
        message: detail.message.or(problem.detail).or(problem.title),
        target: detail.target,
        request_id: text(&parts.headers, "x-ms-request-id")
            .or_else(|| text(&parts.headers, "x-ms-client-request-id"))
            .or_else(|| parts.extensions.get().map(|SentRequestId(id)| id.clone())),
    }
}

/// The `x-ms-client-request-id` of the request, as an extension of its response.
#[derive(Clone, Debug)]
pub(super) struct SentRequestId(pub(super) String);

/// What RFC 9457 has and the service's own form has not.
#[derive(Default, Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// The most specific code, however deep.
fn innermost(error: Option<InnerError>) -> Option<String> {
    let mut found = None;
    let mut next = error;
    while let Some(error) = next {
        found = error.code.or(found);
        next = error.inner.map(|inner| *inner);
    }
    found
}

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
        assert_eq!(error.to_string(), "send_to_all was answered 200");
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
