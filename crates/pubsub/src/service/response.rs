//! From an `http::Response` to a `Result`: the only status table of the service client.

use http::Response;
use serde::Deserialize;
use transport::Body;

use crate::error::ServiceResponse;
use crate::{Error, Result};

/// Takes an answer that must be a success.
pub(super) async fn accept(response: Response<Body>) -> Result<()> {
    if response.status().is_success() {
        // Read to the end, so that the connection can be used again.
        response.into_body().collect(MAX_ERROR_BODY).await?;
        return Ok(());
    }
    Err(refusal(response).await)
}

/// Reads an error answer: `application/json` and `application/problem+json`
/// both have `code` and `message`.
async fn refusal(response: Response<Body>) -> Error {
    let status = response.status();
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let header_code = header("x-ms-error-code");
    let request_id = header("x-ms-request-id").or_else(|| header("x-ms-client-request-id"));
    // A body that cannot be read says nothing about the refusal itself.
    let body = response
        .into_body()
        .collect(MAX_ERROR_BODY)
        .await
        .unwrap_or_default();
    let body: ErrorBody = serde_json::from_slice(&body).unwrap_or_default();
    Error::service(ServiceResponse {
        status,
        code: body.code.or(header_code),
        message: body.message,
        request_id,
    })
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
}

const MAX_ERROR_BODY: usize = 64 * 1024;
