//! The edge error of the crate and the one table from kind to "may a retry help".
//! Pure modules have their own enums; they convert into [`Error`] where the kind is unambiguous.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::iter;

use crate::report::Report;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of this crate: a kind, what was being done, and the cause.
///
/// `Display` prints this level only, never a token, a key or a query string; the
/// cause is in [`source`](StdError::source). `Debug` shows the texts of all causes,
/// but never the `Debug` of one. A clone shares the cause, so that one failed fetch
/// can be handed to every caller that waits for it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    report: Report<ErrorKind>,
    retryable: bool,
}

impl Error {
    /// Creates an error of `kind` caused by `source`.
    ///
    /// `Debug` and whatever prints the chain show the `Display` of `source`, which
    /// must therefore not hold a token or a key.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::from_report(Report::new(kind, kind.describe(), source))
    }

    /// Creates an error of `kind` with a text and no cause.
    ///
    /// The text says what was being done and is printed as it is, so it must
    /// not hold a token, a key or a query string.
    pub fn message(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self::from_report(Report::message(kind, context))
    }

    fn from_report(report: Report<ErrorKind>) -> Self {
        Self(Box::new(Inner {
            retryable: report.kind.is_retryable(),
            report,
        }))
    }

    /// Replaces the text of what was being done.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.0.report.context = context.into();
        self
    }

    /// Says that the same call will fail again, whatever the kind suggests,
    /// such as when a credential is not configured.
    #[must_use]
    pub fn not_retryable(mut self) -> Self {
        self.0.retryable = false;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.report.kind
    }

    /// Whether the same call may succeed later without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether a token's time has elapsed.
    pub fn is_expired(&self) -> bool {
        self.0.report.kind == ErrorKind::Expired
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { report, retryable } = &*self.0;
        let details: [(&str, &dyn fmt::Debug); 2] =
            [("is_retryable", retryable), ("source", &Causes(report))];
        report.debug(f, &details)
    }
}

/// The texts of the causes. Whatever prints the chain shows them too, but the
/// `Debug` of a foreign cause may hold the whole response of an identity service.
struct Causes<'a>(&'a Report<ErrorKind>);

impl fmt::Debug for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = iter::successors(self.0.source(), |&cause| cause.source());
        f.debug_list()
            .entries(causes.map(ToString::to_string))
            .finish()
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

/// What went wrong, without the details.
///
/// Nothing in this crate talks to Azure Web PubSub or Azure Relay, so none of
/// these means that a request may have reached them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A provider or credential could not produce a token. Its fault or its identity service's; a retry may help.
    Credential,
    /// The token is past its expiry. The holder needs a new one; a retry does not help.
    Expired,
    /// The text is not a connection string, or a part is missing, unknown or given twice. The caller's fault.
    InvalidConnectionString,
    /// A key or the name of its rule is empty or too long. The caller's fault.
    InvalidKey,
    /// The token is malformed, signed with another key, or valid for something else. Its producer's fault.
    InvalidToken,
}

impl ErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Credential => "no token could be obtained",
            Self::Expired => "the token is expired",
            Self::InvalidConnectionString => "the connection string is not valid",
            Self::InvalidKey => "the key is not valid",
            Self::InvalidToken => "the token is not valid",
        }
    }

    fn is_retryable(self) -> bool {
        match self {
            Self::Credential => true,
            Self::Expired
            | Self::InvalidConnectionString
            | Self::InvalidKey
            | Self::InvalidToken => false,
        }
    }
}
