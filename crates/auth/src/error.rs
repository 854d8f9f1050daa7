//! The edge error of the crate and the one table from kind to "may a retry help".
//! Pure modules have their own enums; they convert into [`Error`] where the kind is unambiguous.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of this crate: a kind, what was being done, and the cause.
///
/// `Display` and `Debug` print this level only, never a token, a key or a
/// query string; the cause is in [`source`](StdError::source). A clone shares
/// the cause, so that one failed fetch can be handed to all who wait for it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    context: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    retryable: bool,
}

impl Error {
    /// Creates an error of `kind` caused by `source`.
    ///
    /// The source's own text is neither printed nor checked here: whoever
    /// prints the chain prints what the source shows of itself.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Box::new(Inner {
            kind,
            context: Cow::Borrowed(kind.describe()),
            source: Some(Arc::from(source.into())),
            retryable: kind.is_retryable(),
        }))
    }

    /// Creates an error of `kind` with a text and no cause.
    ///
    /// The text says what was being done and is printed as it is, so it must
    /// not hold a token, a key or a query string.
    pub fn message(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            context: context.into(),
            source: None,
            retryable: kind.is_retryable(),
        }))
    }

    /// Replaces the text of what was being done.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.0.context = context.into();
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
        self.0.kind
    }

    /// Whether the same call may succeed later without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether a token's time has elapsed.
    pub fn is_expired(&self) -> bool {
        self.0.kind == ErrorKind::Expired
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The source is foreign: its `Debug` may hold the response of an
        // identity service, so only its presence is shown.
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("context", &self.0.context)
            .field("has_source", &self.0.source.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
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
