//! Filter literals. Pure.

use std::fmt;

/// A literal for [`Filter::format`](super::Filter::format), converted with `into` from a string,
/// a number, a `bool`, or an `Option` of one of them, whose `None` is `null`.
#[derive(Clone, Eq, PartialEq)]
pub struct FilterValue(Literal);

#[derive(Clone, Eq, PartialEq)]
enum Literal {
    Bool(bool),
    Null,
    Number(i32),
    Text(String),
}

impl FilterValue {
    pub(super) fn write(&self, out: &mut String) {
        match &self.0 {
            Literal::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Literal::Null => out.push_str("null"),
            Literal::Number(value) => out.push_str(&value.to_string()),
            Literal::Text(text) => out.push_str(&quote(text)),
        }
    }
}

impl From<&str> for FilterValue {
    fn from(text: &str) -> Self {
        Self(Literal::Text(text.to_owned()))
    }
}

impl From<String> for FilterValue {
    fn from(text: String) -> Self {
        Self(Literal::Text(text))
    }
}

impl From<i32> for FilterValue {
    fn from(number: i32) -> Self {
        Self(Literal::Number(number))
    }
}

impl From<bool> for FilterValue {
    fn from(value: bool) -> Self {
        Self(Literal::Bool(value))
    }
}

impl<T: Into<Self>> From<Option<T>> for FilterValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Literal::Null), Into::into)
    }
}

impl fmt::Debug for FilterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterValue").finish_non_exhaustive()
    }
}

/// Formats a string literal, with quotes doubled (OData 4.01, ABNF `string`).
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
