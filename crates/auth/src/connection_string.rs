//! The grammar that the connection strings of both services share; pure.
//!
//! `Key=value` pairs between semicolons. What the keys mean is the business of
//! the typed views in the crates of the services.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// The pairs of a connection string, in their order.
///
/// Key names are compared without case and a pair is cut at its first `=`, so
/// that values may end in the `=` of base64. Blanks round names and values, and
/// empty parts, are dropped. `Debug` shows the names and no value.
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
    /// Reads the pairs of `text`.
    ///
    /// # Errors
    ///
    /// [`ConnectionStringError`] if there is no pair at all, a part has no `=`
    /// or no name, or a name comes twice.
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

    /// The value of `key`, compared without case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    }

    /// The value of `key`, which must be there and not be empty.
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

    /// Checks that every key is one of `known`, compared without case.
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

    /// The pairs in their order, the names as they were spelt. Values may be secret.
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

/// Why a text is not a connection string that its reader can use.
///
/// No variant holds a value. A name is shown only if it looks like one, because
/// a mistyped separator can turn a piece of a key into a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// The same key comes twice.
    #[error("the key `{key}` of the connection string comes twice")]
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
    /// The value of a key breaks a rule; for the typed views.
    #[error("the value of `{key}` in the connection string is not valid: {reason}")]
    InvalidValue {
        /// The name of the key.
        key: String,
        /// The rule that is broken, without the value.
        reason: String,
    },
    /// A key that the reader needs is absent or empty.
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
    /// A key that the reader does not know.
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

/// The name, or where it stands if it does not look like one.
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
