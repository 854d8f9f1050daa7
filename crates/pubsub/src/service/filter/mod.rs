//! OData filters over connections, escaped by construction. Pure.

mod operand;
mod value;

pub use operand::{FilterNumber, FilterText};
pub use value::FilterValue;

use std::fmt;

use self::value::quote;
use crate::{Error, Result};

/// A filter over connections: an OData expression over their
/// user id, connection id and groups.
///
/// Values are quoted, so none can break out of its quotes and become part of the expression:
///
/// ```
/// use azwire_pubsub::Filter;
///
/// let filter = Filter::user_id().eq("o'neill").and(Filter::in_group("vip").not());
/// assert_eq!(filter.as_str(), "userId eq 'o''neill' and not ('vip' in groups)");
///
/// let filter = Filter::format("userId ne {} and length(groups) gt {}", ["ann".into(), 2.into()])?;
/// assert_eq!(filter.as_str(), "userId ne 'ann' and length(groups) gt 2");
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
///
/// At most [`MAX_LEN`](Self::MAX_LEN) bytes; operations reject a longer one.
/// `Debug` does not show the expression.
#[derive(Clone, Eq, Hash, PartialEq)]
#[doc(alias = "odata")]
#[doc(alias = "ClientConnectionFilter")]
pub struct Filter {
    text: String,
    form: Form,
}

/// The outermost operator of an expression, loosest binding first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Form {
    /// Written by hand: any operator may be outermost.
    Unknown,
    Or,
    And,
    /// A comparison or a function: it needs no parentheses within `and` and `or`.
    Single,
}

impl Filter {
    /// 8 KiB. The service documents no limit; ours is that of a request line in its
    /// web server, since a send carries its filter there.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Returns the user id of a connection; null for an anonymous one.
    pub fn user_id() -> FilterText {
        FilterText("userId".to_owned())
    }

    /// Returns the id of a connection.
    pub fn connection_id() -> FilterText {
        FilterText("connectionId".to_owned())
    }

    /// Matches connections in a group; case-sensitive.
    pub fn in_group(group: impl AsRef<str>) -> Self {
        Self::single(format!("{} in groups", quote(group.as_ref())))
    }

    /// Returns the number of groups that a connection is in.
    pub fn group_count() -> FilterNumber {
        FilterNumber("length(groups)".to_owned())
    }

    /// Replaces each `{}` of `template` with one of `values` as a literal: strings
    /// in quotes; numbers, `true`, `false` and `null` verbatim. `{{` and `}}`
    /// stand for braces.
    ///
    /// The template is part of the program, which is why it must be `'static`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there are more or
    /// fewer values than `{}`, for a `{}` within quotes, and for quotes or
    /// braces that do not match.
    pub fn format(
        template: &'static str,
        values: impl IntoIterator<Item = FilterValue>,
    ) -> Result<Self> {
        let wrong = |rule| Error::invalid("template", rule);
        let mut values = values.into_iter();
        let mut text = String::with_capacity(template.len());
        let mut in_quotes = false;
        let mut characters = template.chars().peekable();
        while let Some(c) = characters.next() {
            match (c, characters.peek()) {
                ('{', Some('{')) | ('}', Some('}')) => {
                    characters.next();
                    text.push(c);
                }
                ('{', Some('}')) if in_quotes => {
                    return Err(wrong(
                        "must not have {} within quotes, since the value brings its own",
                    ));
                }
                ('{', Some('}')) => {
                    characters.next();
                    let value = values
                        .next()
                        .ok_or_else(|| wrong("must not have more {} than values"))?;
                    value.write(&mut text);
                }
                ('{' | '}', _) => return Err(wrong("must double each literal brace")),
                _ => {
                    in_quotes ^= c == '\'';
                    text.push(c);
                }
            }
        }
        if in_quotes {
            return Err(wrong("must close its quotes"));
        }
        if values.next().is_some() {
            return Err(wrong("must have as many {} as there are values"));
        }
        Ok(Self::verbatim(text))
    }

    /// Creates a filter from an expression, for example from a configuration file.
    ///
    /// The text is sent verbatim: never build it from user input;
    /// use [`format`](Self::format) for that.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            form: Form::Unknown,
        }
    }

    /// Matches connections that match both filters.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(Form::And, " and ", other)
    }

    /// Matches connections that match at least one of the filters.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(Form::Or, " or ", other)
    }

    /// Matches connections that do not match this filter.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "it belongs with `and` and `or`"
    )]
    pub fn not(self) -> Self {
        // `not` binds more tightly than any comparison, so what follows is always in parentheses.
        Self::single(format!("not ({})", self.text))
    }

    /// Returns the expression.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the filter, unless it is too long to be sent.
    pub(super) fn check(&self) -> Result<&Self> {
        if self.text.len() > Self::MAX_LEN {
            return Err(Error::invalid("filter", "must not be over 8 KiB"));
        }
        Ok(self)
    }

    fn single(text: String) -> Self {
        Self {
            text,
            form: Form::Single,
        }
    }

    fn join(self, form: Form, operator: &str, other: Self) -> Self {
        let mut text = self.within(form);
        text.push_str(operator);
        text.push_str(&other.within(form));
        Self { text, form }
    }

    /// Returns the expression as an operand. A chain of one operator stays flat, since the
    /// service limits the nesting depth.
    fn within(self, form: Form) -> String {
        if self.form >= form {
            self.text
        } else {
            format!("({})", self.text)
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} bytes)", self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_writes_what_the_service_reads() {
        for (filter, text) in [
            (Filter::user_id().eq("user1"), "userId eq 'user1'"),
            (Filter::user_id().is_null(), "userId eq null"),
            (Filter::connection_id().ne("123"), "connectionId ne '123'"),
            (Filter::in_group("group1"), "'group1' in groups"),
            (
                Filter::user_id().one_of(["user1", "user2"]),
                "userId in ('user1', 'user2')",
            ),
            (Filter::user_id().one_of([""; 0]), "false"),
            (
                Filter::user_id().length().gt(5).not(),
                "not (length(userId) gt 5)",
            ),
            (
                Filter::user_id().to_lower().trim().eq("user1"),
                "trim(tolower(userId)) eq 'user1'",
            ),
            (
                Filter::user_id().substring(5).eq("ab-de"),
                "substring(userId,5) eq 'ab-de'",
            ),
            (
                Filter::user_id().index_of("-ab-").ge(0),
                "indexof(userId,'-ab-') ge 0",
            ),
            (Filter::group_count().eq(0), "length(groups) eq 0"),
        ] {
            assert_eq!(filter.as_str(), text);
        }
    }

    #[test]
    fn operands_keep_their_meaning_and_chains_stay_flat() {
        let f = |name: &str| Filter::in_group(name);
        let a = "'a' in groups";
        let b = "'b' in groups";
        let c = "'c' in groups";
        for (filter, text) in [
            (
                f("a").or(f("b")).and(f("c")),
                format!("({a} or {b}) and {c}"),
            ),
            (f("a").and(f("b")).or(f("c")), format!("{a} and {b} or {c}")),
            (
                f("a").and(f("b").or(f("c"))),
                format!("{a} and ({b} or {c})"),
            ),
            (f("a").or(f("b")).or(f("c")), format!("{a} or {b} or {c}")),
            (f("a").and(f("b")).not(), format!("not ({a} and {b})")),
            (
                f("a").and(Filter::verbatim("true or false")),
                format!("{a} and (true or false)"),
            ),
            (
                Filter::verbatim("true or false").or(f("a")),
                format!("(true or false) or {a}"),
            ),
        ] {
            assert_eq!(filter.as_str(), text);
        }
        let many = (0..100).map(|n| Filter::user_id().eq(n.to_string()));
        let any = many.reduce(Filter::or).unwrap();
        assert!(!any.as_str().contains('('));
    }

    /// For any value, the expression contains exactly one literal, which is the value.
    #[test]
    fn no_value_escapes_its_quotes() {
        for value in [
            "",
            "'",
            "''",
            "' or true or '",
            "x' or userId ne 'y",
            "{}",
            "{0}",
            "\\'",
            "a\nb",
            "ü'🦀",
            "%27 or true",
        ] {
            for filter in [
                Filter::user_id().eq(value),
                Filter::format("userId eq {}", [value.into()]).unwrap(),
                Filter::format("userId eq {}", [Some(value).into()]).unwrap(),
            ] {
                let literal = filter.as_str().strip_prefix("userId eq '").unwrap();
                let literal = literal.strip_suffix('\'').unwrap();
                assert_eq!(literal.replace("''", "'"), value);
                assert!(!literal.replace("''", "").contains('\''), "{value}");
            }
            let filter = Filter::user_id().contains(value);
            assert_eq!(filter.as_str().matches('\'').count() % 2, 0);
        }
    }

    #[test]
    fn a_template_takes_each_kind_of_value() {
        let filter = Filter::format(
            "{} in groups and userId ne {} and (length(userId) gt {} or {}) and userId ne '{{it''s}}'",
            ["g".into(), None::<&str>.into(), (-1).into(), true.into()],
        )
        .unwrap();
        assert_eq!(
            filter.as_str(),
            "'g' in groups and userId ne null and (length(userId) gt -1 or true) and userId ne '{it''s}'"
        );
        assert_eq!(Filter::format("true", []).unwrap().as_str(), "true");
    }

    #[test]
    fn a_template_that_does_not_fit_is_refused() {
        for (template, values) in [
            ("userId eq {}", vec![]),
            ("userId eq null", vec!["a"]),
            ("userId eq {} or {}", vec!["a"]),
            ("userId eq '{}'", vec!["a"]),
            ("userId eq 'it''s {}'", vec!["a"]),
            ("userId eq 'a", vec![]),
            ("userId eq {0}", vec!["a"]),
            ("userId eq {", vec![]),
            ("userId eq }", vec![]),
        ] {
            let values = values.into_iter().map(FilterValue::from);
            let error = Filter::format(template, values).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{template}");
            assert!(error.to_string().starts_with("template: "), "{error}");
        }
    }

    #[test]
    fn a_filter_over_the_limit_is_refused() {
        assert!(
            Filter::verbatim("x".repeat(Filter::MAX_LEN))
                .check()
                .is_ok()
        );
        let error = Filter::verbatim("x".repeat(Filter::MAX_LEN + 1))
            .check()
            .unwrap_err();
        assert_eq!(error.to_string(), "filter: must not be over 8 KiB");
    }

    #[test]
    fn nothing_of_a_filter_is_printed() {
        let debug = format!(
            "{:?} {:?} {:?} {:?}",
            Filter::user_id().eq("s3cret"),
            Filter::user_id().index_of("s3cret"),
            FilterText("s3cret".to_owned()),
            FilterValue::from("s3cret")
        );
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
