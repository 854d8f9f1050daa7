//! The crate's error type, and the one table of which kinds are retryable.
//! Pure modules have their own enums, which convert into [`Error`] where the kind is unambiguous.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::iter;

use crate::report::Report;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error type of this crate: a kind, a description, and the cause.
///
/// `Display` prints this level only, never a token, a key or a query string; the
/// cause is in [`source`](StdError::source). `Debug` shows the `Display` text of every cause,
/// but never its `Debug`. Clones share the cause, so that one failed fetch
/// can be reported to every caller that waits for it.
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
    /// `Debug` and error reporters that print the chain show the `Display` of `source`, which
    /// must therefore not hold a token or a key.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::from_report(Report::new(kind, kind.describe(), source))
    }

    /// Creates an error of `kind` with a description and no cause.
    ///
    /// The description says what failed. It is printed verbatim, so it must
    /// not contain a token, a key or a query string.
    pub fn message(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self::from_report(Report::message(kind, context))
    }

    fn from_report(report: Report<ErrorKind>) -> Self {
        Self(Box::new(Inner {
            retryable: report.kind.is_retryable(),
            report,
        }))
    }

    /// Replaces the description.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.0.report.context = context.into();
        self
    }

    /// Marks the error as not retryable, whatever its kind: the same call will fail
    /// again, for example because a credential is not configured.
    #[must_use]
    pub fn not_retryable(mut self) -> Self {
        self.0.retryable = false;
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.report.kind
    }

    /// Whether the same call may succeed later, with nothing changed by the caller.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether a token has expired.
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

/// The `Display` texts of the causes. Error reporters print them too, but the
/// `Debug` of a foreign cause may contain the whole response of an identity service.
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

/// The kind of an [`Error`].
///
/// Nothing in this crate talks to Azure Web PubSub or Azure Relay, so none of
/// these kinds means that a request may have reached them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A provider or credential failed to get a token. Its own fault or its identity service's; a retry may help.
    Credential,
    /// The token has expired. Its holder needs a new one; a retry does not help.
    Expired,
    /// The text is not a connection string, or a key is missing, unknown or repeated. The caller's fault.
    InvalidConnectionString,
    /// A key or its rule name is empty or too long. The caller's fault.
    InvalidKey,
    /// The token is malformed, signed with another key, or valid for something else. Its producer's fault.
    InvalidToken,
}

impl ErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Credential => "failed to get a token",
            Self::Expired => "the token has expired",
            Self::InvalidConnectionString => "the connection string is invalid",
            Self::InvalidKey => "the key is invalid",
            Self::InvalidToken => "the token is invalid",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_says_what_is_wrong_and_whether_to_try_again() {
        for (kind, text, is_retryable, is_expired) in [
            (ErrorKind::Credential, "failed to get a token", true, false),
            (ErrorKind::Expired, "the token has expired", false, true),
            (
                ErrorKind::InvalidConnectionString,
                "the connection string is invalid",
                false,
                false,
            ),
            (ErrorKind::InvalidKey, "the key is invalid", false, false),
            (
                ErrorKind::InvalidToken,
                "the token is invalid",
                false,
                false,
            ),
        ] {
            let error = Error::new(kind, "the cause");
            assert_eq!(error.to_string(), text);
            assert_eq!(error.is_retryable(), is_retryable, "{kind:?}");
            assert_eq!(error.is_expired(), is_expired, "{kind:?}");
            assert!(!error.not_retryable().is_retryable(), "{kind:?}");
        }
    }
}
