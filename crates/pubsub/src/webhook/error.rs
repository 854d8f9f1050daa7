//! What is wrong with a request that carries no event. Pure.

use http::StatusCode;
use thiserror::Error;

/// Why a request is not an event of the service.
///
/// It names headers and rules, never their values.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The body is not what its event or its content type says.
    #[error("the body is not {expected}")]
    Body {
        /// What it should be.
        expected: &'static str,
    },
    /// The body has more bytes than the limit allows.
    #[error("the body has more than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// A header breaks a rule.
    #[error("the header {name} {rule}")]
    Header {
        /// The header's name as the service writes it.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// All headers together have more bytes, or are more, than the limit allows.
    #[error("the headers are larger than the limit")]
    HeadersTooLarge,
    /// The method is none of those that the service uses.
    #[error("the method is neither POST nor OPTIONS")]
    Method,
    /// No entry of `ce-signature` belongs to the connection and a key.
    #[error("the signature is missing or wrong")]
    Signature,
    /// The hub is none of those that are handled here.
    #[error("the hub is not handled here")]
    UnknownHub,
}

impl InvalidRequest {
    /// The status that answers such a request.
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
