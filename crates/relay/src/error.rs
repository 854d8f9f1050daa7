//! The errors of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use transport::_internal::Report;
use transport::CloseFrame;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of this crate: a kind, a description, and the cause.
///
/// `Display` prints this level only, and never a token, key, payload or query
/// string; the cause is in [`source`](StdError::source).
pub struct Error(Box<Inner>);

struct Inner {
    report: Report<ErrorKind>,
    status: Option<StatusCode>,
    tracking_id: Option<String>,
    close_frame: Option<CloseFrame>,
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
            status: None,
            tracking_id: None,
            close_frame: None,
        }))
    }

    /// Returns the error of an argument that breaks a rule; `argument` is its name in the signature.
    pub(crate) fn invalid(argument: &'static str, rule: impl fmt::Display) -> Self {
        Self::message(ErrorKind::InvalidInput, format!("{argument}: {rule}"))
    }

    /// Returns the error of a close frame that does not confirm that everything was sent.
    pub(crate) fn closed_by_peer(frame: CloseFrame) -> Self {
        let CloseFrame { code, reason, .. } = &frame;
        let text = format!("the peer closed the stream with code {code}: {reason:?}");
        let mut own = Self::message(ErrorKind::ConnectionLost, text);
        own.0.close_frame = Some(frame);
        own
    }

    #[cfg(any(feature = "listener", feature = "sender"))]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.report.kind = kind;
        self
    }

    /// Replaces the description.
    #[cfg(feature = "sender")]
    pub(crate) fn with_context(mut self, context: &'static str) -> Self {
        self.0.report.context = Cow::Borrowed(context);
        self
    }

    /// Returns the error of an HTTP request that the service itself refused.
    #[cfg(feature = "sender")]
    pub(crate) fn refused(status: StatusCode, reason: &str) -> Self {
        let text = format!("the relay answered {}: {reason}", status.as_u16());
        let mut own = Self::message(kind_of(status, reason), text);
        own.0.status = Some(status);
        own.0.tracking_id = tracking_id(reason).map(str::to_owned);
        own
    }

    /// Returns the error of a sender's handshake, which the listener may have answered.
    #[cfg(feature = "sender")]
    pub(crate) fn of_sender(error: transport::Error) -> Self {
        let own = Self::from(error);
        match own.0.status.map(|status| status.as_u16()) {
            // 503 and 504 also come from gateways, and say by themselves what to do.
            Some(500..=502 | 505..=599) if own.0.tracking_id.is_none() => {
                own.with_kind(ErrorKind::Rejected)
            }
            _ => own,
        }
    }

    /// Adds the audience that a token needs: the service only says that the audience is wrong.
    #[cfg(any(feature = "listener", feature = "sender"))]
    pub(crate) fn expecting(mut self, audience: &auth::Audience) -> Self {
        let is_audience = self
            .0
            .report
            .context
            .to_ascii_lowercase()
            .contains("audience");
        if is_audience && self.is_auth() {
            self.0.report.context = Cow::Owned(format!(
                "{} (expected a token for {}, or for a prefix of it that ends before a slash)",
                self.0.report.context,
                audience.as_str()
            ));
        }
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.report.kind
    }

    /// Returns the status of a rejected handshake or request, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Returns the id under which the service logged the request.
    pub fn tracking_id(&self) -> Option<&str> {
        self.0.tracking_id.as_deref()
    }

    /// Returns the close frame with which the peer aborted a stream, if that is the cause.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.0.close_frame.as_ref()
    }

    /// Whether the same call may succeed later without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        match self.0.report.kind {
            ErrorKind::Closed
            | ErrorKind::Connect
            | ErrorKind::ConnectionLost
            | ErrorKind::EndpointNotFound
            | ErrorKind::Other
            | ErrorKind::ServerBusy
            | ErrorKind::Timeout => true,
            ErrorKind::Rejected => self
                .0
                .status
                .is_some_and(|status| matches!(status.as_u16(), 408 | 429 | 500..=599)),
            ErrorKind::EndpointAlreadyExists
            | ErrorKind::InvalidInput
            | ErrorKind::Protocol
            | ErrorKind::QuotaExceeded
            | ErrorKind::TooLarge
            | ErrorKind::Unauthorized => false,
        }
    }

    /// Whether a deadline has elapsed.
    pub fn is_timeout(&self) -> bool {
        self.0.report.kind == ErrorKind::Timeout
    }

    /// Whether a token was missing, invalid or insufficient.
    pub fn is_auth(&self) -> bool {
        self.0.report.kind == ErrorKind::Unauthorized
    }

    /// Whether the listener or stream has ended.
    pub fn is_closed(&self) -> bool {
        matches!(
            self.0.report.kind,
            ErrorKind::Closed | ErrorKind::ConnectionLost
        )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            report,
            status,
            tracking_id,
            close_frame,
        } = &*self.0;
        let details: [(&str, &dyn fmt::Debug); 4] = [
            ("status", status),
            ("tracking_id", tracking_id),
            ("close_frame", close_frame),
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

impl From<transport::Error> for Error {
    fn from(error: transport::Error) -> Self {
        let (kind, status, reason) = match error.rejection() {
            Some(refusal) => (
                kind_of(refusal.status, &refusal.reason),
                Some(refusal.status),
                Some(refusal.reason.clone()),
            ),
            None => (
                match error.kind() {
                    transport::ErrorKind::Closed => ErrorKind::ConnectionLost,
                    transport::ErrorKind::Connect => ErrorKind::Connect,
                    transport::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
                    transport::ErrorKind::Protocol => ErrorKind::Protocol,
                    transport::ErrorKind::TooLarge => ErrorKind::TooLarge,
                    transport::ErrorKind::Timeout => ErrorKind::Timeout,
                    _ => ErrorKind::Other,
                },
                None,
                None,
            ),
        };
        let mut own = Self::new(kind, error);
        own.0.status = status;
        if let (Some(status), Some(reason)) = (status, reason) {
            own.0.tracking_id = tracking_id(&reason).map(str::to_owned);
            let hint = if reason.contains(NO_UPGRADE) {
                " (a proxy in between may have removed the upgrade headers)"
            } else {
                ""
            };
            own.0.report.context = Cow::Owned(format!(
                "the relay answered {}: {reason}{hint}",
                status.as_u16()
            ));
        }
        own
    }
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        match error.kind() {
            // The source says only which part is wrong, and contains no value of it.
            auth::ErrorKind::InvalidConnectionString => Self::invalid("connection_string", error),
            auth::ErrorKind::InvalidKey => Self::invalid("key", error),
            _ => Self::new(ErrorKind::Unauthorized, error),
        }
    }
}

/// The kind of an [`Error`], named as in the official .NET client's exceptions.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The listener was shut down, or the stream was closed.
    Closed,
    /// The relay cannot be reached (name resolution, routing, a refused TCP connection, a proxy).
    /// Nothing was sent. A retry may help.
    Connect,
    /// The connection was lost. A retry may help.
    ConnectionLost,
    /// An entity of that name already exists.
    EndpointAlreadyExists,
    /// The hybrid connection does not exist, or has no listener. A sender may retry.
    EndpointNotFound,
    /// An argument breaks a rule, which the text names: nothing was sent, or what
    /// was sent is larger than the service accepts (413, 431).
    InvalidInput,
    /// Any other failure to connect, such as of TLS or inside the service. A retry may help.
    Other,
    /// The peer violated the protocol.
    Protocol,
    /// A quota is exhausted, such as 25 listeners on one hybrid connection.
    QuotaExceeded,
    /// The listener rejected the connection, with [`Error::status`]; at a sender, statuses that
    /// other parties use as well have their own kinds instead: see the table of `Sender::connect`.
    /// A retry may help with 408, 429 and 500 to 599.
    Rejected,
    /// The service is busy. A retry may help.
    ServerBusy,
    /// A deadline elapsed. A retry may help.
    Timeout,
    /// A message or response from the peer exceeds its configured size
    /// limit.
    TooLarge,
    /// The token is missing, invalid, expired, or lacks the required claim.
    Unauthorized,
}

impl ErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Closed => "the listener or stream is closed",
            Self::Connect => "the relay cannot be reached",
            Self::ConnectionLost => "the connection was lost",
            Self::EndpointAlreadyExists => "the entity already exists",
            Self::EndpointNotFound => "the hybrid connection has no listener",
            Self::InvalidInput => "an argument is invalid",
            Self::Other => "failed to connect",
            Self::Protocol => "the peer violated the protocol",
            Self::QuotaExceeded => "a quota is exhausted",
            Self::Rejected => "the listener rejected the connection",
            Self::ServerBusy => "the relay is busy",
            Self::Timeout => "the deadline has elapsed",
            Self::TooLarge => "a message from the peer exceeds the size limit",
            Self::Unauthorized => "the token was not accepted",
        }
    }
}

/// Returns the kind for the status of a refusal; the only such mapping.
///
/// The service ends its own reasons with a tracking id; a 4xx without one was
/// chosen by the listener, except for 401 and 407, which may come from a proxy.
fn kind_of(status: StatusCode, reason: &str) -> ErrorKind {
    let is_own = tracking_id(reason).is_some();
    match status.as_u16() {
        401 | 407 => ErrorKind::Unauthorized,
        413 | 431 => ErrorKind::InvalidInput,
        400..=499 if !is_own => ErrorKind::Rejected,
        403 if names_a_quota(reason) => ErrorKind::QuotaExceeded,
        403 => ErrorKind::Unauthorized,
        404 => ErrorKind::EndpointNotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::EndpointAlreadyExists,
        429 | 503 => ErrorKind::ServerBusy,
        500..=599 => ErrorKind::Other,
        _ => ErrorKind::Rejected,
    }
}

/// The service's answer to an opening request that is not a WebSocket's.
const NO_UPGRADE: &str = "only for web-socket requests";

/// Whether a 403 means "too many listeners" and not "no permission"; only the text tells them apart.
fn names_a_quota(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason.contains("maximum") || reason.contains("quota")
}

/// Returns the id in a reason such as `There are no listeners. TrackingId:1f..._G13, SystemTracker:...`.
fn tracking_id(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once("TrackingId:")?;
    let id = rest.split([',', ' ']).next()?;
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_get_the_kind_that_tells_who_refused() {
        let tail = " TrackingId:1f_G2, SystemTracker:sb://h/p, Timestamp:2025-04-24T11:08:15";
        for (status, text, by_service, kind) in [
            (401, "The token is expired.", true, ErrorKind::Unauthorized),
            (401, "", false, ErrorKind::Unauthorized),
            (403, "Authorization failed.", true, ErrorKind::Unauthorized),
            (
                403,
                "The maximum number of 25 listeners",
                true,
                ErrorKind::QuotaExceeded,
            ),
            (403, "No entry: rule 7", false, ErrorKind::Rejected),
            (400, "Rejected by user code", false, ErrorKind::Rejected),
            (
                404,
                "Endpoint does not exist.",
                true,
                ErrorKind::EndpointNotFound,
            ),
            (404, "no such room", false, ErrorKind::Rejected),
            (408, "", true, ErrorKind::Timeout),
            (504, "GatewayTimeout", true, ErrorKind::Timeout),
            (503, "", false, ErrorKind::ServerBusy),
            (500, "", true, ErrorKind::Other),
            (
                502,
                "The Listener's custom AcceptHandler threw",
                true,
                ErrorKind::Other,
            ),
        ] {
            let reason = if by_service {
                format!("{text}{tail}")
            } else {
                text.to_owned()
            };
            let status = StatusCode::from_u16(status).unwrap();
            let refusal = transport::HandshakeRejection::new(status, reason);
            let error = Error::from(transport::Error::rejected(refusal));
            assert_eq!(error.kind(), kind, "{status} {text}");
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.tracking_id(), by_service.then_some("1f_G2"));
        }
    }

    #[cfg(feature = "sender")]
    #[test]
    fn a_sender_gets_the_kinds_of_its_table() {
        let tail = "TrackingId:1f_G2, SystemTracker:sb://h/p, Timestamp:2025-04-24T11:08:15";
        // (status, kind if the service has signed the reason, kind otherwise, does a retry help then)
        for (status, service, listener, is_retryable) in [
            (400, ErrorKind::Rejected, ErrorKind::Rejected, false),
            (401, ErrorKind::Unauthorized, ErrorKind::Unauthorized, false),
            (403, ErrorKind::Unauthorized, ErrorKind::Rejected, false),
            (404, ErrorKind::EndpointNotFound, ErrorKind::Rejected, false),
            (407, ErrorKind::Unauthorized, ErrorKind::Unauthorized, false),
            (408, ErrorKind::Timeout, ErrorKind::Rejected, true),
            (
                409,
                ErrorKind::EndpointAlreadyExists,
                ErrorKind::Rejected,
                false,
            ),
            (413, ErrorKind::InvalidInput, ErrorKind::InvalidInput, false),
            (429, ErrorKind::ServerBusy, ErrorKind::Rejected, true),
            (431, ErrorKind::InvalidInput, ErrorKind::InvalidInput, false),
            (451, ErrorKind::Rejected, ErrorKind::Rejected, false),
            (500, ErrorKind::Other, ErrorKind::Rejected, true),
            (501, ErrorKind::Other, ErrorKind::Rejected, true),
            (502, ErrorKind::Other, ErrorKind::Rejected, true),
            (503, ErrorKind::ServerBusy, ErrorKind::ServerBusy, true),
            (504, ErrorKind::Timeout, ErrorKind::Timeout, true),
            (505, ErrorKind::Other, ErrorKind::Rejected, true),
            (599, ErrorKind::Other, ErrorKind::Rejected, true),
        ] {
            let refused = |reason: String| {
                let status = StatusCode::from_u16(status).unwrap();
                let refusal = transport::HandshakeRejection::new(status, reason);
                Error::of_sender(transport::Error::rejected(refusal))
            };
            assert_eq!(refused(format!("No. {tail}")).kind(), service, "{status}");
            let error = refused("No.".to_owned());
            assert_eq!(error.kind(), listener, "{status}");
            assert_eq!(error.is_retryable(), is_retryable, "{status}");
        }
    }

    #[test]
    fn refusals_that_puzzle_are_explained() {
        let refused = |status: u16, reason: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            Error::from(transport::Error::rejected(
                transport::HandshakeRejection::new(status, reason),
            ))
        };
        let error = refused(400, "This endpoint is only for web-socket requests");
        assert!(error.to_string().contains("proxy"), "{error}");
        assert!(!refused(400, "Rejected").to_string().contains("proxy"));
        let audience = auth::Audience::normalized("http://contoso.servicebus.windows.net/hc1/");
        let text =
            "InvalidAudience: The authorization header contains a token with a wrong audience";
        for (status, reason, explained) in [
            (401, text, true),
            (401, "expired", false),
            (404, text, false),
        ] {
            let error = refused(status, reason).expecting(&audience);
            assert_eq!(
                error.to_string().contains(audience.as_str()),
                explained,
                "{error}"
            );
        }
    }

    #[test]
    fn neither_level_of_an_error_prints_a_secret() {
        // The transport's text about a request may contain a token, so it must not be printed.
        for kind in [
            ErrorKind::Closed,
            ErrorKind::Connect,
            ErrorKind::ConnectionLost,
            ErrorKind::EndpointAlreadyExists,
            ErrorKind::EndpointNotFound,
            ErrorKind::InvalidInput,
            ErrorKind::Other,
            ErrorKind::Protocol,
            ErrorKind::QuotaExceeded,
            ErrorKind::Rejected,
            ErrorKind::ServerBusy,
            ErrorKind::Timeout,
            ErrorKind::TooLarge,
            ErrorKind::Unauthorized,
        ] {
            let error = Error::new(kind, "SharedAccessSignature sr=hush");
            assert!(!error.to_string().contains("hush"), "{kind:?}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn the_tracking_id_is_read_from_the_reason() {
        for (reason, id) in [
            (
                "Endpoint does not exist. TrackingId:6f0b_G52, SystemTracker:sb://h/p, Timestamp:2025",
                Some("6f0b_G52"),
            ),
            ("TrackingId:abc", Some("abc")),
            ("TrackingId:", None),
            ("nothing", None),
        ] {
            assert_eq!(tracking_id(reason), id, "{reason}");
        }
    }
}
