//! Payloads and metadata.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use transport::_internal::is_token;
use transport::Text;

use super::fields::{FieldValue, Fields, Malformed};
use super::{ProtocolError, raw_json};

/// A payload and its type.
///
/// Made from what an application has at hand: `&str`, `String` and [`Text`] become text, `Bytes`
/// and `Vec<u8>` become bytes, a `serde_json::Value` becomes JSON, and so does anything else that
/// serializes, with [`json`](Self::json).
///
/// ```
/// use azwire_pubsub::Data;
/// use serde_json::json;
///
/// assert_eq!(Data::from("hello").as_str(), Some("hello"));
/// assert_eq!(Data::from(json!([1, 2])), Data::json(&[1, 2])?);
/// assert_eq!(Data::json(&[1, 2])?.to_json::<Vec<u8>>()?, [1, 2]);
/// assert_eq!(Data::from(vec![0xff]).as_str(), None);
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Plain text.
    Text(Text),
    /// JSON text, verbatim: one value other than `null`, which is checked on sending.
    Json(Text),
    /// Bytes.
    Binary(Bytes),
    /// A serialized `google.protobuf.Any`, which is checked on sending.
    Protobuf(Bytes),
}

impl Data {
    /// Returns the text: plain text as it is, or the text of the JSON, in which a string has its
    /// quotes; `None` for bytes and protobuf.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text.as_str()),
            Self::Binary(_) | Self::Protobuf(_) => None,
        }
    }

    /// Checks the service's rules for a payload: JSON is one value other than
    /// `null`, and protobuf is a serialized `google.protobuf.Any`. Encoding a message
    /// includes this check: unchecked JSON could end its field and add others.
    ///
    /// ```
    /// use azwire_pubsub::Data;
    ///
    /// assert!(Data::Json(r#"{"a":1}"#.into()).check().is_ok());
    /// assert!(Data::Json(r#"1,"type":"event""#.into()).check().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Field`], naming the rule that is broken.
    pub fn check(&self) -> Result<(), ProtocolError> {
        let rule = match self {
            Self::Json(text) if !is_json_value(text) => "must be one JSON value and not null",
            Self::Protobuf(bytes) if !is_any(bytes) => "must be a serialized Any",
            _ => return Ok(()),
        };
        Err(ProtocolError::Field {
            message: "message",
            field: "data",
            rule,
        })
    }

    /// Returns the bytes of the payload: those of the text, the JSON text, or the bytes themselves.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Json(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Protobuf(bytes) => bytes,
        }
    }

    /// Returns the type name on the wire: `text`, `json`, `binary` or `protobuf`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Json(_) => "json",
            Self::Binary(_) => "binary",
            Self::Protobuf(_) => "protobuf",
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are application data.
        write!(
            f,
            "Data({}, {} bytes)",
            self.type_name(),
            self.as_bytes().len()
        )
    }
}

impl From<&str> for Data {
    /// Plain text; copies it.
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Data {
    /// Plain text.
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for Data {
    /// Plain text.
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Data {
    /// Bytes.
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Data {
    /// Bytes.
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Value> for Data {
    /// JSON. The service accepts no `null`, which is refused when it is sent.
    fn from(value: Value) -> Self {
        Self::Json(value.to_string().into())
    }
}

/// The metadata of a payload: short strings by name.
///
/// - A name is an HTTP token (RFC 9110 §5.6.2) of 1 to 256 characters.
/// - A value is ASCII of at most 1,024 bytes.
/// - All names and values together have at most 8,192 bytes.
///
/// Source: Microsoft's emulator of the service.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Creates empty metadata.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Field`] if the entry breaks one of the rules above or
    /// its name exists already.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), ProtocolError> {
        let (name, value) = (name.into(), value.into());
        if name.len() > Self::MAX_NAME || !is_token(&name) {
            return Err(wrong("a name must be 1 to 256 characters of an HTTP token"));
        }
        if value.len() > Self::MAX_VALUE || !value.is_ascii() {
            return Err(wrong("a value must be ASCII of at most 1024 bytes"));
        }
        if self.size() + name.len() + value.len() > Self::MAX_TOTAL {
            return Err(wrong("must not have more than 8192 bytes"));
        }
        match self.0.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
                Ok(())
            }
            Entry::Occupied(_) => Err(wrong("must not repeat a name")),
        }
    }

    /// Adds an entry and returns the metadata.
    ///
    /// # Errors
    ///
    /// Same as [`insert`](Self::insert).
    pub fn with(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, ProtocolError> {
        self.insert(name, value)?;
        Ok(self)
    }

    /// Returns the value of `name`, which is case-sensitive.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the entries, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Creates metadata from the service, unchecked, since its rules may become wider than ours.
    pub(super) fn from_service(entries: BTreeMap<String, String>) -> Self {
        Self(entries)
    }

    #[cfg(feature = "protobuf")]
    pub(super) fn into_inner(self) -> BTreeMap<String, String> {
        self.0
    }

    fn size(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }

    const MAX_NAME: usize = 256;
    const MAX_VALUE: usize = 1024;
    const MAX_TOTAL: usize = 8192;
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are application data.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn wrong(rule: &'static str) -> ProtocolError {
    ProtocolError::Field {
        message: "message",
        field: "metadata",
        rule,
    }
}

/// Whether `text` is one JSON value that a message can contain verbatim.
/// The service does not accept `null`, on which official clients fail.
fn is_json_value(text: &str) -> bool {
    if raw_json::value_len(text.as_bytes()) == Some(text.len()) {
        return text != "null";
    }
    serde_json::from_str::<&RawValue>(text).is_ok_and(|value| value.get() != "null")
}

/// Whether `bytes` are a serialized `google.protobuf.Any`: protobuf
/// fields, of which number 1 is a string and number 2 is bytes.
///
/// Source: `google/protobuf/any.proto`.
pub(super) fn is_any(bytes: &[u8]) -> bool {
    Fields::new(bytes).all(|field| match field {
        Ok((1, FieldValue::Bytes(part))) => std::str::from_utf8(part).is_ok(),
        Ok((2, FieldValue::Bytes(_))) => true,
        Ok((number, _)) => number > 2,
        Err(Malformed) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keeps_its_rules() {
        let mut metadata = Metadata::new();
        metadata.insert("src", "cam").unwrap();
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("ü", "x"),
            (&"n".repeat(257), "x"),
            ("v", "ü"),
            ("v", &"v".repeat(1025)),
            ("src", "again"),
        ] {
            assert!(metadata.insert(name, value).is_err(), "{name:?}");
        }
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("src", "cam")]);
        for n in 0..7 {
            metadata.insert(format!("n{n}"), "v".repeat(1024)).unwrap();
        }
        assert!(metadata.insert("n7", "v".repeat(1024)).is_err());
    }

    #[test]
    fn an_any_is_told_from_other_bytes() {
        let any = b"\x0a\x1etype.googleapis.com/demo.Point\x12\x02\x08\x07";
        assert!(is_any(any) && is_any(b"") && is_any(b"\x18\x01"));
        for end in 1..any.len() {
            // Truncated anywhere except between the two fields, it is invalid.
            assert_eq!(is_any(&any[..end]), end == 32, "{end}");
        }
        assert!(!is_any(b"\x08\x01") && !is_any(b"\x0a\x01\xff") && !is_any(b"\x02\x00"));
        assert!(!is_any(&[0xff; 11]));
    }

    #[test]
    fn json_is_one_value_and_not_null() {
        for good in [
            "1",
            " {\"a\" : [1, null]} ",
            "\"a\\ud800\"",
            "false",
            "\t-1e9\n",
        ] {
            assert!(Data::Json(good.into()).check().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "null",
            " null ",
            "1,\"type\":\"event\"",
            "1}",
            "1 2",
            "{",
            "[1,]",
            "'a'",
            "nul",
            "01",
            "\u{feff}1",
            "\"a\nb\"",
        ] {
            assert!(Data::Json(bad.into()).check().is_err(), "{bad:?}");
        }
        assert!(Data::Text("null".into()).check().is_ok());
        assert!(
            Data::Protobuf(Bytes::from_static(b"\x08\x01"))
                .check()
                .is_err()
        );
    }
}
