//! OData filters over connections, escaped by construction. Pure.

use std::fmt;

use crate::{Error, Result};

/// Which connections an operation is about, as an OData expression over the
/// user id, the connection id and the groups of each.
///
/// Values are quoted here, so none can end its quotes and become part of the expression:
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
/// At most [`MAX_LEN`](Self::MAX_LEN) bytes; operations refuse a longer one.
/// `Debug` does not show the expression.
#[derive(Clone, Eq, Hash, PartialEq)]
#[doc(alias = "odata")]
#[doc(alias = "ClientConnectionFilter")]
pub struct Filter {
    text: String,
    form: Form,
}

/// How tightly an expression holds together, loosest first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Form {
    /// Something written by hand: any operator may be outermost.
    Unknown,
    Or,
    And,
    /// A comparison or a function: it needs no parentheses within `and` and `or`.
    Single,
}

impl Filter {
    /// 8 KiB. The service names no limit; ours is that of a request line in its
    /// web server, which holds the filter of a send.
    pub const MAX_LEN: usize = 8 * 1024;

    /// The user id of a connection; null for an anonymous one.
    pub fn user_id() -> FilterText {
        FilterText("userId".to_owned())
    }

    /// The id of a connection.
    pub fn connection_id() -> FilterText {
        FilterText("connectionId".to_owned())
    }

    /// Connections in a group, compared with case.
    pub fn in_group(group: impl AsRef<str>) -> Self {
        Self::single(format!("{} in groups", quote(group.as_ref())))
    }

    /// How many groups a connection is in.
    pub fn group_count() -> FilterNumber {
        FilterNumber("length(groups)".to_owned())
    }

    /// Puts `values` into the `{}` of `template`, each as a literal: texts
    /// quoted, numbers, `true`, `false` and `null` as they are. `{{` and `}}`
    /// are braces.
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
                        "must not have {} within quotes, which it brings along",
                    ));
                }
                ('{', Some('}')) => {
                    characters.next();
                    let value = values
                        .next()
                        .ok_or_else(|| wrong("must not have more {} than there are values"))?;
                    value.write(&mut text);
                }
                ('{' | '}', _) => return Err(wrong("must write a brace twice")),
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

    /// A filter that was written elsewhere, such as in a configuration file.
    ///
    /// The text is sent as it is: never build it from what users wrote.
    /// [`format`](Self::format) is for that.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            form: Form::Unknown,
        }
    }

    /// Connections that fit both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(Form::And, " and ", other)
    }

    /// Connections that fit one of the two or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(Form::Or, " or ", other)
    }

    /// Connections that do not fit.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "it stands beside `and` and `or`"
    )]
    pub fn not(self) -> Self {
        // `not` binds more tightly than any comparison, so what follows is always in parentheses.
        Self::single(format!("not ({})", self.text))
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The filter, if it is not too long to be sent.
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

    /// The expression as an operand: a chain of one operator stays flat, for the
    /// service bounds how deep an expression may be nested.
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

/// A text in a filter: the user id, the connection id, or what is made of one.
#[derive(Clone)]
#[must_use]
pub struct FilterText(String);

impl FilterText {
    /// Equal to `value`, compared with case.
    pub fn eq(self, value: impl AsRef<str>) -> Filter {
        self.compare("eq", value.as_ref())
    }

    /// Not equal to `value`.
    pub fn ne(self, value: impl AsRef<str>) -> Filter {
        self.compare("ne", value.as_ref())
    }

    /// Equal to one of `values`; without any, nothing fits.
    pub fn one_of<I>(self, values: I) -> Filter
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let values: Vec<String> = values.into_iter().map(|v| quote(v.as_ref())).collect();
        if values.is_empty() {
            return Filter::single("false".to_owned());
        }
        Filter::single(format!("{} in ({})", self.0, values.join(", ")))
    }

    /// Absent, as is the user id of an anonymous connection.
    pub fn is_null(self) -> Filter {
        Filter::single(format!("{} eq null", self.0))
    }

    /// Present.
    pub fn is_not_null(self) -> Filter {
        Filter::single(format!("{} ne null", self.0))
    }

    /// Beginning with `prefix`, compared with case.
    pub fn starts_with(self, prefix: impl AsRef<str>) -> Filter {
        self.test("startswith", prefix.as_ref())
    }

    /// Ending with `suffix`, compared with case.
    pub fn ends_with(self, suffix: impl AsRef<str>) -> Filter {
        self.test("endswith", suffix.as_ref())
    }

    /// Holding `part` anywhere, compared with case.
    pub fn contains(self, part: impl AsRef<str>) -> Filter {
        self.test("contains", part.as_ref())
    }

    /// The text in lower case.
    pub fn to_lower(self) -> Self {
        Self(format!("tolower({})", self.0))
    }

    /// The text in upper case.
    pub fn to_upper(self) -> Self {
        Self(format!("toupper({})", self.0))
    }

    /// The text without blanks around it.
    pub fn trim(self) -> Self {
        Self(format!("trim({})", self.0))
    }

    /// The text from the character at `start`, counted from 0; null past its end.
    pub fn substring(self, start: u16) -> Self {
        Self(format!("substring({},{start})", self.0))
    }

    /// The number of characters; null if the text is.
    pub fn length(self) -> FilterNumber {
        FilterNumber(format!("length({})", self.0))
    }

    /// Where `part` begins, counted from 0; -1 if nowhere.
    pub fn index_of(self, part: impl AsRef<str>) -> FilterNumber {
        FilterNumber(format!("indexof({},{})", self.0, quote(part.as_ref())))
    }

    fn compare(self, operator: &str, value: &str) -> Filter {
        Filter::single(format!("{} {operator} {}", self.0, quote(value)))
    }

    fn test(self, function: &str, value: &str) -> Filter {
        Filter::single(format!("{function}({},{})", self.0, quote(value)))
    }
}

impl fmt::Debug for FilterText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterText").finish_non_exhaustive()
    }
}

/// A number in a filter.
#[derive(Clone)]
#[must_use]
pub struct FilterNumber(String);

impl FilterNumber {
    /// Equal to `value`.
    pub fn eq(self, value: i32) -> Filter {
        self.compare("eq", value)
    }

    /// Not equal to `value`.
    pub fn ne(self, value: i32) -> Filter {
        self.compare("ne", value)
    }

    /// Greater than `value`.
    pub fn gt(self, value: i32) -> Filter {
        self.compare("gt", value)
    }

    /// Greater than `value` or equal to it.
    pub fn ge(self, value: i32) -> Filter {
        self.compare("ge", value)
    }

    /// Less than `value`.
    pub fn lt(self, value: i32) -> Filter {
        self.compare("lt", value)
    }

    /// Less than `value` or equal to it.
    pub fn le(self, value: i32) -> Filter {
        self.compare("le", value)
    }

    fn compare(self, operator: &str, value: i32) -> Filter {
        Filter::single(format!("{} {operator} {value}", self.0))
    }
}

impl fmt::Debug for FilterNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterNumber").finish_non_exhaustive()
    }
}

/// A literal for [`Filter::format`], made by `into` from a text, a number, a
/// `bool`, or an `Option` of one of them, whose `None` is `null`.
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
    fn write(&self, out: &mut String) {
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

/// A text as a literal: within it, a quote is written twice (OData 4.01, ABNF `string`).
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
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

    /// Whatever the value, the expression has one literal there, and it is the value.
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
