//! The text beside the status of a response.

/// The reason phrase of a response, as an extension of [`http::Response`]:
/// set it before a server responds, read it after a client has received the response.
///
/// Azure Relay puts its error text there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReasonPhrase(String);

impl ReasonPhrase {
    /// Creates a reason phrase; bytes that RFC 9112 §4 does not allow (control
    /// characters, anything outside ASCII) become `?`.
    pub fn new(text: &str) -> Self {
        Self(
            text.chars()
                .map(|c| {
                    if c == '\t' || (' '..='~').contains(&c) {
                        c
                    } else {
                        '?'
                    }
                })
                .collect(),
        )
    }

    /// Returns the phrase.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
