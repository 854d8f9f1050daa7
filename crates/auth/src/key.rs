//! Signing keys: access keys for Web PubSub, shared access keys with a rule name for Relay.
//!
//! Both services show their keys in base64 and use that text verbatim:
//! the HMAC key is its UTF-8 bytes, never the decoded ones.

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// An access key of a Web PubSub resource.
///
/// ```
/// use azwire_auth::AccessKey;
///
/// let key = AccessKey::parse("bm90LWEtcmVhbC1rZXk=")?;
/// assert!(!format!("{key:?}").contains("bm90"));
/// assert!(AccessKey::parse("").is_err());
/// # Ok::<(), azwire_auth::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessKey(Secret);

impl AccessKey {
    /// Creates a key from its text, without checking it.
    pub fn new(text: impl Into<Secret>) -> Self {
        Self(text.into())
    }

    /// Parses the key text of a setting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`] if the text is empty.
    pub fn parse(text: impl Into<Secret>) -> Result<Self> {
        let text = text.into();
        if text.is_empty() {
            return Err(Error::message(
                ErrorKind::InvalidKey,
                "the access key is empty",
            ));
        }
        Ok(Self(text))
    }

    /// Returns the key text.
    pub fn key(&self) -> &Secret {
        &self.0
    }
}

/// A shared access key of a Relay namespace or hybrid connection: a rule name and its key.
///
/// ```
/// use azwire_auth::SharedAccessKey;
///
/// let key = SharedAccessKey::parse("listen", "bm90LWEtcmVhbC1rZXk=")?;
/// assert_eq!(key.name(), "listen");
/// assert!(SharedAccessKey::parse("", "bm90LWEtcmVhbC1rZXk=").is_err());
/// # Ok::<(), azwire_auth::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SharedAccessKey {
    name: String,
    key: Secret,
}

impl SharedAccessKey {
    /// Creates a key from the rule name and the key text, without checking them.
    pub fn new(name: impl Into<String>, key: impl Into<Secret>) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
        }
    }

    /// Parses the rule name and the key text of a setting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`] if either is empty or longer than
    /// [`MAX_LEN`](Self::MAX_LEN) characters.
    pub fn parse(name: impl Into<String>, key: impl Into<Secret>) -> Result<Self> {
        let parsed = Self::new(name, key);
        for (part, text) in [
            ("shared access key name", parsed.name.as_str()),
            ("shared access key", parsed.key.expose()),
        ] {
            if text.is_empty() {
                return Err(Error::message(
                    ErrorKind::InvalidKey,
                    format!("the {part} is empty"),
                ));
            }
            if text.chars().count() > Self::MAX_LEN {
                return Err(Error::message(
                    ErrorKind::InvalidKey,
                    format!("the {part} is longer than {} characters", Self::MAX_LEN),
                ));
            }
        }
        Ok(parsed)
    }

    /// Returns the name of the rule, such as `RootManageSharedAccessKey`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key text.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// The longest name and the longest key, in characters (the official .NET client's limit).
    pub const MAX_LEN: usize = 256;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_empty_and_long_settings() {
        assert_eq!(
            AccessKey::parse("").unwrap_err().kind(),
            ErrorKind::InvalidKey
        );
        assert_eq!(AccessKey::parse("k").unwrap(), AccessKey::new("k"));

        let long = "k".repeat(SharedAccessKey::MAX_LEN + 1);
        for (name, key, text) in [
            ("", "k", "the shared access key name is empty"),
            ("n", "", "the shared access key is empty"),
            (
                &long,
                "k",
                "the shared access key name is longer than 256 characters",
            ),
            (
                "n",
                &long,
                "the shared access key is longer than 256 characters",
            ),
        ] {
            let error = SharedAccessKey::parse(name, key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidKey);
            assert_eq!(error.to_string(), text);
        }
        let longest = "ä".repeat(SharedAccessKey::MAX_LEN);
        assert!(SharedAccessKey::parse(&longest, longest.as_str()).is_ok());
    }
}
