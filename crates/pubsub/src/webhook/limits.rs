//! How large a request may be. Pure.

use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http::request::Parts;

use super::InvalidRequest;

/// How large a request may be before it is refused, unread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WebhookLimits {
    /// The bytes of a body; more are answered with 413.
    pub body: usize,
    /// The bytes of all header names and values together; more are answered
    /// with 431. What parses HTTP has limits of its own, which come first.
    pub headers: usize,
}

impl WebhookLimits {
    /// 2 MiB: the service takes messages of up to 1 MB, and `connect` repeats
    /// what the client's own headers and query held.
    pub const DEFAULT_BODY: usize = 2 * 1024 * 1024;
    /// 64 KiB: connection state travels in a header.
    pub const DEFAULT_HEADERS: usize = 64 * 1024;

    /// Sets the limit for bodies.
    #[must_use]
    pub fn with_body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Sets the limit for all headers together.
    #[must_use]
    pub fn with_headers(mut self, bytes: usize) -> Self {
        self.headers = bytes;
        self
    }

    /// Checks what the head says; a length that is not given is not known.
    pub(super) fn check_head(&self, head: &Parts) -> Result<(), InvalidRequest> {
        if size(&head.headers) > self.headers {
            return Err(InvalidRequest::HeadersTooLarge);
        }
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.trim().parse::<u64>().ok());
        self.check_body(length.unwrap_or(0))
    }

    pub(super) fn check_body(&self, length: u64) -> Result<(), InvalidRequest> {
        if length > self.body as u64 {
            return Err(InvalidRequest::BodyTooLarge { limit: self.body });
        }
        Ok(())
    }
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self {
            body: Self::DEFAULT_BODY,
            headers: Self::DEFAULT_HEADERS,
        }
    }
}

fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}
