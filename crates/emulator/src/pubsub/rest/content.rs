//! The body of a send: its type, its text, what goes along with it. Pure but
//! for reading the body.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use pubsub::Data;
use pubsub::protocol::Metadata;
use serde_json::value::RawValue;
use transport::{Body, ErrorKind, Text};

use super::error::{bad_request, error};

/// Reads the payload of a send.
pub(super) async fn data(request: Request<Body>) -> Result<Data, Response<Body>> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"))
        .unwrap_or_default()
        .to_owned();
    let bytes = body(request).await?;
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("charset"))
        .map(|(_, charset)| charset.trim_matches('"').to_ascii_lowercase());
    let text = |bytes| text(bytes, charset.as_deref());
    match media_type.as_str() {
        "text/plain" => Ok(Data::Text(text(bytes)?)),
        "application/json" => {
            let text = text(bytes)?;
            match serde_json::from_str::<&RawValue>(&text) {
                // Official clients fail on a message whose data is null.
                Ok(value) if value.get() == "null" => {
                    Err(bad_request("Request", "The request body is null."))
                }
                Ok(_) => Ok(Data::Json(text)),
                Err(_) => Err(bad_request(
                    "Request",
                    "The request body is not a valid JSON.",
                )),
            }
        }
        "" | "application/octet-stream" => Ok(Data::Binary(bytes)),
        _ => Err(unsupported(
            "The content type must be text/plain, application/json or application/octet-stream.",
        )),
    }
}

/// Reads a body of at most 1 MiB.
pub(super) async fn body(request: Request<Body>) -> Result<Bytes, Response<Body>> {
    let read = request.into_body().collect(MAX_BODY).await;
    read.map_err(|error| match error.kind() {
        ErrorKind::TooLarge => bad_request("Request", "Invalid Content-Length header."),
        _ => bad_request("Request", "The request body did not arrive."),
    })
}

/// Reads the headers `X-WebPubSub-Metadata-…`.
pub(super) fn metadata(headers: &HeaderMap) -> Result<Metadata, Response<Body>> {
    let mut metadata = Metadata::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("x-webpubsub-metadata-") else {
            continue;
        };
        let value = value.to_str().ok();
        let inserted = value.map(|value| metadata.insert(name, value));
        if !matches!(inserted, Some(Ok(()))) {
            return Err(bad_request("Request", "Invalid metadata header."));
        }
    }
    Ok(metadata)
}

/// Text of a charset as UTF-8.
fn text(bytes: Bytes, charset: Option<&str>) -> Result<Text, Response<Body>> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| from(*pair)).collect();
        rest.is_empty()
            .then(|| String::from_utf16(&units).ok())
            .flatten()
            .map(Text::from)
    };
    let read = match charset {
        None | Some("utf-8" | "utf8") => Text::try_from(bytes).ok(),
        Some("us-ascii" | "ascii") => bytes
            .is_ascii()
            .then(|| Text::try_from(bytes).ok())
            .flatten(),
        Some("iso-8859-1" | "latin1") => {
            let text: String = bytes.iter().copied().map(char::from).collect();
            Some(text.into())
        }
        Some("utf-16" | "utf-16le" | "unicode") => wide(u16::from_le_bytes),
        Some("utf-16be") => wide(u16::from_be_bytes),
        Some(_) => return Err(unsupported("The charset is not supported.")),
    };
    read.ok_or_else(|| bad_request("Request", "The request body is not text of its charset."))
}

fn unsupported(message: &str) -> Response<Body> {
    error(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Error.UnsupportedMediaType",
        message,
    )
}

/// 1 MiB, the service's limit.
const MAX_BODY: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_become_utf_8() {
        let read = |bytes: &'static [u8], charset| {
            text(Bytes::from_static(bytes), charset)
                .map(|text| text.to_string())
                .map_err(|r| r.status())
        };
        assert_eq!(read("ü".as_bytes(), None), Ok("ü".to_owned()));
        assert_eq!(read(b"\xfc", Some("iso-8859-1")), Ok("ü".to_owned()));
        assert_eq!(read(b"\xfc\0", Some("utf-16")), Ok("ü".to_owned()));
        assert_eq!(read(b"\0\xfc", Some("utf-16be")), Ok("ü".to_owned()));
        for (bytes, charset) in [
            (&b"\xff"[..], None),
            (b"\xfc", Some("us-ascii")),
            (b"\0", Some("utf-16")),
        ] {
            assert_eq!(read(bytes, charset), Err(StatusCode::BAD_REQUEST));
        }
        assert_eq!(
            read(b"", Some("koi8-r")),
            Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        );
    }
}
