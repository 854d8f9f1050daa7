//! Filter operands: strings and numbers of a connection. Pure.

use std::fmt;

use super::Filter;
use super::value::quote;

/// A string operand of a filter: the user id, the connection id, or an expression over one.
#[derive(Clone)]
#[must_use]
pub struct FilterText(pub(super) String);

impl FilterText {
    /// Matches if equal to `value`; case-sensitive.
    pub fn eq(self, value: impl AsRef<str>) -> Filter {
        self.compare("eq", value.as_ref())
    }

    /// Matches if not equal to `value`.
    pub fn ne(self, value: impl AsRef<str>) -> Filter {
        self.compare("ne", value.as_ref())
    }

    /// Matches if equal to one of `values`; an empty list matches nothing.
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

    /// Matches if null, as the user id of an anonymous connection is.
    pub fn is_null(self) -> Filter {
        Filter::single(format!("{} eq null", self.0))
    }

    /// Matches if not null.
    pub fn is_not_null(self) -> Filter {
        Filter::single(format!("{} ne null", self.0))
    }

    /// Matches if it starts with `prefix`; case-sensitive.
    pub fn starts_with(self, prefix: impl AsRef<str>) -> Filter {
        self.test("startswith", prefix.as_ref())
    }

    /// Matches if it ends with `suffix`; case-sensitive.
    pub fn ends_with(self, suffix: impl AsRef<str>) -> Filter {
        self.test("endswith", suffix.as_ref())
    }

    /// Matches if it contains `part`; case-sensitive.
    pub fn contains(self, part: impl AsRef<str>) -> Filter {
        self.test("contains", part.as_ref())
    }

    /// Converts to lower case.
    pub fn to_lower(self) -> Self {
        Self(format!("tolower({})", self.0))
    }

    /// Converts to upper case.
    pub fn to_upper(self) -> Self {
        Self(format!("toupper({})", self.0))
    }

    /// Removes leading and trailing whitespace.
    pub fn trim(self) -> Self {
        Self(format!("trim({})", self.0))
    }

    /// Returns the string from the character at `start`, counted from 0; null past its end.
    pub fn substring(self, start: u16) -> Self {
        Self(format!("substring({},{start})", self.0))
    }

    /// Returns the number of characters; null if the string is null.
    pub fn length(self) -> FilterNumber {
        FilterNumber(format!("length({})", self.0))
    }

    /// Returns the position of `part`, counted from 0; -1 if it is not found.
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

/// A numeric operand of a filter.
#[derive(Clone)]
#[must_use]
pub struct FilterNumber(pub(super) String);

impl FilterNumber {
    /// Matches if equal to `value`.
    pub fn eq(self, value: i32) -> Filter {
        self.compare("eq", value)
    }

    /// Matches if not equal to `value`.
    pub fn ne(self, value: i32) -> Filter {
        self.compare("ne", value)
    }

    /// Matches if greater than `value`.
    pub fn gt(self, value: i32) -> Filter {
        self.compare("gt", value)
    }

    /// Matches if greater than or equal to `value`.
    pub fn ge(self, value: i32) -> Filter {
        self.compare("ge", value)
    }

    /// Matches if less than `value`.
    pub fn lt(self, value: i32) -> Filter {
        self.compare("lt", value)
    }

    /// Matches if less than or equal to `value`.
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
