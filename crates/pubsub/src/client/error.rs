//! Conversion of session errors to the crate's error.

use crate::{DialError, Error, ErrorKind, InvocationError, RequestError, StreamWriteError, ttl};

pub(super) fn request(error: RequestError) -> Error {
    if error == RequestError::InvalidTtl {
        // The same text as from the service client.
        return Error::invalid("ttl", ttl::RULE);
    }
    let (kind, may_be_delivered) = match &error {
        RequestError::Refused(_) => (ErrorKind::NotAcknowledged, true),
        RequestError::ConnectionLost => (ErrorKind::Closed, true),
        RequestError::NotConnected => (ErrorKind::Closed, false),
        RequestError::TimedOut => (ErrorKind::Timeout, true),
        RequestError::TooLarge => (ErrorKind::TooLarge, false),
        RequestError::DuplicateAckId
        | RequestError::InvalidData(_)
        | RequestError::InvalidTtl
        | RequestError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    self::error(kind, may_be_delivered, error)
}

pub(super) fn invocation(error: InvocationError) -> Error {
    let (kind, may_be_delivered) = match &error {
        InvocationError::Refused(_) => (ErrorKind::NotAcknowledged, true),
        InvocationError::ConnectionLost => (ErrorKind::Closed, true),
        InvocationError::NotConnected => (ErrorKind::Closed, false),
        InvocationError::TimedOut => (ErrorKind::Timeout, true),
        InvocationError::TooLarge => (ErrorKind::TooLarge, false),
        InvocationError::DuplicateId
        | InvocationError::InvalidData(_)
        | InvocationError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    self::error(kind, may_be_delivered, error)
}

pub(super) fn stream(error: StreamWriteError) -> Error {
    let (kind, may_be_delivered) = match &error {
        StreamWriteError::Refused(_) => (ErrorKind::NotAcknowledged, true),
        StreamWriteError::ConnectionLost => (ErrorKind::Closed, true),
        StreamWriteError::NotConnected | StreamWriteError::Ended => (ErrorKind::Closed, false),
        StreamWriteError::TimedOut => (ErrorKind::Timeout, true),
        StreamWriteError::TooLarge => (ErrorKind::TooLarge, false),
        StreamWriteError::DuplicateId
        | StreamWriteError::InvalidData(_)
        | StreamWriteError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    self::error(kind, may_be_delivered, error)
}

fn error(
    kind: ErrorKind,
    may_be_delivered: bool,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let error = Error::new(kind, error);
    if may_be_delivered {
        error.maybe_delivered()
    } else {
        error
    }
}

/// Returns the error for a failed start without a transport error.
pub(super) fn start(error: DialError) -> Error {
    let kind = match error {
        DialError::TimedOut => ErrorKind::Timeout,
        DialError::Closed => ErrorKind::Closed,
        DialError::Protocol | DialError::Subprotocol => ErrorKind::Protocol,
        DialError::Credential => return Error::new(ErrorKind::Auth, error),
        DialError::Refused { .. } | DialError::Transport => ErrorKind::Transport,
    };
    Error::new(kind, error).maybe_delivered()
}
