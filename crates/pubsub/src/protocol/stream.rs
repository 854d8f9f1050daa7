//! Stream fragments and errors.

/// The stream of a group message, and its position in it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamFragment {
    /// The id of the stream, unique within its group while it is open.
    pub stream_id: String,
    /// The number of the fragment, from 1.
    pub sequence_id: u64,
    /// Whether this is the end of the stream, with an empty payload.
    pub is_end: bool,
    /// The error, if it ended early.
    pub error: Option<StreamError>,
}

impl StreamFragment {
    /// Creates a fragment that is not the end of a stream.
    pub fn new(stream_id: impl Into<String>, sequence_id: u64) -> Self {
        Self {
            stream_id: stream_id.into(),
            sequence_id,
            is_end: false,
            error: None,
        }
    }

    /// Marks the fragment as the end of the stream.
    #[must_use]
    pub fn with_end(mut self, error: Option<StreamError>) -> Self {
        self.is_end = true;
        self.error = error;
        self
    }
}

/// The error with which a received stream ended early.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {}", .message.as_deref().unwrap_or_default())]
#[non_exhaustive]
pub struct StreamError {
    /// `IdleTimeout`, `InternalServerError`, `Forbidden`, `Cancelled` or `UserError`.
    pub name: String,
    /// The text; for `UserError` that of the publisher.
    pub message: Option<String>,
    /// The error code of the publisher; for `UserError` only.
    pub user_error_code: Option<String>,
}

impl StreamError {
    /// Creates an error without a text or a code.
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

    /// Sets the publisher's error code.
    #[must_use]
    pub fn with_user_error_code(mut self, code: impl Into<String>) -> Self {
        self.user_error_code = Some(code.into());
        self
    }
}

/// The error with which a publisher ends its stream early.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamEndError {
    /// The text for subscribers. Default: none.
    pub message: Option<String>,
    /// The error code for subscribers. Default: none.
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
