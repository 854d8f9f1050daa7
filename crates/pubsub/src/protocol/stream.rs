//! Parts of streams, and why streams end early.

/// Which part of a stream a group message is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamFragment {
    /// The stream, unique within its group while it is open.
    pub stream_id: String,
    /// The fragment's number, from 1.
    pub sequence_id: u64,
    /// Whether the stream has ended; the payload is empty then.
    pub is_end: bool,
    /// Why it ended early.
    pub error: Option<StreamError>,
}

impl StreamFragment {
    /// Creates a fragment in the middle of a stream.
    pub fn new(stream_id: impl Into<String>, sequence_id: u64) -> Self {
        Self {
            stream_id: stream_id.into(),
            sequence_id,
            is_end: false,
            error: None,
        }
    }

    /// Makes it the end of the stream.
    #[must_use]
    pub fn with_end(mut self, error: Option<StreamError>) -> Self {
        self.is_end = true;
        self.error = error;
        self
    }
}

/// Why a stream that is received ended early.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {}", .message.as_deref().unwrap_or_default())]
#[non_exhaustive]
pub struct StreamError {
    /// `IdleTimeout`, `InternalServerError`, `Forbidden`, `Cancelled` or `UserError`.
    pub name: String,
    /// The text, the publisher's own for `UserError`.
    pub message: Option<String>,
    /// The publisher's own code; for `UserError` only.
    pub user_error_code: Option<String>,
}

impl StreamError {
    /// Creates an error without text or code.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: None,
            user_error_code: None,
        }
    }

    /// Sets the text.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets the publisher's code.
    #[must_use]
    pub fn with_user_error_code(mut self, code: impl Into<String>) -> Self {
        self.user_error_code = Some(code.into());
        self
    }
}

/// Why a publisher ends its stream early.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamEndError {
    /// The text for the subscribers.
    pub message: Option<String>,
    /// The code for the subscribers.
    pub user_error_code: Option<String>,
}

impl StreamEndError {
    /// Sets the text.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets the code.
    #[must_use]
    pub fn with_user_error_code(mut self, code: impl Into<String>) -> Self {
        self.user_error_code = Some(code.into());
        self
    }
}
