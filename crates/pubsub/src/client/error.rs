//! Conversion of session errors to the crate's error.
//!
//! The text begins with the operation and says whether it was sent; the source says why not. A
//! refusal is one level, with the service's own words.

use crate::protocol::AckError;
use crate::{DialError, Error, ErrorKind, InvocationError, RequestError, StreamWriteError, ttl};

pub(super) fn request(operation: &'static str, error: RequestError) -> Error {
    let (kind, may_be_delivered) = match &error {
        RequestError::Refused(refusal) => return refused(operation, refusal),
        RequestError::NotStarted => return not_started(operation),
        // The same text as from the service client.
        RequestError::InvalidTtl => return Error::invalid("ttl", ttl::RULE),
        RequestError::ConnectionLost => (ErrorKind::Closed, true),
        RequestError::NotConnected => (ErrorKind::Closed, false),
        RequestError::TimedOut => (ErrorKind::Timeout, true),
        RequestError::EventsNotRead { was_sent } => (ErrorKind::EventsNotRead, *was_sent),
        RequestError::TooLarge => (ErrorKind::TooLarge, false),
        RequestError::DuplicateAckId | RequestError::InvalidData(_) | RequestError::Unsupported => {
            (ErrorKind::InvalidInput, false)
        }
    };
    failed(operation, kind, may_be_delivered, error)
}

pub(super) fn invocation(operation: &'static str, error: InvocationError) -> Error {
    let (kind, may_be_delivered) = match &error {
        InvocationError::Refused(refusal) => return refused(operation, refusal),
        InvocationError::NotStarted => return not_started(operation),
        InvocationError::ConnectionLost => (ErrorKind::Closed, true),
        InvocationError::NotConnected => (ErrorKind::Closed, false),
        InvocationError::TimedOut => (ErrorKind::Timeout, true),
        InvocationError::EventsNotRead { was_sent } => (ErrorKind::EventsNotRead, *was_sent),
        InvocationError::TooLarge => (ErrorKind::TooLarge, false),
        InvocationError::DuplicateId
        | InvocationError::InvalidData(_)
        | InvocationError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    failed(operation, kind, may_be_delivered, error)
}

/// `has_begun` if fragments of the stream may have arrived, whatever the error.
pub(super) fn stream(operation: &'static str, has_begun: bool, error: StreamWriteError) -> Error {
    let (kind, may_be_delivered) = match &error {
        StreamWriteError::Refused(refusal) => return refused(operation, refusal),
        StreamWriteError::NotStarted => return not_started(operation),
        StreamWriteError::ConnectionLost => (ErrorKind::Closed, true),
        StreamWriteError::NotConnected | StreamWriteError::Ended => (ErrorKind::Closed, false),
        StreamWriteError::TimedOut => (ErrorKind::Timeout, true),
        StreamWriteError::EventsNotRead { was_sent } => (ErrorKind::EventsNotRead, *was_sent),
        StreamWriteError::TooLarge => (ErrorKind::TooLarge, false),
        StreamWriteError::DuplicateId
        | StreamWriteError::InvalidData(_)
        | StreamWriteError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    failed(operation, kind, may_be_delivered || has_begun, error)
}

fn refused(operation: &'static str, refusal: &AckError) -> Error {
    let AckError { name, message } = refusal;
    let parts = [operation, name.as_str(), message.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Error::message(ErrorKind::NotAcknowledged, parts.join(": ")).with_refusal(refusal)
}

fn not_started(operation: &'static str) -> Error {
    let text = format!("{operation}: {}", RequestError::NotStarted);
    Error::message(ErrorKind::NotStarted, text)
}

fn failed(
    operation: &'static str,
    kind: ErrorKind,
    may_be_delivered: bool,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let error = Error::new(kind, error);
    if may_be_delivered {
        error
            .with_context(format!("{operation}: the outcome is unknown"))
            .maybe_delivered()
    } else {
        error.with_context(format!("{operation}: not sent"))
    }
}

/// Returns the error of a start that no transport error explains.
pub(super) fn start(error: DialError) -> Error {
    let kind = match error {
        DialError::TimedOut => ErrorKind::Timeout,
        DialError::Closed => ErrorKind::Closed,
        DialError::Protocol | DialError::Subprotocol => ErrorKind::Protocol,
        DialError::Credential => ErrorKind::Auth,
        DialError::Refused { .. } | DialError::Transport => ErrorKind::Transport,
    };
    let is_delivered = error != DialError::Credential;
    let error = Error::message(kind, format!("start: {error}"));
    if is_delivered {
        error.maybe_delivered()
    } else {
        error
    }
}
