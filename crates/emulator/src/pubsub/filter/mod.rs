//! OData filters for connections: parsed once, checked once, then evaluated for
//! each connection. Pure.
//!
//! Source: Web PubSub's OData filter reference; where it is silent, the
//! behaviour of Microsoft's emulator.

mod eval;
mod lex;
mod parse;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use self::eval::Value;
use self::parse::Expr;

/// A filter that selects connections.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    text: String,
    root: Expr,
}

impl Filter {
    /// Parses a filter and evaluates it for an empty connection, so that type
    /// errors are found without any connection.
    ///
    /// # Errors
    ///
    /// Says what is wrong, with the service's text.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        let filter = Self {
            text: text.to_owned(),
            root: parse::parse(text)?,
        };
        filter.matches(&Subject::default())?;
        Ok(filter)
    }

    /// Returns whether the filter selects a connection.
    ///
    /// # Errors
    ///
    /// A type error for this connection that an empty one did not cause.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> Result<bool, FilterError> {
        match eval::eval(&self.root, subject, &self.text)? {
            Value::Bool(selected) => Ok(selected),
            other => Err(FilterError::of_type(
                self.root.text(&self.text),
                &other,
                "bool",
            )),
        }
    }
}

/// The fields of a connection that a filter can test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The user; `None` for an anonymous client.
    pub(crate) user_id: Option<&'a str>,
    /// The connection id.
    pub(crate) connection_id: &'a str,
    /// The negotiated subprotocol.
    pub(crate) protocol: Option<&'a str>,
    /// The groups of the connection.
    pub(crate) groups: &'a BTreeSet<Arc<str>>,
}

impl Default for Subject<'_> {
    fn default() -> Self {
        Self {
            user_id: None,
            connection_id: "",
            protocol: None,
            groups: const { &BTreeSet::new() },
        }
    }
}

/// Why a filter is invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Invalid syntax for '{expression}': {problem} (Parameter 'filter')")]
pub(crate) struct FilterError {
    /// The filter, or its invalid part.
    expression: String,
    problem: String,
}

impl FilterError {
    /// Creates a syntax error. `position` is in bytes; the service counts UTF-16 units.
    fn syntax(text: &str, position: usize) -> Self {
        let position = text[..position].encode_utf16().count();
        Self {
            expression: text.to_owned(),
            problem: format!("Syntax error at position {position} in '{text}'."),
        }
    }

    fn unsupported(text: &str, token: &str) -> Self {
        Self {
            expression: text.to_owned(),
            problem: format!("Token '{token}' is not supported."),
        }
    }

    fn too_deep(text: &str) -> Self {
        Self {
            expression: text.to_owned(),
            problem: format!("The filter is nested deeper than {MAX_DEPTH} levels."),
        }
    }

    fn of_type(expression: &str, found: &Value<'_>, expected: &str) -> Self {
        Self {
            expression: expression.to_owned(),
            problem: format!("Type '{}', expect '{expected}'.", found.type_name()),
        }
    }

    fn arguments(expression: &str, name: &str) -> Self {
        Self {
            expression: expression.to_owned(),
            problem: format!("The number of arguments of '{name}' is not right."),
        }
    }
}

/// The functions that a filter may call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Function {
    Concat,
    Contains,
    EndsWith,
    IndexOf,
    Length,
    StartsWith,
    Substring,
    ToLower,
    ToUpper,
    Trim,
}

impl Function {
    const ALL: [Self; 10] = [
        Self::Concat,
        Self::Contains,
        Self::EndsWith,
        Self::IndexOf,
        Self::Length,
        Self::StartsWith,
        Self::Substring,
        Self::ToLower,
        Self::ToUpper,
        Self::Trim,
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.to_string() == name)
    }

    /// Returns the least and the most arguments.
    fn arity(self) -> (usize, usize) {
        match self {
            Self::Length | Self::ToLower | Self::ToUpper | Self::Trim => (1, 1),
            Self::Substring => (2, 3),
            _ => (2, 2),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Concat => "concat",
            Self::Contains => "contains",
            Self::EndsWith => "endswith",
            Self::IndexOf => "indexof",
            Self::Length => "length",
            Self::StartsWith => "startswith",
            Self::Substring => "substring",
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::Trim => "trim",
        })
    }
}

/// How deep parentheses, calls and `not` may nest; the limit of Microsoft's emulator.
const MAX_DEPTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Filter::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_are_in_the_words_of_the_service() {
        // Recorded at the service.
        assert_eq!(
            error("invalid filter"),
            "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')"
        );
        // The article's example of how `not` binds.
        assert_eq!(
            error("not length(userId) gt 5"),
            "Invalid syntax for 'not length(userId)': Type 'null', expect 'bool'. (Parameter 'filter')"
        );
        assert_eq!(
            error("userId gt 'a'"),
            "Invalid syntax for 'userId gt 'a'': Type 'string', expect 'int'. (Parameter 'filter')"
        );
        assert_eq!(
            error("foo eq 'x'"),
            "Invalid syntax for 'foo eq 'x'': Token 'foo' is not supported. (Parameter 'filter')"
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Filter::parse(&nested(99)).is_ok());
        assert!(error(&nested(101)).contains("nested deeper than 100"));
        assert!(error(&"not ".repeat(100_000)).contains("nested deeper than 100"));
        assert!(error(&"tolower(".repeat(100_000)).contains("nested deeper than 100"));
    }

    #[test]
    fn long_chains_do_not_nest() {
        let chain = vec!["userId eq 'x'"; 5000].join(" or ");
        assert!(Filter::parse(&chain).is_ok());
    }

    #[test]
    fn numbers_are_of_32_bits() {
        assert!(Filter::parse("2147483647 gt -2147483648").is_ok());
        for bad in [
            "2147483648 gt 1",
            "-2147483649 lt 1",
            "1.5 lt 2",
            "1e3 lt 2",
            "+1 lt 2",
            "- 1 lt 2",
        ] {
            error(bad);
        }
    }

    #[test]
    fn case_changes_letter_by_letter() {
        for text in [
            "tolower('ABC Ü') eq 'abc ü'",
            "toupper('abc ü') eq 'ABC Ü'",
            // Converted as whole strings they would become `ας` and `STRASSE`.
            "tolower('ΑΣ') eq 'ασ'",
            "toupper('straße') eq 'STRAßE'",
        ] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(filter.matches(&Subject::default()), Ok(true), "{text}");
        }
    }

    #[test]
    fn positions_are_counted_in_utf_16() {
        let groups = BTreeSet::new();
        let subject = Subject {
            user_id: Some("a\u{1f980}b"),
            groups: &groups,
            ..Subject::default()
        };
        assert!(error("userId eq '\u{1f980}' 'b'").contains("at position 18 in"));
        for text in [
            "length(userId) eq 4",
            "indexof(userId,'b') eq 3",
            "substring(userId,3) eq 'b'",
            "substring(userId,0,1) eq 'a'",
        ] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(filter.matches(&subject), Ok(true), "{text}");
        }
    }
}
