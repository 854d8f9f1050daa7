//! Request bodies: content type, text and metadata. Pure, except for reading them.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use pubsub::Data;
use pubsub::protocol::Metadata;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use transport::{Body, ErrorKind, Text};

use super::error::RestError;

/// Reads the payload of a send.
pub(super) async fn data(request: Request<Body>) -> Result<Data, RestError> {
    let content_type = ContentType::of(request.headers());
    let bytes = body(request).await?;
    match content_type.media_type.as_str() {
        "text/plain" => Ok(Data::Text(content_type.text(bytes)?)),
        "application/json" => {
            let text = content_type.text(bytes)?;
            match serde_json::from_str::<&RawValue>(&text) {
                // Official clients fail on a message whose data is null.
                Ok(value) if value.get() == "null" => {
                    Err(RestError::bad_request("The request body is null."))
                }
                Ok(_) => Ok(Data::Json(text)),
                Err(_) => Err(RestError::bad_request(INVALID_JSON)),
            }
        }
        "" | "application/octet-stream" => Ok(Data::Binary(bytes)),
        _ => Err(unsupported(
            "The content type must be text/plain, application/json or application/octet-stream.",
        )),
    }
}

/// Reads a request's JSON parameters.
pub(super) async fn json<T: DeserializeOwned>(request: Request<Body>) -> Result<T, RestError> {
    let content_type = ContentType::of(request.headers());
    if !content_type.is_json() {
        return Err(unsupported("The content type must be application/json."));
    }
    let text = content_type.text(body(request).await?)?;
    serde_json::from_str(&text).map_err(|_| RestError::bad_request(INVALID_JSON))
}

/// The header `Content-Type`, in lower case.
struct ContentType {
    /// Empty if there is none.
    media_type: String,
    charset: Option<String>,
}

impl ContentType {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.map_or("", |value| value.to_str().unwrap_or("?"));
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case("charset"))
            .map(|(_, charset)| charset.trim_matches('"').to_ascii_lowercase());
        Self {
            media_type,
            charset,
        }
    }

    /// Whether .NET servers treat it as JSON.
    fn is_json(&self) -> bool {
        let is_extension = || {
            let subtype = self.media_type.strip_prefix("application/");
            subtype.is_some_and(|subtype| subtype.ends_with("+json"))
        };
        matches!(&*self.media_type, "application/json" | "text/json") || is_extension()
    }

    fn text(&self, bytes: Bytes) -> Result<Text, RestError> {
        text(bytes, self.charset.as_deref())
    }
}

/// Reads a body of at most 1 MiB.
pub(super) async fn body(request: Request<Body>) -> Result<Bytes, RestError> {
    let read = request.into_body().collect(MAX_BODY).await;
    read.map_err(|error| match error.kind() {
        ErrorKind::TooLarge => RestError::bad_request("Invalid Content-Length header."),
        _ => RestError::bad_request("The request body did not arrive."),
    })
}

/// Reads the headers `X-WebPubSub-Metadata-…`.
pub(super) fn metadata(headers: &HeaderMap) -> Result<Metadata, RestError> {
    let mut metadata = Metadata::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("x-webpubsub-metadata-") else {
            continue;
        };
        let value = value.to_str().ok();
        let inserted = value.map(|value| metadata.insert(name, value));
        if !matches!(inserted, Some(Ok(()))) {
            return Err(RestError::bad_request("Invalid metadata header."));
        }
    }
    Ok(metadata)
}

/// Decodes text of a charset to UTF-8.
fn text(bytes: Bytes, charset: Option<&str>) -> Result<Text, RestError> {
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
    read.ok_or_else(|| RestError::bad_request("The request body is not text of its charset."))
}

fn unsupported(message: &str) -> RestError {
    RestError::Plain {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: "Error.UnsupportedMediaType".to_owned(),
        message: message.to_owned(),
        target: None,
    }
}

const INVALID_JSON: &str = "The request body is not a valid JSON.";
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
                .map_err(|refusal| refusal.into_response(None).status())
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
