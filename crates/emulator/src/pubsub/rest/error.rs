//! Answers without content, and answers with the service's error shape. Pure.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use transport::Body;

use crate::control::json;
use crate::pubsub::filter::FilterError;

/// An answer with the service's error shape and no target.
pub(in crate::pubsub) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    targeted(status, code, message, None)
}

/// An answer with the service's error shape.
pub(super) fn targeted(
    status: StatusCode,
    code: &str,
    message: &str,
    target: Option<&str>,
) -> Response<Body> {
    // The description calls the last member `inner`; the service writes `innererror`.
    let body = serde_json::json!({
        "code": code,
        "message": message,
        "target": target,
        "details": null,
        "innererror": null,
    });
    let mut response = json(&body);
    *response.status_mut() = status;
    set_code(&mut response, code);
    response
}

/// 400 with the service's general code.
pub(super) fn bad_request(target: &str, message: &str) -> Response<Body> {
    targeted(StatusCode::BAD_REQUEST, BAD_REQUEST, message, Some(target))
}

/// 400 for a filter, in the shape that the service has for those.
pub(super) fn bad_filter(error: &FilterError) -> Response<Body> {
    let message = error.to_string();
    let body = serde_json::json!({
        "code": BAD_REQUEST,
        "message": message,
        "target": "Filter",
        "errors": { "Filter": [message] },
        "type": null,
        "title": "One or more validation errors occurred.",
        "status": 400,
        "detail": null,
        "instance": null,
        "extensions": {},
    });
    let mut response = json(&body);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let problem = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, problem);
    set_code(&mut response, BAD_REQUEST);
    response
}

/// 404 for a path that is not one.
pub(super) fn not_found() -> Response<Body> {
    error(
        StatusCode::NOT_FOUND,
        "Error.NotFound",
        "There is no such operation.",
    )
}

/// 401, without saying why.
pub(super) fn unauthorized() -> Response<Body> {
    let mut response = empty(StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, challenge);
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn set_code(response: &mut Response<Body>, code: &str) {
    if let Ok(code) = HeaderValue::try_from(code) {
        let name = HeaderName::from_static("x-ms-error-code");
        response.headers_mut().insert(name, code);
    }
}

const BAD_REQUEST: &str = "Error.BadRequest";
