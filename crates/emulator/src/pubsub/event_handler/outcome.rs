//! The outcome of one request to an event handler. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// A whole response.
pub(super) type Answer = (StatusCode, HeaderMap, Bytes);

/// Why there is no response to an event, for the developer of the handler.
pub(super) type CallError = Cow<'static, str>;

/// Why there is no response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    Network,
    Timeout,
    TooLarge,
}

impl Failure {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Network => "the event handler cannot be reached",
            Self::Timeout => "the event handler did not respond in time",
            Self::TooLarge => "the event handler's response is too large",
        }
    }
}
