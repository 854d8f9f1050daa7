//! Errors of starting an emulator and of waiting for its state. Protocol errors are sent to
//! the client, not returned.

use std::error::Error as StdError;
use std::fmt;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of an emulator that could not start, of an argument that breaks a rule, or of a
/// state that was waited for in vain; in one line.
pub struct Error {
    context: String,
    is_timeout: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn message(context: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            is_timeout: false,
            source: None,
        }
    }

    pub(crate) fn timeout(context: String) -> Self {
        Self {
            is_timeout: true,
            ..Self::message(context)
        }
    }

    pub(crate) fn new(
        context: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::message(context)
        }
    }

    /// Returns whether a [`WaitFor`](crate::WaitFor) reached its time limit.
    pub fn is_timeout(&self) -> bool {
        self.is_timeout
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("context", &self.context)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
