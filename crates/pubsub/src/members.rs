//! Member-by-member reading of a peer's JSON, in which a malformed member does not
//! affect the others. Pure.
//!
//! Derived serde structs are not used for what a peer sends: they accept an array
//! for an object, reject a repeated name, and reject the whole body for
//! one unexpected member.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// The raw members of a JSON object. If a name is repeated, the last value counts;
/// `null` counts as missing; names are case-sensitive. The official SDKs for JavaScript
/// and Python do the same.
pub(crate) struct Members<'a>(BTreeMap<Text<'a>, &'a RawValue>);

impl<'a> Members<'a> {
    /// Reads a body; `None` unless it is one object.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        Self::parse(std::str::from_utf8(body).ok()?)
    }

    /// Reads a value; `None` unless it is an object.
    pub(crate) fn of(value: &'a RawValue) -> Option<Self> {
        Self::parse(value.get())
    }

    fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    /// Returns the value of `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let name = Text(Cow::Borrowed(name));
        self.0.get(&name).copied().filter(|value| !is_null(value))
    }

    /// Returns the value of `name`, converted by `read`; a value that `read` rejects
    /// counts as missing.
    pub(crate) fn lenient<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a RawValue) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name)?;
        let read = read(value);
        if read.is_none() {
            tracing::debug!(member = name, "ignored malformed member");
        }
        read
    }

    /// Returns all names with their values, including `null`.
    #[cfg(feature = "webhook")]
    pub(crate) fn into_iter(self) -> impl Iterator<Item = (String, &'a RawValue)> {
        let members = self.0.into_iter();
        members.map(|(name, value)| (name.0.into_owned(), value))
    }
}

/// Returns the value as text, if it is a string.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    let text: Text<'_> = serde_json::from_str(value.get()).ok()?;
    Some(text.0.into_owned())
}

/// Returns the items of the value, if it is an array.
pub(crate) fn items(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// A JSON string; a lone surrogate in it becomes U+FFFD.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes, since a lone surrogate is an error in a string.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Text<'de>, E> {
        Ok(Text(String::from_utf8_lossy(bytes)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text<'de>, E> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Ok(Text(Cow::Owned(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_alone_has_members() {
        for (json, is_object) in [
            ("{}", true),
            (" {\"a\":1} ", true),
            ("", false),
            ("[]", false),
            ("[1]", false),
            ("null", false),
            ("5", false),
            ("\"{}\"", false),
            ("{\"a\":1", false),
            ("{\"a\":1}{}", false),
            ("{\"a\":}", false),
        ] {
            assert_eq!(
                Members::read(json.as_bytes()).is_some(),
                is_object,
                "{json}"
            );
        }
        assert!(Members::read(b"{\"a\":\"\xff\"}").is_none());
    }

    #[test]
    fn the_last_of_equal_names_counts_and_null_is_missing() {
        let members = Members::read(br#"{"a":1,"a":[2],"\u0062":null,"A":3}"#).unwrap();
        assert_eq!(members.get("a").unwrap().get(), "[2]");
        assert!(members.get("b").is_none() && members.get("c").is_none());
        assert_eq!(members.get("A").unwrap().get(), "3");
        let members = Members::read(br#"{"a":1,"a":null}"#).unwrap();
        assert!(members.get("a").is_none());
    }

    #[test]
    fn a_member_that_is_odd_costs_itself_alone() {
        // Deeper than serde_json's own limit for values.
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let json = format!(r#"{{"\ud800":1,"deep":{deep},"text":"a\ud800b","number":5}}"#);
        let members = Members::read(json.as_bytes()).unwrap();
        assert_eq!(
            members.lenient("text", text).as_deref(),
            Some("a\u{fffd}\u{fffd}\u{fffd}b")
        );
        assert_eq!(members.lenient("number", text), None);
        assert_eq!(members.lenient("deep", text), None);
        assert_eq!(items(members.get("deep").unwrap()).unwrap().len(), 1);
        assert!(items(members.get("number").unwrap()).is_none());
    }

    #[test]
    fn a_text_is_not_an_array_of_bytes() {
        let members = Members::read(br#"{"a":[97,98]}"#).unwrap();
        assert_eq!(members.lenient("a", text), None);
    }
}
