//! What a sender is told when its request does not reach the site, or the site does not
//! answer. Pure.

use http::{HeaderValue, Response, StatusCode, header};
use transport::{Body, ErrorKind};

/// What went wrong between a sender and the site.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// The sender's path is not passed on.
    Path,
    /// The request is not one that the target could get, because of its headers.
    Request,
    /// No connection to the target, or none that can be trusted.
    Unreachable,
    /// The target ended the connection instead of answering, or what it says is not HTTP.
    NoAnswer,
    /// The target did not answer in time.
    Late,
    /// The target answers a WebSocket with something else.
    NoWebSocket,
}

impl Failure {
    /// Returns the failure of a request to the target.
    pub(super) fn of(error: &transport::Error) -> Self {
        match error.kind() {
            ErrorKind::Timeout => Self::Late,
            // The last: the connector refuses, for instance plaintext.
            ErrorKind::Connect | ErrorKind::Tls | ErrorKind::InvalidInput => Self::Unreachable,
            _ => Self::NoAnswer,
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Path | Self::Request => StatusCode::BAD_REQUEST,
            Self::Unreachable | Self::NoAnswer | Self::NoWebSocket => StatusCode::BAD_GATEWAY,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Returns the line for the sender. It does not name the target, which is none of its business.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Path => "The path is not one that the listener passes on.",
            Self::Request => "The request is not one that the listener can pass on.",
            Self::Unreachable => "The listener cannot reach the site behind it.",
            Self::NoAnswer => {
                "The site behind the listener ended the connection without an answer."
            }
            Self::Late => "The site behind the listener did not answer in time.",
            Self::NoWebSocket => "There is no WebSocket at this path.",
        }
    }

    /// Returns the response: one line of text, with the id under which the service and the
    /// listener log the request.
    pub(super) fn response(self, tracking_id: &str) -> Response<Body> {
        let line = format!("{} TrackingId:{tracking_id}\n", self.text());
        let mut response = Response::new(Body::from(line));
        *response.status_mut() = self.status();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_status_and_a_line() {
        for (failure, status, kind) in [
            (Failure::Late, 504, Some(ErrorKind::Timeout)),
            (Failure::Unreachable, 502, Some(ErrorKind::Connect)),
            (Failure::Unreachable, 502, Some(ErrorKind::Tls)),
            (Failure::Unreachable, 502, Some(ErrorKind::InvalidInput)),
            (Failure::NoAnswer, 502, Some(ErrorKind::Closed)),
            (Failure::NoAnswer, 502, Some(ErrorKind::Protocol)),
            (Failure::NoWebSocket, 502, None),
            (Failure::Path, 400, None),
            (Failure::Request, 400, None),
        ] {
            if let Some(kind) = kind {
                assert_eq!(Failure::of(&transport::Error::message(kind, "x")), failure);
            }
            let response = failure.response("T1");
            assert_eq!(response.status(), status);
            assert_eq!(
                response.headers()["content-type"],
                "text/plain; charset=utf-8"
            );
            let line = format!("{} TrackingId:T1\n", failure.text());
            assert_eq!(response.body().as_bytes(), Some(line.as_bytes()));
        }
    }
}
