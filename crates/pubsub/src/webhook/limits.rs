//! The size limits of webhook requests. Pure.

use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http::request::Parts;

use super::InvalidRequest;

/// The size limits of requests; larger ones are rejected unread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WebhookLimits {
    /// The maximum size of a body in bytes; the response to a larger one is 413. Default:
    /// [`DEFAULT_BODY`](Self::DEFAULT_BODY).
    pub body: usize,
    /// The maximum size of all header names and values together, in bytes; the response to larger
    /// ones is 431. The HTTP server has its own limits, which apply first. Default:
    /// [`DEFAULT_HEADERS`](Self::DEFAULT_HEADERS).
    pub headers: usize,
}

impl WebhookLimits {
    /// 2 MiB: the service accepts messages of up to 1 MB, and `connect` repeats
    /// the headers and the query of the client.
    pub const DEFAULT_BODY: usize = 2 * 1024 * 1024;
    /// 64 KiB, since connection state is sent in a header.
    pub const DEFAULT_HEADERS: usize = 64 * 1024;

    /// Sets the maximum size of a body in bytes.
    #[must_use]
    pub fn with_body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Sets the maximum size of all headers together, in bytes.
    #[must_use]
    pub fn with_headers(mut self, bytes: usize) -> Self {
        self.headers = bytes;
        self
    }

    /// Checks the sizes in the head; a missing length is unknown.
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
