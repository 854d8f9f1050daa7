//! The parameters of the bulk group operations. Pure.
//!
//! Read as .NET servers read JSON: names without case, the last of two of the
//! same name, `null` as absent; an array is not an object.

use std::fmt;

use pubsub::GroupName;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::RestError;
use super::route::INVALID_GROUP;

/// The groups, and the filter that selects connections.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct GroupsAndFilter {
    groups: Vec<Option<String>>,
    pub(super) filter: Option<String>,
}

impl GroupsAndFilter {
    /// Returns the groups: at least one, each with a valid name.
    pub(super) fn groups(&self) -> Result<Vec<&str>, RestError> {
        let names: Option<Vec<&str>> = self
            .groups
            .iter()
            .map(|group| group.as_deref().filter(|name| GroupName::new(name).is_ok()))
            .collect();
        names
            .filter(|names| !names.is_empty())
            .ok_or_else(|| RestError::Validation {
                target: "Groups",
                message: INVALID_GROUP.to_owned(),
            })
    }
}

impl<'de> Deserialize<'de> for GroupsAndFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = GroupsAndFilter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<GroupsAndFilter, E> {
        Ok(GroupsAndFilter::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GroupsAndFilter, A::Error> {
        let mut found = GroupsAndFilter::default();
        while let Some(name) = map.next_key::<String>()? {
            if name.eq_ignore_ascii_case("groups") {
                found.groups = map.next_value::<Option<_>>()?.unwrap_or_default();
            } else if name.eq_ignore_ascii_case("filter") {
                found.filter = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<(Option<Vec<String>>, Option<String>)> {
        let found: GroupsAndFilter = serde_json::from_str(json).ok()?;
        let groups = found.groups().ok();
        let groups = groups.map(|groups| groups.into_iter().map(str::to_owned).collect());
        Some((groups, found.filter))
    }

    #[test]
    fn names_have_no_case_and_the_last_one_counts() {
        let groups = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let filter = |text: &str| Some(text.to_owned());
        for (json, expected) in [
            (
                r#"{"groups":["a","b"],"filter":"f"}"#,
                (groups(&["a", "b"]), filter("f")),
            ),
            (
                r#"{"Groups":["a"],"FILTER":"f"}"#,
                (groups(&["a"]), filter("f")),
            ),
            (r#"{"groups":["a"],"Groups":["b"]}"#, (groups(&["b"]), None)),
            (
                r#"{"filter":"f","groups":["a"],"filter":null}"#,
                (groups(&["a"]), None),
            ),
            (r#"{"groups":["a"],"groups":null}"#, (None, None)),
            (
                r#"{"groups":["a"],"other":{"groups":1}}"#,
                (groups(&["a"]), None),
            ),
            ("null", (None, None)),
            ("{}", (None, None)),
            (r#"{"groups":[]}"#, (None, None)),
            (r#"{"groups":["a",null]}"#, (None, None)),
            (r#"{"groups":["a",""]}"#, (None, None)),
        ] {
            assert_eq!(read(json), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_of_another_type_is_refused() {
        for json in [
            r#"[["a"],"f"]"#,
            "[]",
            "1",
            r#""groups""#,
            r#"{"groups":"a"}"#,
            r#"{"groups":[1]}"#,
            r#"{"groups":{"0":"a"}}"#,
            r#"{"groups":["a"],"filter":1}"#,
            r#"{"groups":["a"],"filter":["f"]}"#,
            r#"{"groups":1,"groups":["a"]}"#,
            r#"{"groups":["a"]"#,
            "",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
