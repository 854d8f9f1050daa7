//! The request bodies of the admin APIs. Shell.

use http::{Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use transport::Body;

use crate::answer::admin_error;

/// Reads a body that is one JSON object, or returns the response that says why it is not.
pub(crate) async fn read_object<T: DeserializeOwned>(
    request: Request<Body>,
) -> Result<T, Response<Body>> {
    let bad = |text: &str| admin_error(StatusCode::BAD_REQUEST, text);
    let body = request.into_body().collect(MAX_BODY).await;
    let body = body.map_err(|_| bad("the body did not arrive, or is too large"))?;
    // serde also reads a struct from an array.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(bad("the body is not a JSON object"));
    }
    serde_json::from_slice(&body).map_err(|error| bad(&error.to_string()))
}

const MAX_BODY: usize = 1024 * 1024;
