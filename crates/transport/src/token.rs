//! Tokens, as HTTP defines them.

/// Whether `text` is a token (RFC 9110 §5.6.2): at least one character, and only characters that
/// are allowed in unquoted names.
pub fn is_token(text: &str) -> bool {
    let is_token_character =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_neither_spaces_nor_separators() {
        for text in ["json.webpubsub.azure.v1", "a", "!#$%&'*+-.^_`|~0Z"] {
            assert!(is_token(text), "{text:?}");
        }
        for text in ["", "two words", "a,b", "a/b", "\"a\"", "ø", "a\u{7f}"] {
            assert!(!is_token(text), "{text:?}");
        }
    }
}
