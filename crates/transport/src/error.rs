//! Errors between a request and its response, or on a socket.
//! [`Error::is_retryable`] decides for each kind whether a retry may help.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::reason_phrase::ReasonPhrase;
use crate::report::Report;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of this crate: a kind, a description, and the cause.
///
/// `Display` prints this level only, and never a URL's query, a token or a payload;
/// the cause is in [`source`](StdError::source).
pub struct Error(Box<Inner>);

struct Inner {
    report: Report<ErrorKind>,
    rejection: Option<HandshakeRejection>,
    delivered: bool,
}

impl Error {
    /// Creates an error of `kind` caused by `source`.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::from_report(Report::new(kind, kind.describe(), source))
    }

    /// Creates an error of `kind` with a description and no cause.
    ///
    /// The description says what failed and is printed as is, so it must
    /// not contain a query string, a token or a payload.
    pub fn message(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self::from_report(Report::message(kind, context))
    }

    fn from_report(report: Report<ErrorKind>) -> Self {
        Self(Box::new(Inner {
            delivered: report.kind.may_be_delivered(),
            rejection: None,
            report,
        }))
    }

    /// Creates the error of an opening handshake that the peer answered with
    /// a status other than 101.
    pub fn rejected(rejection: HandshakeRejection) -> Self {
        let text = format!(
            "the WebSocket handshake was rejected with status {}",
            rejection.status.as_u16()
        );
        let mut error = Self::message(ErrorKind::Rejected, text);
        error.0.rejection = Some(rejection);
        error
    }

    /// Replaces the description.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.0.report.context = context.into();
        self
    }

    /// Marks the request as certainly not delivered, regardless of the
    /// kind: nothing of it was written.
    #[must_use]
    pub fn never_delivered(mut self) -> Self {
        self.0.delivered = false;
        self
    }

    /// Marks the request as possibly delivered, at least in part.
    #[must_use]
    pub fn maybe_delivered(mut self) -> Self {
        self.0.delivered = true;
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.report.kind
    }

    /// Returns the peer's response, if it rejected a WebSocket handshake.
    pub fn rejection(&self) -> Option<&HandshakeRejection> {
        self.0.rejection.as_ref()
    }

    /// Whether the request may have reached the peer. `false` is certain,
    /// `true` is not.
    pub fn may_be_delivered(&self) -> bool {
        self.0.delivered
    }

    /// Whether the same call may succeed later without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        match self.0.report.kind {
            ErrorKind::Closed | ErrorKind::Connect | ErrorKind::Timeout => true,
            ErrorKind::Rejected => self.0.rejection.as_ref().is_some_and(|rejection| {
                matches!(
                    rejection.status.as_u16(),
                    404 | 408 | 429 | 500 | 502 | 503 | 504
                )
            }),
            ErrorKind::Body
            | ErrorKind::Canceled
            | ErrorKind::InvalidInput
            | ErrorKind::Other
            | ErrorKind::Protocol
            | ErrorKind::Tls
            | ErrorKind::TooLarge => false,
        }
    }

    /// Whether a deadline has elapsed.
    pub fn is_timeout(&self) -> bool {
        self.0.report.kind == ErrorKind::Timeout
    }

    /// Whether the peer or the network ended the connection.
    pub fn is_closed(&self) -> bool {
        self.0.report.kind == ErrorKind::Closed
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            report,
            rejection,
            delivered,
        } = &*self.0;
        let details: [(&str, &dyn fmt::Debug); 3] = [
            ("rejection", rejection),
            ("may_be_delivered", delivered),
            ("source", &report.source),
        ];
        report.debug(f, &details)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.report.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.report.source()
    }
}

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request's own body failed to produce its bytes. This is the caller's fault; part of the body may have been sent.
    Body,
    /// The operation was abandoned because its owner went away. The request may have been sent.
    Canceled,
    /// The connection was closed mid-exchange. A retry may help; the request may have been delivered.
    Closed,
    /// Failed to connect (name resolution, routing, refusal, proxy). A retry may help; nothing was delivered.
    Connect,
    /// An argument violates a rule of the protocol or of this crate. Nothing was sent.
    InvalidInput,
    /// Anything else, usually from another implementation of the traits.
    Other,
    /// The peer violated HTTP or the WebSocket protocol.
    Protocol,
    /// The peer answered a WebSocket handshake with a status other than 101; see [`Error::rejection`].
    Rejected,
    /// A deadline elapsed. A retry may help; the request may have been delivered.
    Timeout,
    /// The TLS handshake failed: an unknown issuer, a wrong name, an expired certificate. Nothing was delivered.
    Tls,
    /// A body or message exceeds its configured size limit.
    TooLarge,
}

impl ErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Body => "the request body failed",
            Self::Canceled => "the operation was canceled",
            Self::Closed => "the connection was closed early",
            Self::Connect => "failed to connect",
            Self::InvalidInput => "an argument is invalid",
            Self::Other => "the transport failed",
            Self::Protocol => "the peer violated the protocol",
            Self::Rejected => "the WebSocket handshake was rejected",
            Self::Timeout => "the deadline has elapsed",
            Self::Tls => "the TLS handshake failed",
            Self::TooLarge => "the size limit was exceeded",
        }
    }

    fn may_be_delivered(self) -> bool {
        !matches!(self, Self::Connect | Self::InvalidInput | Self::Tls)
    }
}

/// The response with which a peer rejected a WebSocket handshake (RFC 6455 §4.1 allows any HTTP response).
#[derive(Clone)]
#[non_exhaustive]
pub struct HandshakeRejection {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase as received; Azure Relay puts its message and the tracking id here. Empty if
    /// there was none, or if the WebSocket library does not show it.
    pub reason: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, truncated to [`MAX_BODY`](Self::MAX_BODY).
    pub body: Bytes,
}

impl HandshakeRejection {
    /// The longest body that is kept, in bytes: 64 KiB.
    pub const MAX_BODY: usize = 64 * 1024;

    /// Creates a rejection with no headers and no body.
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

/// Takes the reason phrase from the extension [`ReasonPhrase`], and truncates the body.
impl<B: Into<Bytes>> From<http::Response<B>> for HandshakeRejection {
    fn from(response: http::Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        let reason = parts.extensions.get::<ReasonPhrase>();
        let mut body = body.into();
        body.truncate(Self::MAX_BODY);
        Self {
            status: parts.status,
            reason: reason.map_or_else(String::new, |reason| reason.as_str().to_owned()),
            headers: parts.headers,
            body,
        }
    }
}

impl fmt::Debug for HandshakeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and body come from the peer and may echo a token.
        f.debug_struct("HandshakeRejection")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_kinds() {
        // (kind, is it retryable, may it have been delivered)
        for (kind, retryable, delivered) in [
            (ErrorKind::Body, false, true),
            (ErrorKind::Canceled, false, true),
            (ErrorKind::Closed, true, true),
            (ErrorKind::Connect, true, false),
            (ErrorKind::InvalidInput, false, false),
            (ErrorKind::Other, false, true),
            (ErrorKind::Protocol, false, true),
            (ErrorKind::Timeout, true, true),
            (ErrorKind::Tls, false, false),
            (ErrorKind::TooLarge, false, true),
        ] {
            let error = Error::new(kind, "cause");
            assert_eq!(error.is_retryable(), retryable, "{kind:?}");
            assert_eq!(error.may_be_delivered(), delivered, "{kind:?}");
            assert_eq!(error.is_timeout(), kind == ErrorKind::Timeout);
            assert_eq!(error.is_closed(), kind == ErrorKind::Closed);
            // One level each; a caller that walks the chain prints the cause.
            assert_eq!(error.to_string(), kind.describe());
            assert_eq!(StdError::source(&error).unwrap().to_string(), "cause");
            assert!(
                !Error::message(kind, "text")
                    .never_delivered()
                    .may_be_delivered()
            );
            assert!(
                Error::message(kind, "text")
                    .maybe_delivered()
                    .may_be_delivered()
            );
        }
    }

    #[test]
    fn a_refusal_may_pass_or_not_by_its_status() {
        for (status, retryable) in [
            (401, false),
            (404, true),
            (410, false),
            (429, true),
            (503, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = Error::rejected(HandshakeRejection::new(status, "reason"));
            assert_eq!(error.is_retryable(), retryable, "{status}");
            assert_eq!(error.rejection().unwrap().reason, "reason");
        }
    }

    #[test]
    fn a_response_is_a_refusal_with_a_limited_body() {
        let mut response = http::Response::new(vec![b'x'; HandshakeRejection::MAX_BODY + 1]);
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
            .extensions_mut()
            .insert(ReasonPhrase::new("No token"));
        response
            .headers_mut()
            .insert("x-own", http::HeaderValue::from_static("1"));
        let rejection = HandshakeRejection::from(response);
        assert_eq!(rejection.status, StatusCode::FORBIDDEN);
        assert_eq!(rejection.reason, "No token");
        assert_eq!(rejection.headers["x-own"], "1");
        assert_eq!(rejection.body.len(), HandshakeRejection::MAX_BODY);
        let rejection = HandshakeRejection::from(http::Response::new(""));
        assert_eq!(rejection.reason, "");
    }

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
