//! Message payloads with their media type.

use std::fmt;
use std::io::Read;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt};
use serde::Serialize;
use serde_json::Value;

use crate::{Data, Error, Result};

/// The payload of a message, with its media type.
///
/// Made from a `&str` or `String` (text), `Bytes` or `Vec<u8>` (bytes), a `serde_json::Value`
/// (JSON), the [`Data`] of a received message, or by one of these:
///
/// | constructor | media type | a JSON client receives |
/// | --- | --- | --- |
/// | [`text`](Self::text) | `text/plain` | `dataType: text`, a string |
/// | [`json`](Self::json) | `application/json` | `dataType: json`, the value |
/// | [`binary`](Self::binary), [`from_reader`](Self::from_reader) | `application/octet-stream` | `dataType: binary`, base64 |
///
/// ```
/// use azwire_pubsub::Content;
///
/// assert_eq!(Content::from("hello").media_type(), "text/plain");
/// assert_eq!(Content::json(&[1, 2])?.bytes().as_ref(), b"[1,2]");
/// assert_eq!(Content::from_reader(&b"bytes"[..])?.media_type(), "application/octet-stream");
/// assert!(Content::from_reader(std::io::repeat(0)).is_err());
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
#[derive(Clone)]
pub struct Content {
    media_type: &'static str,
    bytes: Bytes,
}

impl Content {
    /// The largest payload: 1 MiB, the service's limit for a REST body.
    pub const MAX_LEN: usize = 1024 * 1024;

    /// Creates a payload of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            media_type: TEXT,
            bytes: Bytes::from(text.into()),
        }
    }

    /// Serializes a value as JSON. A string becomes a JSON string, in quotes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the value cannot be serialized.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let bytes =
            serde_json::to_vec(value).map_err(|error| Error::not_serialized("content", error))?;
        Ok(Self {
            media_type: JSON,
            bytes: bytes.into(),
        })
    }

    /// Creates a payload of bytes.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self {
            media_type: BINARY,
            bytes: bytes.into(),
        }
    }

    /// Reads a reader to its end, since the service requires the length in advance.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the reader fails or
    /// returns more than [`MAX_LEN`](Self::MAX_LEN) bytes.
    pub fn from_reader(reader: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        reader
            .take(Self::MAX_LEN as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::new(crate::ErrorKind::InvalidInput, error))?;
        let content = Self::binary(bytes);
        content.check()?;
        Ok(content)
    }

    /// Reads an asynchronous reader to its end, like [`from_reader`](Self::from_reader).
    ///
    /// ```
    /// use azwire_pubsub::Content;
    ///
    /// # futures::executor::block_on(async {
    /// let content = Content::from_async_reader(&b"\x01\x02"[..]).await?;
    /// assert_eq!(content.bytes(), &b"\x01\x02"[..]);
    /// # Ok::<(), azwire_pubsub::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`from_reader`](Self::from_reader).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read.
    pub async fn from_async_reader(reader: impl AsyncRead + Unpin) -> Result<Self> {
        let mut bytes = Vec::new();
        reader
            .take(Self::MAX_LEN as u64 + 1)
            .read_to_end(&mut bytes)
            .await
            .map_err(|error| Error::new(crate::ErrorKind::InvalidInput, error))?;
        let content = Self::binary(bytes);
        content.check()?;
        Ok(content)
    }

    /// Returns the media type.
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.bytes.len() > Self::MAX_LEN {
            return Err(Error::invalid("content", "must not be over 1 MiB"));
        }
        if self.media_type == PROTOBUF {
            let rule = "must not be protobuf, which the REST interface does not accept";
            return Err(Error::invalid("content", rule));
        }
        Ok(())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Content({}, {} bytes)",
            self.media_type,
            self.bytes.len()
        )
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::binary(bytes)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<Value> for Content {
    /// JSON.
    fn from(value: Value) -> Self {
        Data::from(value).into()
    }
}

impl From<Data> for Content {
    /// The same payload, without a copy, such as of a message that a server passes on. The REST
    /// interface has no media type for protobuf: a send refuses it as
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    fn from(data: Data) -> Self {
        let (media_type, bytes) = match data {
            Data::Text(text) => (TEXT, text.into_bytes()),
            Data::Json(text) => (JSON, text.into_bytes()),
            Data::Binary(bytes) => (BINARY, bytes),
            Data::Protobuf(bytes) => (PROTOBUF, bytes),
        };
        Self { media_type, bytes }
    }
}

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";
const PROTOBUF: &str = "application/x-protobuf";
