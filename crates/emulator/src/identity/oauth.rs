//! The error documents of a token endpoint. Pure.

use http::{Response, StatusCode};
use serde_json::json;
use transport::Body;

use super::authority::Authority;
use super::now::Now;
use super::recording::Rule;
use crate::answer;
use crate::date::timestamp;

/// Why a token request is refused.
#[derive(Debug)]
pub(super) struct OAuthError {
    status: StatusCode,
    /// The `error` of RFC 6749 §5.2.
    error: &'static str,
    /// The number after `AADSTS`.
    code: u32,
    text: String,
}

impl OAuthError {
    /// A request that is wrong: 400.
    pub(super) fn request(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            code,
            text: text.into(),
        }
    }

    /// A client that is not who it says: 401.
    pub(super) fn client(code: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            code,
            text: text.into(),
        }
    }

    /// Returns the response, which repeats neither secrets nor assertions.
    pub(super) fn into_response(self, authority: &Authority, now: Now) -> Response<Body> {
        let (trace, correlation) = (authority.id(), authority.id());
        let time = timestamp(now.machine).replace('T', " ") + "Z";
        let code = self.code;
        tracing::info!(code, reason = self.text, "token request refused");
        let description = format!(
            "AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
            self.text
        );
        let document = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        let mut response = answer::json(self.status, &document);
        super::documents::forbid_caching(&mut response);
        response.extensions_mut().insert(Rule {
            code: Some(code),
            text: self.text.into(),
        });
        response
    }
}
