//! The error for requests that are not events. Pure.

use http::StatusCode;
use thiserror::Error;

/// The reason why a request is not an event of the service.
///
/// It names headers and rules, never their values.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The body does not match its event or its content type.
    #[error("the body is not {expected}")]
    Body {
        /// The expected content.
        expected: &'static str,
    },
    /// The body is larger than the limit.
    #[error("the body has more than {limit} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A header breaks a rule.
    #[error("the header {name} {rule}")]
    Header {
        /// The name of the header, as the service spells it.
        name: &'static str,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The headers exceed the limit, in bytes or in number.
    #[error("the headers are larger than the limit")]
    HeadersTooLarge,
    /// The service does not use the method.
    #[error("the method is neither POST nor OPTIONS")]
    Method,
    /// No entry of `ce-signature` matches the connection and a key.
    #[error("the signature is missing or wrong")]
    Signature,
    /// The hub has no handler.
    #[error("the hub is not handled here")]
    UnknownHub,
}

impl InvalidRequest {
    /// Returns the status of the response.
    ///
    /// | error | status |
    /// | --- | --- |
    /// | `Body`, `Header` | 400 |
    /// | `Signature` | 401 |
    /// | `UnknownHub` | 404 |
    /// | `Method` | 405 |
    /// | `BodyTooLarge` | 413 |
    /// | `HeadersTooLarge` | 431 |
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Body { .. } | Self::Header { .. } => StatusCode::BAD_REQUEST,
            Self::Signature => StatusCode::UNAUTHORIZED,
            Self::UnknownHub => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }
}
