//! Conversion of session errors to the crate's error.
//!
//! The text begins with the operation and says whether it was sent; the source says why not. A
//! refusal is one level, with the service's own words.

use auth::Secret;
use http::Uri;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use transport::HandshakeRejection;

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

/// Converts the error of a handshake with `uri`, with the answer to the client if it was refused.
pub(super) fn handshake(error: transport::Error, uri: &Uri) -> Error {
    let answer = error
        .rejection()
        .and_then(|rejection| answer(rejection, uri));
    let error = Error::from(error);
    match answer {
        Some(answer) => error.with_answer(answer),
        None => error,
    }
}

/// Returns the body of a rejection if it is for people to read and short.
pub(super) fn answer(rejection: &HandshakeRejection, uri: &Uri) -> Option<String> {
    let media_type = match rejection.headers.get(CONTENT_TYPE) {
        Some(value) => value.to_str().ok()?.to_ascii_lowercase(),
        None => "text/plain".to_owned(),
    };
    // Others, such as HTML, are pages of something in between.
    let is_answer = matches!(
        media_type.split(';').next().unwrap_or_default().trim(),
        "text/plain" | "application/json" | "application/problem+json"
    );
    if !is_answer || rejection.body.len() > MAX_ANSWER {
        return None;
    }
    let text = std::str::from_utf8(&rejection.body).ok()?;
    let text = text.replace(char::is_control, " ");
    let text = text.trim();
    (!text.is_empty() && !repeats_token(text, uri)).then(|| text.to_owned())
}

/// Whether a text repeats a token from the query of `uri`, which something in between may do.
fn repeats_token(text: &str, uri: &Uri) -> bool {
    let parameters = uri.query().unwrap_or_default().split('&');
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, value)| name.ends_with("_token") && !value.is_empty())
        .any(|(_, value)| {
            let decoded = Secret::new(percent_decode_str(value).decode_utf8_lossy());
            text.contains(value) || text.contains(decoded.expose())
        })
}

/// The longest answer that is kept, in bytes.
const MAX_ANSWER: usize = 1024;

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

#[cfg(test)]
mod tests {
    use http::{Response, StatusCode};

    use super::*;

    const URI: &str = "ws://h/client/hubs/chat?access_token=s3cret.t0ken&awps_connection_id=chat\
        &awps_reconnection_token=a%2Bs3cret";

    fn refused(content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Error {
        let mut response = Response::builder().status(StatusCode::FORBIDDEN);
        if let Some(content_type) = content_type {
            response = response.header(CONTENT_TYPE, content_type);
        }
        let mut rejection = HandshakeRejection::from(response.body(body.into()).unwrap());
        rejection.reason = "Forbidden".to_owned();
        handshake(transport::Error::rejected(rejection), &URI.parse().unwrap())
    }

    const REFUSED: &str = "the service refused the WebSocket with status 403";

    #[test]
    fn a_short_text_is_the_answer_to_the_client() {
        for (content_type, body, answer) in [
            (None, "the chat is closed", "the chat is closed"),
            (Some("Text/Plain; charset=utf-8"), " closed\r\n", "closed"),
            (Some("text/plain"), "a\u{1b}[31m\nb\u{85}c", "a [31m b c"),
            (Some("application/json"), r#"{"a":1}"#, r#"{"a":1}"#),
            (Some("application/problem+json"), "{}", "{}"),
            // A part of the URL that is no secret.
            (None, "no more of chat", "no more of chat"),
        ] {
            let error = refused(content_type, body);
            assert_eq!(error.service_message(), Some(answer), "{body:?}");
            assert_eq!(error.to_string(), format!("{REFUSED}: {answer}"));
            assert_eq!(error.kind(), ErrorKind::Auth);
        }
        let longest = "x".repeat(MAX_ANSWER);
        assert_eq!(refused(None, &*longest).service_message(), Some(&*longest));
    }

    #[test]
    fn any_other_body_leaves_the_reason_phrase() {
        for (content_type, body) in [
            (None, Vec::new()),
            (None, b" \n".to_vec()),
            (None, b"\xff".to_vec()),
            (None, vec![b'x'; MAX_ANSWER + 1]),
            (Some("text/html"), b"<p>no".to_vec()),
            (Some("image/png"), b"no".to_vec()),
            (None, b"wrong token s3cret.t0ken".to_vec()),
            (None, b"/?awps_reconnection_token=a%2Bs3cret".to_vec()),
            (None, b"no session a+s3cret".to_vec()),
        ] {
            let error = refused(content_type, body);
            assert_eq!(error.service_message(), Some("Forbidden"));
            assert_eq!(error.to_string(), REFUSED);
        }
    }
}
