//! Error responses of the service, byte for byte as recorded. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use transport::{Body, Result};

use super::route::Operation;
use crate::answer;
use crate::pubsub::filter::FilterError;

/// Why a request fails.
#[derive(Debug)]
pub(super) enum RestError {
    /// An error that the service makes itself.
    Plain {
        status: StatusCode,
        code: String,
        message: String,
        target: Option<&'static str>,
    },
    /// A value that the description of the operation does not allow. `target` is
    /// its name as it was written.
    Validation {
        target: &'static str,
        message: String,
    },
    /// A response that does not have the service's error shape.
    Response(Box<Response<Body>>),
}

impl RestError {
    /// Creates an error with a target.
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<String>,
        target: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::Plain {
            status,
            code: code.into(),
            message: message.into(),
            target: Some(target),
        }
    }

    /// Creates a 400 with the service's general code.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD_REQUEST, "Request", message)
    }

    /// Creates the error for a value of the wrong type.
    pub(super) fn not_valid(target: &'static str, value: &str) -> Self {
        let message = match value {
            "" => "The value '' is invalid.".to_owned(),
            value => format!("The value '{value}' is not valid."),
        };
        Self::Validation { target, message }
    }

    /// Creates the error for an invalid filter.
    pub(super) fn filter(target: &'static str, error: &FilterError) -> Self {
        let message = error.to_string();
        Self::Validation { target, message }
    }

    /// Creates the 404 for an unknown path.
    pub(super) fn no_path() -> Self {
        Self::Plain {
            status: StatusCode::NOT_FOUND,
            code: "Error.NotFound".to_owned(),
            message: "There is no such operation.".to_owned(),
            target: None,
        }
    }

    /// Creates the 405.
    pub(super) fn no_method() -> Self {
        Self::Plain {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "Error.MethodNotAllowed".to_owned(),
            message: "The method is not for this path.".to_owned(),
            target: None,
        }
    }

    /// Creates the 401. It says why only to those who sent an Entra token: `description` is
    /// the reason then, or empty.
    pub(super) fn unauthorized(description: Option<&str>) -> Self {
        let mut response = answer::empty(StatusCode::UNAUTHORIZED);
        let challenge = match description {
            None => String::from("Bearer"),
            Some("") => String::from(r#"Bearer error="invalid_token""#),
            Some(text) => {
                format!(r#"Bearer error="invalid_token", error_description="{text}""#)
            }
        };
        let challenge =
            HeaderValue::try_from(challenge).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        Self::Response(Box::new(response))
    }

    /// Creates the 403 for a principal without the role.
    pub(super) fn forbidden() -> Self {
        Self::Response(Box::new(answer::empty(StatusCode::FORBIDDEN)))
    }

    /// Whether the response names the API versions: all do, except those to
    /// values that the service's framework refuses.
    pub(super) fn names_versions(&self) -> bool {
        !matches!(self, Self::Validation { .. })
    }

    /// Converts to the response to a request for `operation`.
    pub(super) fn into_response(self, operation: Option<Operation>) -> Response<Body> {
        match self {
            Self::Plain {
                status,
                code,
                message,
                target,
            } => {
                let body = PlainError {
                    code: &code,
                    message: &message,
                    target,
                    details: (),
                    inner: (),
                };
                let mut response = answer::with_body(status, JSON, text(&body));
                set_code(&mut response, &code);
                response
            }
            Self::Validation { target, message } => {
                let body = ValidationError {
                    code: BAD_REQUEST,
                    message: &message,
                    target,
                    errors: BTreeMap::from([(target, [message.as_str()])]),
                    kind: (),
                    title: "One or more validation errors occurred.",
                    status: StatusCode::BAD_REQUEST.as_u16(),
                    detail: (),
                    instance: (),
                    extensions: Empty {},
                };
                // That operation declares what it produces, and this type is not included.
                let content_type = match operation {
                    Some(Operation::GenerateClientToken) => JSON,
                    _ => PROBLEM,
                };
                let mut response =
                    answer::with_body(StatusCode::BAD_REQUEST, content_type, text(&body));
                set_code(&mut response, BAD_REQUEST);
                response
            }
            Self::Response(response) => *response,
        }
    }
}

/// Returns a response with the service's error shape and no target.
pub(in crate::pubsub) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let refusal = RestError::Plain {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        target: None,
    };
    refusal.into_response(None)
}

/// Returns the response that a fault prescribes.
pub(in crate::pubsub) fn fault(status: u16, retry_after: Option<u64>) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = error(status, "Error.Fault", "A fault was asked for.");
    answer::set_retry_after(response.headers_mut(), retry_after);
    response
}

/// Returns a response with a JSON body.
pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    answer::with_body(StatusCode::OK, JSON, text(value))
}

/// Returns a response with a JSON body whose length is not announced.
pub(super) fn chunked_json(value: &impl Serialize) -> Response<Body> {
    let chunk: Result<Bytes> = Ok(text(value).into());
    let chunks = stream::iter([chunk]);
    answer::with_body(StatusCode::OK, JSON, Body::from_stream(chunks, None))
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and lists of them are JSON")
}

fn set_code(response: &mut Response<Body>, code: &str) {
    if let Ok(code) = HeaderValue::try_from(code) {
        let name = HeaderName::from_static("x-ms-error-code");
        response.headers_mut().insert(name, code);
    }
}

/// The members of the service's own error, in its order.
#[derive(Serialize)]
struct PlainError<'a> {
    code: &'a str,
    message: &'a str,
    target: Option<&'a str>,
    details: (),
    inner: (),
}

/// The members of an error of the service's framework, in its order.
#[derive(Serialize)]
struct ValidationError<'a> {
    code: &'a str,
    message: &'a str,
    target: &'a str,
    errors: BTreeMap<&'a str, [&'a str; 1]>,
    #[serde(rename = "type")]
    kind: (),
    title: &'a str,
    status: u16,
    detail: (),
    instance: (),
    extensions: Empty,
}

#[derive(Serialize)]
struct Empty {}

const BAD_REQUEST: &str = "Error.BadRequest";
const JSON: &str = "application/json; charset=utf-8";
const PROBLEM: &str = "application/problem+json; charset=utf-8";
