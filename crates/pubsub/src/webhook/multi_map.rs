//! A multi-valued map, for the claims and the query of a client. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::members::{self, Members};

/// A map from names to several values each, in order; names are case-sensitive.
///
/// The service sends an array of strings for each name. A value that is not an array
/// is read as an array of one, `null` as no value, and anything else than a string or
/// `null`, such as a number or an object, as its JSON.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct MultiMap(BTreeMap<String, Vec<String>>);

impl MultiMap {
    /// Reads an object; `None` if the value is anything else.
    pub(super) fn read(value: &RawValue) -> Option<Self> {
        let members = Members::of(value)?.into_iter();
        let entries = members.map(|(name, value)| (name, texts(value)));
        Some(Self(entries.collect()))
    }

    /// Returns the first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).first().map(String::as_str)
    }

    /// Returns the values of `name`; empty if there are none.
    pub fn get_all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether `name` has a value.
    pub fn contains(&self, name: &str) -> bool {
        !self.get_all(name).is_empty()
    }

    /// Returns all names with their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for MultiMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may contain keys, and claims are personal data.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads the values of one name, in any of their forms.
pub(super) fn texts(value: &RawValue) -> Vec<String> {
    match members::items(value) {
        Some(items) => items.into_iter().filter_map(one).collect(),
        None => one(value).into_iter().collect(),
    }
}

fn one(value: &RawValue) -> Option<String> {
    if members::is_null(value) {
        return None;
    }
    Some(members::text(value).unwrap_or_else(|| value.get().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<MultiMap> {
        MultiMap::read(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn every_form_of_a_value_is_a_list_of_texts() {
        let json = r#"{"sub":["u"],"role":["a","b"],"exp":1700000000,"one":"x","t":true,
            "f":-1.5,"no":null,"twice":1,"twice":["2"],"object":{"a": [1]},
            "mixed":["a",5,null,{"b":2},["c"]],"big":123456789012345678901234567890}"#;
        let map = read(json).unwrap();
        assert_eq!(map.get("sub"), Some("u"));
        assert_eq!(map.get_all("role"), ["a", "b"]);
        assert_eq!(map.get("exp"), Some("1700000000"));
        assert_eq!(map.get("one"), Some("x"));
        assert_eq!((map.get("t"), map.get("f")), (Some("true"), Some("-1.5")));
        assert!(!map.contains("no") && !map.contains("Sub"));
        assert_eq!(map.get_all("twice"), ["2"]);
        assert_eq!(map.get_all("object"), [r#"{"a": [1]}"#]);
        assert_eq!(map.get_all("mixed"), ["a", "5", r#"{"b":2}"#, r#"["c"]"#]);
        assert_eq!(map.get("big"), Some("123456789012345678901234567890"));
        assert_eq!(map.len(), 11);
    }

    #[test]
    fn an_object_alone_is_read() {
        assert!(read("{}").unwrap().is_empty());
        for json in ["[]", r#"["a"]"#, "5", "\"a\"", "null"] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let map = read(r#"{"code":["s3cret"]}"#).unwrap();
        assert_eq!(format!("{map:?}"), r#"{"code"}"#);
    }
}
