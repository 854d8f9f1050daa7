//! `/_emulator/…`: the emulator's state, for tests in any language.

use http::{HeaderValue, Response, header};
use transport::Body;

pub(crate) fn json(value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
