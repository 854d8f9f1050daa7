//! Names with several values each: the claims and the query of a client. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

/// Names, each with its values in order; names are compared with case.
///
/// The service writes each value as an array of texts. A single text, a number
/// or a truth value is taken as an array of one, and `null` as none.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct MultiMap(BTreeMap<String, Vec<String>>);

impl MultiMap {
    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).first().map(String::as_str)
    }

    /// The values of that name; empty if there is none.
    pub fn get_all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether there is a value of that name.
    pub fn contains(&self, name: &str) -> bool {
        !self.get_all(name).is_empty()
    }

    /// All names with their values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for MultiMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query holds keys, claims are about persons.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for MultiMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map: Option<BTreeMap<String, Values>> = Deserialize::deserialize(deserializer)?;
        let map = map.unwrap_or_default().into_iter();
        Ok(Self(map.map(|(name, values)| (name, values.0)).collect()))
    }
}

/// The values of one name, in any of their forms.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a truth value, or an array of them")
    }

    fn visit_unit<E>(self) -> Result<Values, E> {
        Ok(Values(Vec::new()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Values, E> {
        Ok(Values(vec![value.to_owned()]))
    }

    fn visit_string<E>(self, value: String) -> Result<Values, E> {
        Ok(Values(vec![value]))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(Values(more)) = items.next_element()? {
            values.extend(more);
        }
        Ok(Values(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_value_is_a_list_of_texts() {
        let json = r#"{"sub":["u"],"role":["a","b"],"exp":1700000000,"one":"x","t":true,"f":-1.5,"no":null}"#;
        let map: MultiMap = serde_json::from_str(json).unwrap();
        assert_eq!(map.get("sub"), Some("u"));
        assert_eq!(map.get_all("role"), ["a", "b"]);
        assert_eq!(map.get("exp"), Some("1700000000"));
        assert_eq!(map.get("one"), Some("x"));
        assert_eq!((map.get("t"), map.get("f")), (Some("true"), Some("-1.5")));
        assert!(!map.contains("no") && !map.contains("Sub"));
        assert_eq!(map.len(), 7);
        assert!(serde_json::from_str::<MultiMap>("null").unwrap().is_empty());
        assert!(serde_json::from_str::<MultiMap>(r#"{"a":{}}"#).is_err());
    }

    #[test]
    fn debug_shows_no_value() {
        let map: MultiMap = serde_json::from_str(r#"{"code":["s3cret"]}"#).unwrap();
        assert_eq!(format!("{map:?}"), r#"{"code"}"#);
    }
}
