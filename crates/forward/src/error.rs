//! The errors of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use transport::_internal::Report;

use crate::envelope::ConnectCode;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of this crate: a kind, a description, and the cause.
///
/// `Display` prints this level only, and never a token, a key or data; the cause is in
/// [`source`](StdError::source).
pub struct Error(Box<Inner>);

struct Inner {
    report: Report<ErrorKind>,
    code: Option<ConnectCode>,
    tracking_id: Option<String>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        context: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let mut report = Report::new(kind, "", source);
        report.context = context.into();
        Self::from_report(report)
    }

    pub(crate) fn message(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self::from_report(Report::message(kind, context))
    }

    /// Returns the error of an argument that breaks a rule; `argument` is its name in the signature.
    pub(crate) fn invalid(argument: &'static str, rule: impl fmt::Display) -> Self {
        Self::message(ErrorKind::InvalidInput, format!("{argument}: {rule}"))
    }

    fn from_report(report: Report<ErrorKind>) -> Self {
        Self(Box::new(Inner {
            report,
            code: None,
            tracking_id: None,
        }))
    }

    pub(crate) fn with_code(mut self, code: Option<ConnectCode>) -> Self {
        self.0.code = code;
        self
    }

    pub(crate) fn with_tracking_id(mut self, id: Option<&str>) -> Self {
        self.0.tracking_id = id.map(str::to_owned);
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.report.kind
    }

    /// Returns why the target was not reached, if the listener knew: aztunnel's wire says it,
    /// azbridge's does not.
    pub fn code(&self) -> Option<ConnectCode> {
        self.0.code
    }

    /// Returns the id under which the service logged the connection.
    pub fn tracking_id(&self) -> Option<&str> {
        self.0.tracking_id.as_deref()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            report,
            code,
            tracking_id,
        } = &*self.0;
        let details: [(&str, &dyn fmt::Debug); 3] = [
            ("code", code),
            ("tracking_id", tracking_id),
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

impl From<relay::Error> for Error {
    fn from(error: relay::Error) -> Self {
        let id = error.tracking_id().map(str::to_owned);
        let kind = match error.kind() {
            relay::ErrorKind::Timeout => ErrorKind::Timeout,
            relay::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
            _ => ErrorKind::Relay,
        };
        // The text of the relay's own error says what happened; this level only adds where.
        let context = format!("the hybrid connection: {error}");
        Self::new(kind, context, error).with_tracking_id(id.as_deref())
    }
}

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A local address cannot be bound: it is in use, not of this machine, or not permitted.
    Bind,
    /// The forwarder was shut down.
    Closed,
    /// The listener could not reach the target; [`Error::code`] says why, if it knew. A retry may help.
    Dial,
    /// An argument breaks a rule, which the text names.
    InvalidInput,
    /// The local side of a single stream has failed: its input or its output. The source is an
    /// [`std::io::Error`].
    Local,
    /// The listener refuses: the target is not allowed, no port has the name, or the port is of the
    /// other mode.
    NotAllowed,
    /// The other side does not speak the protocol.
    Protocol,
    /// The hybrid connection could not be opened, or was lost; the source is an error of `azwire-relay`.
    Relay,
    /// A deadline elapsed. A retry may help.
    Timeout,
}
