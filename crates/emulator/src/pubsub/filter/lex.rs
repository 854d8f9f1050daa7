//! The lexer of filters. Pure.

use std::ops::Range;

use super::FilterError;

/// A token and its byte range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Open,
    Close,
    Comma,
    /// A keyword, an operator, an identifier or the name of a function.
    Word,
    Text(String),
    Int(i32),
    End,
}

/// Reads the next token at or after `start`.
pub(super) fn next(text: &str, start: usize) -> Result<Token, FilterError> {
    let rest = &text[start..];
    let blank = rest.len() - rest.trim_start().len();
    let start = start + blank;
    let rest = &text[start..];
    let mut characters = rest.char_indices();
    let Some((_, first)) = characters.next() else {
        return Ok(Token {
            kind: Kind::End,
            span: start..start,
        });
    };
    let (kind, length) = match first {
        '(' => (Kind::Open, 1),
        ')' => (Kind::Close, 1),
        ',' => (Kind::Comma, 1),
        '\'' => quoted(rest).ok_or_else(|| FilterError::syntax(text, text.len()))?,
        '-' | '0'..='9' => {
            let length = 1 + rest[1..]
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
                .unwrap_or(rest.len() - 1);
            let number = rest[..length].parse();
            let number = number.map_err(|_| FilterError::syntax(text, start + length))?;
            (Kind::Int(number), length)
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (Kind::Word, length)
        }
        other => return Err(FilterError::syntax(text, start + other.len_utf8())),
    };
    Ok(Token {
        kind,
        span: start..start + length,
    })
}

/// Reads a quoted string; two quotes inside are one.
fn quoted(rest: &str) -> Option<(Kind, usize)> {
    let mut content = String::new();
    let mut position = 1;
    loop {
        let end = position + rest[position..].find('\'')?;
        content.push_str(&rest[position..end]);
        if !rest[end + 1..].starts_with('\'') {
            return Some((Kind::Text(content), end + 1));
        }
        content.push('\'');
        position = end + 2;
    }
}
