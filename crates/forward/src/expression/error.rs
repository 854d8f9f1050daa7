//! What is wrong with an expression, and where.

use std::fmt;

/// A text that is no expression: the place, and what was expected there. `Display` is one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpressionError {
    column: usize,
    expected: Box<str>,
    found: Box<str>,
}

impl ExpressionError {
    pub(super) fn new(column: usize, expected: impl Into<Box<str>>, found: &str) -> Self {
        Self {
            column,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// Returns the place in characters, from 1; one after the last for something that is missing at the end.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns what was expected there, without "expected".
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "column {}: expected {}, found ",
            self.column, self.expected
        )?;
        if self.found.is_empty() {
            return f.write_str("nothing");
        }
        let shown: String = self.found.chars().take(MAX_SHOWN).collect();
        let more = if shown.len() < self.found.len() {
            "…"
        } else {
            ""
        };
        write!(f, "`{}{more}`", shown.escape_debug())
    }
}

impl std::error::Error for ExpressionError {}

/// How many characters of a wrong expression an error shows.
const MAX_SHOWN: usize = 40;
