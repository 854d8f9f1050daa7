//! Names of hubs, groups, users, connections and events, validated on creation.

use std::fmt;
use std::str::FromStr;

use crate::protocol::SharedStr;
use crate::protocol::name_rule::{check_event, check_group};
use crate::{Error, Result};

/// Defines a validated name: a cheap, shared string that `parse` and `TryFrom` check.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $argument:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Validates a name.
            ///
            /// # Errors
            ///
            /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the rule that is broken.
            pub fn new(name: impl AsRef<str>) -> Result<Self> {
                let name = name.as_ref();
                $check(name).map_err(|rule| Error::invalid($argument, rule))?;
                Ok(Self(name.into()))
            }

            /// Returns the name as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(name: String) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<SharedStr> for $name {
            type Error = Error;

            fn try_from(name: SharedStr) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<&Self> for $name {
            type Error = Error;

            fn try_from(name: &Self) -> Result<Self> {
                Ok(name.clone())
            }
        }
    };
}

name!(
    /// The name of a hub: a letter, then letters, digits and ``_`,.[]``, at most
    /// 128 characters. The service compares hub names ignoring case.
    ///
    /// Source: the pattern of the `hub` parameter in the REST description 2024-12-01.
    HubName, "hub", check_hub
);
name!(
    /// The name of a group: 1 to 1024 characters, which the service counts in
    /// UTF-16 units, not only whitespace, case-sensitive.
    ///
    /// Source: the pattern of the `group` parameter in the REST description 2024-12-01.
    GroupName, "group", check_group
);
name!(
    /// A group name pattern, for a [`Role`](crate::Role): `?` matches one character
    /// except a dot, `*` any number of such characters, `**` any number of characters
    /// including dots, and `\` escapes a following `*`, `?` or `\`. 1 to 1024
    /// characters (UTF-16 units), at most five unescaped `*`, case-sensitive.
    ///
    /// Source: "Use wildcard group roles" in the service's documentation, January
    /// 2026; for `\` before anything else, which makes the pattern invalid,
    /// Microsoft's emulator.
    GroupPattern, "pattern", check_pattern
);
name!(
    /// The id of a user: not empty, case-sensitive.
    UserId, "user_id", check_id
);
name!(
    /// The id of a connection: not empty, case-sensitive.
    ConnectionId, "connection_id", check_id
);
name!(
    /// The name of a user event: a letter, then letters, digits, `_`, `.` and `-`,
    /// at most 128 characters.
    ///
    /// Source: Microsoft's emulator; the REST description does not name user events.
    EventName, "event", check_event
);

fn check_hub(name: &str) -> std::result::Result<(), &'static str> {
    let mut characters = name.chars();
    if !characters.next().is_some_and(|c| c.is_ascii_alphabetic()) {
        return Err("must begin with a letter");
    }
    if name.len() > 128 {
        return Err("must not be longer than 128 characters");
    }
    if characters.any(|c| !c.is_ascii_alphanumeric() && !"_`,.[]".contains(c)) {
        return Err("must contain only letters, digits and _ ` , . [ ]");
    }
    Ok(())
}

fn check_pattern(pattern: &str) -> std::result::Result<(), &'static str> {
    check_group(pattern)?;
    let mut stars = 0;
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '*' => stars += 1,
            '\\' => match characters.next() {
                Some('*' | '?' | '\\') => {}
                Some(_) => return Err("must not contain a \\ except before *, ? and \\"),
                None => return Err("must not end in a \\ that escapes nothing"),
            },
            _ => {}
        }
    }
    if stars > 5 {
        return Err("must not contain more than five *");
    }
    Ok(())
}

fn check_id(id: &str) -> std::result::Result<(), &'static str> {
    if id.is_empty() {
        return Err("must not be empty");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_names_follow_the_pattern_of_the_description() {
        for good in ["c", "chat", "a_b`c,d.e[f]", &"x".repeat(128)] {
            assert!(HubName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "_a", "a-b", "a/b", "ä", &"x".repeat(129)] {
            let error = HubName::new(bad).unwrap_err();
            assert!(error.to_string().starts_with("hub: "), "{error}");
        }
    }

    #[test]
    fn group_names_are_not_blank_and_not_too_long() {
        for good in ["g", " g ", "a/b%ü", &"ü".repeat(1024), &"😀".repeat(512)] {
            assert!(GroupName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "   ",
            "\t",
            "a\nb",
            &"x".repeat(1025),
            &"😀".repeat(513),
        ] {
            assert!(GroupName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn group_patterns_have_five_asterisks_at_most() {
        for good in [
            "*",
            "**",
            "a.?.*",
            "*.*.*.**",
            r"a\*",
            r"a\\",
            r"a\?",
            r"\*\******\*",
        ] {
            assert!(GroupPattern::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "******",
            "*a*a*a*a*a*",
            r"a\",
            r"a\\\",
            r"a\b",
            r"\.",
            r"\ü",
        ] {
            let error = GroupPattern::new(bad).unwrap_err();
            assert!(error.to_string().starts_with("pattern: "), "{error}");
        }
    }

    #[test]
    fn event_names_begin_with_a_letter() {
        for good in ["e", "order.new-1_x"] {
            assert!(EventName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "9x", "a b", "a/b"] {
            assert!(EventName::new(bad).is_err(), "{bad:?}");
        }
    }
}
