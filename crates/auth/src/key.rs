//! The keys that sign: one for Web PubSub, one with a rule's name for Relay.
//!
//! Both services print their keys in base64 and use them as they are printed:
//! the HMAC key is the UTF-8 text, never its decoded bytes.

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
    /// Takes the key text as it is, without a check.
    pub fn new(text: impl Into<Secret>) -> Self {
        Self(text.into())
    }

    /// Takes the key text of a setting.
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

    /// The key text.
    pub fn key(&self) -> &Secret {
        &self.0
    }
}

/// A key of a shared access rule of a Relay namespace or hybrid connection.
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
    /// Takes the rule's name and the key text as they are, without a check.
    pub fn new(name: impl Into<String>, key: impl Into<Secret>) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
        }
    }

    /// Takes the rule's name and the key text of a setting.
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

    /// The name of the rule, such as `RootManageSharedAccessKey`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key text.
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
