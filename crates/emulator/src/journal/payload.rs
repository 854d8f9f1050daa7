//! The beginning of a payload. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::text::Text;

/// What a message or a request carried: its type, its length, and at most its first
/// [`MAX_PREVIEW`](Self::MAX_PREVIEW) bytes.
///
/// In JSON: `type`, `length`, and the preview as `text`, or as `base64` if it is not UTF-8;
/// `isCut` is there, and `true`, if the preview is not all of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    data_type: Text,
    length: u64,
    preview: Bytes,
}

impl Payload {
    /// The longest preview, in bytes.
    pub const MAX_PREVIEW: usize = 4096;

    /// Keeps the beginning of `data`, as a copy: whatever `data` is a part of is not kept.
    /// `data_type` is `text`, `json`, `binary`, `protobuf`, or a media type.
    #[cfg(any(test, feature = "pubsub"))]
    pub(crate) fn of(data_type: impl Into<Text>, data: &[u8]) -> Self {
        Self::beginning(data_type, data, data.len() as u64)
    }

    /// The same, if only the beginning of the data is at hand.
    pub(crate) fn beginning(data_type: impl Into<Text>, data: &[u8], length: u64) -> Self {
        let mut preview = &data[..data.len().min(Self::MAX_PREVIEW)];
        if (preview.len() as u64) < length
            && let Err(error) = std::str::from_utf8(preview)
            // The cut is in a character.
            && error.error_len().is_none()
        {
            preview = &preview[..error.valid_up_to()];
        }
        Self {
            data_type: data_type.into(),
            length,
            preview: Bytes::copy_from_slice(preview),
        }
    }

    /// Returns the type: `text`, `json`, `binary`, `protobuf`, or a media type, as the wire has it.
    pub fn data_type(&self) -> &str {
        &self.data_type
    }

    /// Returns the whole length, in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns its beginning.
    pub fn preview(&self) -> &[u8] {
        &self.preview
    }

    /// Returns its beginning as text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.preview).ok()
    }

    /// Whether the preview is not all of it.
    pub fn is_cut(&self) -> bool {
        (self.preview.len() as u64) < self.length
    }

    /// In bytes, more rather than less.
    pub(super) fn size(&self) -> usize {
        self.data_type.len() + self.preview.len() + OVERHEAD
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_cut = self.is_cut();
        let mut object = serializer.serialize_struct("Payload", 3 + usize::from(is_cut))?;
        object.serialize_field("type", &self.data_type)?;
        object.serialize_field("length", &self.length)?;
        match self.text() {
            Some(text) => object.serialize_field("text", text)?,
            None => object.serialize_field("base64", &STANDARD.encode(&self.preview))?,
        }
        if is_cut {
            object.serialize_field("isCut", &true)?;
        }
        object.end()
    }
}

/// What two allocations cost beside their bytes.
const OVERHEAD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn json(payload: &Payload) -> String {
        serde_json::to_string(payload).unwrap()
    }

    #[test]
    fn payloads_are_shown_as_what_they_are() {
        for (data_type, data, expected) in [
            (
                "text",
                &b"a\"b"[..],
                r#"{"type":"text","length":3,"text":"a\"b"}"#,
            ),
            (
                "binary",
                b"\xff\x00",
                r#"{"type":"binary","length":2,"base64":"/wA="}"#,
            ),
            ("json", b"", r#"{"type":"json","length":0,"text":""}"#),
        ] {
            assert_eq!(json(&Payload::of(data_type, data)), expected);
        }
    }

    #[test]
    fn a_long_payload_keeps_its_beginning_and_its_length() {
        let data = "ü".repeat(5000);
        let payload = Payload::of("text", data.as_bytes());
        assert_eq!((payload.len(), payload.is_cut()), (10_000, true));
        assert_eq!(payload.preview().len(), Payload::MAX_PREVIEW);
        // One byte before a boundary of characters.
        let data = format!("a{data}");
        let payload = Payload::of("text", data.as_bytes());
        assert_eq!(payload.preview().len(), Payload::MAX_PREVIEW - 1);
        assert_eq!(payload.text(), Some(&data[..Payload::MAX_PREVIEW - 1]));
        assert!(json(&payload).ends_with(r#","isCut":true}"#));
        // What is not text stays whole.
        let data = vec![0xff; 5000];
        let payload = Payload::of("binary", &data);
        assert_eq!(payload.preview().len(), Payload::MAX_PREVIEW);
        assert_eq!(payload.text(), None);
        // Bytes of which only some are at hand.
        let payload = Payload::beginning("text", b"ab", 7);
        assert_eq!((payload.len(), payload.is_cut()), (7, true));
    }
}
