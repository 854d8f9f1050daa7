//! Secret text, which must not be printed, compared in variable time, or left in memory.

use std::fmt;
use std::hint::black_box;

use zeroize::Zeroizing;

/// A secret text: a key, a token, a signature.
///
/// It is never printed: `Debug` is redacted and there is no `Display`. Two secrets
/// of equal length are compared in constant time. The memory is zeroed on drop; copies
/// that were made before the text was wrapped, and copies of
/// [`expose`](Self::expose), are not.
///
/// ```
/// use azwire_auth::Secret;
///
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text, for sending or signing; never print it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Eq for Secret {}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (self.0.as_bytes(), other.0.as_bytes());
        // The length is no secret: all keys of a kind share it, and so do all tokens.
        if left.len() != right.len() {
            return false;
        }
        let difference = left
            .iter()
            .zip(right)
            .fold(0, |sum, (left, right)| black_box(sum | (left ^ right)));
        difference == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_content_and_length() {
        assert_eq!(Secret::new("abc"), Secret::new("abc"));
        assert_ne!(Secret::new("abc"), Secret::new("abd"));
        assert_ne!(Secret::new("abc"), Secret::new("abcd"));
        assert_eq!(Secret::new(""), Secret::new(""));
        // Differences add up, and never cancel each other out.
        assert_ne!(Secret::new("ab"), Secret::new("ba"));
    }
}
