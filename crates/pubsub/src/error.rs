//! The crate's error type.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use transport::_internal::{Report, find_source};

#[cfg(feature = "client")]
use crate::protocol::AckError;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error type of this crate: a kind, a description, and the cause.
///
/// `Display` prints this level only, never a token, key, payload or query
/// string; the cause is in [`source`](StdError::source).
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    report: Report<ErrorKind>,
    response: Option<ServiceResponse>,
    delivered: bool,
}

/// The parts of an error response that are worth keeping.
#[derive(Clone)]
pub(crate) struct ServiceResponse {
    /// `None` for a refusal on a WebSocket.
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<String>,
    pub(crate) inner_code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl fmt::Debug for ServiceResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The service's message may repeat names and filters.
        f.debug_struct("ServiceResponse")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("inner_code", &self.inner_code)
            .field("target", &self.target)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::from_report(Report::new(kind, kind.describe(), source))
    }

    pub(crate) fn message(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self::from_report(Report::message(kind, context))
    }

    fn from_report(report: Report<ErrorKind>) -> Self {
        Self(Box::new(Inner {
            report,
            response: None,
            delivered: false,
        }))
    }

    /// The same error for another reader of it, with the same cause.
    #[cfg(feature = "client")]
    pub(crate) fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    /// Creates the error for an argument that breaks a rule; `argument` is its name in the
    /// signature.
    pub(crate) fn invalid(argument: &'static str, rule: impl fmt::Display) -> Self {
        Self::message(ErrorKind::InvalidInput, format!("{argument}: {rule}"))
    }

    /// Creates the error for an argument that has no JSON form.
    pub(crate) fn not_serialized(argument: &'static str, error: serde_json::Error) -> Self {
        Self::new(ErrorKind::InvalidInput, error)
            .with_context(format!("{argument}: cannot be serialized as JSON"))
    }

    #[cfg(feature = "service")]
    pub(crate) fn service(response: ServiceResponse) -> Self {
        let kind = match response.status {
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => ErrorKind::Auth,
            _ => ErrorKind::Service,
        };
        let mut context = match response.status {
            Some(status) => format!("the service responded with status {}", status.as_u16()),
            None => kind.describe().to_owned(),
        };
        if let Some(code) = &response.code {
            context.push_str(" (");
            context.push_str(code);
            context.push(')');
        }
        if response.status == Some(StatusCode::UNAUTHORIZED) {
            context.push_str(": ");
            context.push_str(ErrorKind::Auth.describe());
        }
        Self::message(kind, context).with_response(response)
    }

    pub(crate) fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.0.report.context = context.into();
        self
    }

    /// The service refused a request of a client.
    #[cfg(feature = "client")]
    pub(crate) fn with_refusal(self, refusal: &AckError) -> Self {
        self.with_response(ServiceResponse {
            status: None,
            code: Some(refusal.name.clone()),
            inner_code: None,
            message: Some(refusal.message.clone()),
            target: None,
            request_id: None,
        })
    }

    /// The answer to a client whose WebSocket was refused.
    #[cfg(feature = "client")]
    pub(crate) fn with_answer(mut self, answer: String) -> Self {
        if let Some(response) = &mut self.0.response {
            if let Some(status) = response.status {
                self.0.report.context = format!("{}: {answer}", refused_text(status)).into();
            }
            response.message = Some(answer);
        }
        self
    }

    #[cfg(any(feature = "client", feature = "service"))]
    pub(crate) fn with_response(mut self, response: ServiceResponse) -> Self {
        self.0.response = Some(response);
        self.0.delivered = true;
        self
    }

    #[cfg(any(feature = "client", feature = "service"))]
    pub(crate) fn maybe_delivered(mut self) -> Self {
        self.0.delivered = true;
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.report.kind
    }

    /// Returns the status of the service's response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.response.as_ref()?.status
    }

    /// Returns the service's error code, such as `Warning.User.NotExisted`, or `Forbidden` for a
    /// request of a [`Client`](crate::Client) that was refused.
    pub fn error_code(&self) -> Option<&str> {
        self.0.response.as_ref()?.code.as_deref()
    }

    /// Returns the more specific code within [`error_code`](Self::error_code), if the service sent
    /// one.
    pub fn inner_error_code(&self) -> Option<&str> {
        self.0.response.as_ref()?.inner_code.as_deref()
    }

    /// Returns the service's error message. It may repeat parts of the request, such as a filter, so neither
    /// `Display` nor `Debug` shows it, except for a connection or a request of a client that was refused:
    /// there it is the service's or the event handler's answer to the client, and part of the text.
    ///
    /// For a refused connection, that answer is the body of the response, such as the reason of a
    /// `webhook::Rejection`: plain text or JSON of at most 1 KiB, with spaces for control characters. In place of
    /// any other body, or one that repeats the token, there is the reason phrase, which is not part of the text.
    pub fn service_message(&self) -> Option<&str> {
        self.0.response.as_ref()?.message.as_deref()
    }

    /// Returns what the error is about, according to the service, such as `Connection` or `Filter`.
    pub fn service_target(&self) -> Option<&str> {
        self.0.response.as_ref()?.target.as_deref()
    }

    /// Returns the id under which the service logged the request: its own, or else the
    /// `x-ms-client-request-id` that was sent.
    pub fn request_id(&self) -> Option<&str> {
        self.0.response.as_ref()?.request_id.as_deref()
    }

    /// Whether the request may have reached the service. If `false`, it certainly did not.
    ///
    /// It is `true` whenever there is a response, including one that refuses: what the service did then
    /// follows from [`kind`](Self::kind) and [`status`](Self::status).
    pub fn may_be_delivered(&self) -> bool {
        self.0.delivered
    }

    /// Whether the same call may succeed later, with nothing changed by the caller.
    pub fn is_retryable(&self) -> bool {
        match self.0.report.kind {
            ErrorKind::Closed | ErrorKind::Timeout => true,
            ErrorKind::Service => self
                .status()
                .is_some_and(|status| matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)),
            // A WebSocket that was refused has no source; a hub may be deployed in a moment.
            ErrorKind::Transport if self.status().is_some() => {
                self.status().is_some_and(|status| {
                    matches!(status.as_u16(), 404 | 408 | 429 | 500 | 502 | 503 | 504)
                })
            }
            ErrorKind::Transport => self
                .source()
                .and_then(|source| source.downcast_ref())
                .is_some_and(transport::Error::is_retryable),
            ErrorKind::Auth => self
                .source()
                .and_then(find_source)
                .is_some_and(auth::Error::is_retryable),
            ErrorKind::EventsNotRead
            | ErrorKind::InvalidInput
            | ErrorKind::NotAcknowledged
            | ErrorKind::NotStarted
            | ErrorKind::Protocol
            | ErrorKind::TooLarge => false,
        }
    }

    /// Whether a deadline was exceeded.
    pub fn is_timeout(&self) -> bool {
        self.0.report.kind == ErrorKind::Timeout
    }

    /// Whether a credential was missing, wrong or insufficient.
    pub fn is_auth(&self) -> bool {
        self.0.report.kind == ErrorKind::Auth
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.0.report.kind == ErrorKind::Closed
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            report,
            response,
            delivered,
        } = &*self.0;
        let details: [(&str, &dyn fmt::Debug); 3] = [
            ("response", response),
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

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<transport::Error> for Error {
    fn from(error: transport::Error) -> Self {
        let delivered = error.may_be_delivered();
        let kind = match error.kind() {
            transport::ErrorKind::Closed => ErrorKind::Closed,
            transport::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
            // This crate checks the size of what it sends, so the peer exceeded a limit.
            transport::ErrorKind::TooLarge => ErrorKind::TooLarge,
            transport::ErrorKind::Protocol => ErrorKind::Protocol,
            transport::ErrorKind::Rejected
                if error
                    .rejection()
                    .is_some_and(|refusal| matches!(refusal.status.as_u16(), 401 | 403)) =>
            {
                ErrorKind::Auth
            }
            transport::ErrorKind::Timeout => ErrorKind::Timeout,
            // The authorization policy failed to get a token.
            _ if find_source::<auth::Error>(&error).is_some() => ErrorKind::Auth,
            _ => ErrorKind::Transport,
        };
        let mut own = match error.rejection() {
            // Nothing is left for a source to say.
            Some(refusal) => {
                let mut text = refused_text(refusal.status);
                if refusal.status == StatusCode::UNAUTHORIZED {
                    text.push_str(": the access token is missing, wrong or expired, ");
                    text.push_str("or the event handler rejected the client");
                }
                let mut own = Self::message(kind, text);
                own.0.response = Some(ServiceResponse {
                    status: Some(refusal.status),
                    code: None,
                    inner_code: None,
                    message: Some(refusal.reason.clone()),
                    target: None,
                    request_id: None,
                });
                own
            }
            None => Self::new(kind, error),
        };
        own.0.delivered = delivered;
        own
    }
}

fn refused_text(status: StatusCode) -> String {
    let code = status.as_u16();
    format!("the service refused the WebSocket with status {code}")
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        match error.kind() {
            // The same words as from the relay crate; they say what is wrong, without a value.
            auth::ErrorKind::InvalidConnectionString => Self::invalid("connection_string", error),
            auth::ErrorKind::InvalidKey => Self::invalid("key", error),
            _ => Self::new(ErrorKind::Auth, error),
        }
    }
}

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A credential is missing, wrong or insufficient: the credential failed, or the service responded with
    /// 401 or 403. Either way the service did nothing itself; it may have asked an event handler, whose
    /// rejection of a client looks the same. [`Error::may_be_delivered`] is `true` for a response, since the
    /// request arrived. A retry helps only if the credential's own error, among the sources, is retryable.
    Auth,
    /// The connection ended, or the client was stopped. The last messages may have been delivered.
    Closed,
    /// The application does not read its [`Events`](crate::Events), and the answer is behind more of them than
    /// may wait. [`Error::may_be_delivered`] reports whether the request was sent.
    EventsNotRead,
    /// An argument breaks a rule, which the error text names. Nothing was sent.
    InvalidInput,
    /// The service rejected a WebSocket request: its ack carries an error.
    NotAcknowledged,
    /// The client is not started, or has stopped. Nothing was sent.
    NotStarted,
    /// The peer violated the protocol.
    Protocol,
    /// The service responded with an error status; see [`Error::status`] and [`Error::error_code`].
    Service,
    /// A deadline was exceeded. The request may have been delivered.
    Timeout,
    /// A message or body exceeds its size limit: an outgoing one was not sent, an
    /// incoming one is discarded.
    TooLarge,
    /// Failed to get a response; the cause says why, [`Error::may_be_delivered`] whether anything was sent.
    Transport,
}

impl ErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Auth => "the credential was not accepted",
            Self::Closed => "the connection has ended",
            Self::EventsNotRead => "the events of the client are not being read",
            Self::InvalidInput => "an argument is invalid",
            Self::NotAcknowledged => "the service rejected the request",
            Self::NotStarted => "the client is not started",
            Self::Protocol => "the service violated the protocol",
            Self::Service => "the service responded with an error",
            Self::Timeout => "the deadline was exceeded",
            Self::TooLarge => "a size limit was exceeded",
            Self::Transport => "failed to get a response",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_of_the_transport_blames_the_caller_but_one() {
        use transport::ErrorKind as Cause;

        for (cause, kind) in [
            (Cause::Body, ErrorKind::Transport),
            (Cause::Canceled, ErrorKind::Transport),
            (Cause::Closed, ErrorKind::Closed),
            (Cause::Connect, ErrorKind::Transport),
            (Cause::InvalidInput, ErrorKind::InvalidInput),
            (Cause::Other, ErrorKind::Transport),
            (Cause::Protocol, ErrorKind::Protocol),
            (Cause::Rejected, ErrorKind::Transport),
            (Cause::Timeout, ErrorKind::Timeout),
            (Cause::Tls, ErrorKind::Transport),
            (Cause::TooLarge, ErrorKind::TooLarge),
        ] {
            let error = Error::from(transport::Error::new(cause, "why"));
            assert_eq!(error.kind(), kind, "{cause:?}");
            assert_eq!(error.to_string(), kind.describe());
        }
    }

    #[test]
    fn a_websocket_that_was_refused_says_so_in_one_level() {
        for (status, kind, is_retryable) in [
            (401, ErrorKind::Auth, false),
            (403, ErrorKind::Auth, false),
            (404, ErrorKind::Transport, true),
            (503, ErrorKind::Transport, true),
            (400, ErrorKind::Transport, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let rejection = transport::HandshakeRejection::new(status, "reason");
            let error = Error::from(transport::Error::rejected(rejection));
            assert_eq!(error.kind(), kind, "{status}");
            assert_eq!(error.is_retryable(), is_retryable, "{status}");
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.service_message(), Some("reason"));
            assert!(error.source().is_none(), "{status}");
            assert!(error.may_be_delivered(), "{status}: it arrived");
            let text = error.to_string();
            assert!(
                text.contains(&format!("status {}", status.as_u16())),
                "{text}"
            );
            assert_eq!(text.contains("token"), status == StatusCode::UNAUTHORIZED);
        }
    }

    #[test]
    fn what_is_wrong_with_a_connection_string_is_told() {
        for (text, told) in [
            ("", "the connection string is empty"),
            (";", "the connection string is empty"),
            ("s3cret", "part 1 of the connection string has no `=`"),
            (
                "=s3cret",
                "part 1 of the connection string has no key before its `=`",
            ),
            (
                "Endpoint=https://h;AccesKey=s3cret",
                "the key `AccesKey` of the connection string is unknown",
            ),
            (
                "Endpoint=https://h;Version=1.0;AccessKey s3cret",
                "part 3 of the connection string has no `=`",
            ),
            (
                "Endpoint=https://h;AccessKey=;s3cret=s3cret",
                "the connection string has no `AccessKey`",
            ),
            (
                "AccessKey=s3cret",
                "the connection string has no `Endpoint`",
            ),
            (
                "Endpoint=https://h;AccessKey=s3cret;accesskey=s3cret",
                "the key `accesskey` appears twice in the connection string",
            ),
            (
                "Endpoint=https://h;AccessKey=s3cret;Port=0",
                "the value of `Port` in the connection string is invalid: must be 1 to 65535",
            ),
        ] {
            let error = text.parse::<crate::ConnectionString>().unwrap_err();
            assert_eq!(error.to_string(), format!("connection_string: {told}"));
            assert!(!format!("{error:?}").contains("s3cret"));
        }
        let error = Error::from(auth::AccessKey::parse("").unwrap_err());
        assert_eq!(error.to_string(), "key: the access key is empty");
    }
}
