//! The connection string grammar that both services share; pure.
//!
//! `Key=value` pairs separated by semicolons. The typed views in the service crates
//! interpret the keys.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// The key-value pairs of a connection string, in order.
///
/// Key names are compared ignoring case. A pair is split at its first `=`, so
/// that values may end in the `=` of base64. Whitespace around names and values is trimmed,
/// and empty parts are skipped. `Debug` shows the names but no values.
///
/// ```
/// use azwire_auth::ConnectionString;
///
/// let text = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKey=abc==;";
/// let parsed = ConnectionString::parse(text)?;
/// assert_eq!(parsed.get("sharedaccesskey"), Some("abc=="));
/// assert_eq!(parsed.get("EntityPath"), None);
/// # Ok::<(), azwire_auth::ConnectionStringError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ConnectionString {
    pairs: Vec<(String, Secret)>,
}

impl ConnectionString {
    /// Parses the pairs of `text`.
    ///
    /// # Errors
    ///
    /// [`ConnectionStringError`] if there is no pair at all, a part has no `=`
    /// or no name, or a name is repeated.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        let mut pairs: Vec<(String, Secret)> = Vec::new();
        let parts = text.split(';').map(str::trim).enumerate();
        for (index, part) in parts.filter(|(_, part)| !part.is_empty()) {
            let position = index + 1;
            let (key, value) = part
                .split_once('=')
                .ok_or(ConnectionStringError::MissingSeparator { position })?;
            let key = key.trim_end();
            if key.is_empty() {
                return Err(ConnectionStringError::EmptyKey { position });
            }
            if pairs
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(key))
            {
                let key = printable(key, position);
                return Err(ConnectionStringError::DuplicateKey { key });
            }
            pairs.push((key.to_owned(), Secret::new(value.trim_start())));
        }
        if pairs.is_empty() {
            return Err(ConnectionStringError::Empty);
        }
        Ok(Self { pairs })
    }

    /// Returns the value of `key`, compared ignoring case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    }

    /// Returns the value of `key`, which must be present and not empty.
    ///
    /// # Errors
    ///
    /// [`ConnectionStringError::MissingKey`], naming the key.
    pub fn require(&self, key: &str) -> Result<&str, ConnectionStringError> {
        self.get(key)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ConnectionStringError::MissingKey {
                key: key.to_owned(),
            })
    }

    /// Checks that every key is one of `known`, compared ignoring case.
    ///
    /// # Errors
    ///
    /// [`ConnectionStringError::UnknownKey`], naming the first that is not.
    pub fn deny_unknown(&self, known: &[&str]) -> Result<(), ConnectionStringError> {
        let unknown = self
            .iter()
            .enumerate()
            .find(|(_, (key, _))| !known.iter().any(|known| known.eq_ignore_ascii_case(key)));
        match unknown {
            None => Ok(()),
            Some((index, (key, _))) => Err(ConnectionStringError::UnknownKey {
                key: printable(key, index + 1),
            }),
        }
    }

    /// Returns the pairs in order, with the names as spelled. Values may be secret.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.expose()))
    }
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .iter()
            .enumerate()
            .map(|(index, (key, _))| (printable(key, index + 1), ".."));
        f.debug_map().entries(names).finish()
    }
}

/// The reason why a text is not a usable connection string.
///
/// No variant contains a value. A name is shown only if it looks like one, because
/// a mistyped separator can turn part of a key into a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// A key is repeated.
    #[error("the key `{key}` appears twice in the connection string")]
    DuplicateKey {
        /// The name of the key.
        key: String,
    },
    /// There is no pair at all.
    #[error("the connection string is empty")]
    Empty,
    /// A part begins with `=`.
    #[error("part {position} of the connection string has no key before its `=`")]
    EmptyKey {
        /// Which part, counted from 1.
        position: usize,
    },
    /// The value of a key breaks a rule; reported by the typed views.
    #[error("the value of `{key}` in the connection string is invalid: {reason}")]
    InvalidValue {
        /// The name of the key.
        key: String,
        /// The rule that is broken, without the value.
        reason: String,
    },
    /// A required key is missing or empty.
    #[error("the connection string has no `{key}`")]
    MissingKey {
        /// The name of the key.
        key: String,
    },
    /// A part has no `=`.
    #[error("part {position} of the connection string has no `=`")]
    MissingSeparator {
        /// Which part, counted from 1.
        position: usize,
    },
    /// A key is unknown.
    #[error("the key `{key}` of the connection string is unknown")]
    UnknownKey {
        /// The name of the key.
        key: String,
    },
}

impl From<ConnectionStringError> for Error {
    fn from(error: ConnectionStringError) -> Self {
        Self::message(ErrorKind::InvalidConnectionString, error.to_string())
    }
}

/// Returns the name, or its position if it does not look like a name.
fn printable(key: &str, position: usize) -> String {
    let is_name =
        key.len() <= MAX_SHOWN_LEN && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_name {
        key.to_owned()
    } else {
        format!("#{position}")
    }
}

/// Longer than every key name of both services (`SharedAccessSignature` has 21
/// characters), shorter than their keys (44).
const MAX_SHOWN_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_the_places_of_odd_ones() {
        let parsed = ConnectionString::parse("A=1;no name=2;B=3").unwrap();
        assert_eq!(
            format!("{parsed:?}"),
            r##"{"A": "..", "#2": "..", "B": ".."}"##
        );
    }

    #[test]
    fn keeps_order_and_spelling() {
        let parsed: ConnectionString = " b = 1 ;; A=2;\n".parse().unwrap();
        let pairs: Vec<_> = parsed.iter().collect();
        assert_eq!(pairs, [("b", "1"), ("A", "2")]);
        assert_eq!(format!("{parsed:?}"), r#"{"b": "..", "A": ".."}"#);
    }

    #[test]
    fn names_the_part_that_is_wrong() {
        type E = ConnectionStringError;
        let key = |key: &str| key.to_owned();
        assert_eq!(ConnectionString::parse(" ; ;"), Err(E::Empty));
        assert_eq!(
            ConnectionString::parse("a=1;;b"),
            Err(E::MissingSeparator { position: 3 })
        );
        assert_eq!(
            ConnectionString::parse("a=1; =2"),
            Err(E::EmptyKey { position: 2 })
        );
        assert_eq!(
            ConnectionString::parse("a=1;A=1"),
            Err(E::DuplicateKey { key: key("A") })
        );

        let parsed = ConnectionString::parse("Foo=1;Bar=;Baz=3").unwrap();
        assert_eq!(parsed.deny_unknown(&["foo", "BAZ", "bar"]), Ok(()));
        assert_eq!(
            parsed.deny_unknown(&["foo", "baz"]),
            Err(E::UnknownKey { key: key("Bar") })
        );
        assert_eq!(parsed.require("foo"), Ok("1"));
        assert_eq!(
            parsed.require("Bar"),
            Err(E::MissingKey { key: key("Bar") })
        );
        assert_eq!(
            parsed.require("Qux"),
            Err(E::MissingKey { key: key("Qux") })
        );
    }

    #[test]
    fn does_not_show_a_piece_of_a_key_as_a_name() {
        let parsed =
            ConnectionString::parse("AccessKey=a;c2VjcmV0LWtleS1vZi10aGUtcmVzb3VyY2UtMDAwMQ==")
                .unwrap();
        let error = parsed.deny_unknown(&["AccessKey"]).unwrap_err();
        assert_eq!(
            error,
            ConnectionStringError::UnknownKey {
                key: "#2".to_owned()
            }
        );
        assert!(!format!("{parsed:?}").contains("c2VjcmV0"));
    }
}
