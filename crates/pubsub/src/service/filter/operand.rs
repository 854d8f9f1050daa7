//! What a filter compares: texts and numbers of a connection. Pure.

use std::fmt;

use super::Filter;
use super::value::quote;

/// A text in a filter: the user id, the connection id, or what is made of one.
#[derive(Clone)]
#[must_use]
pub struct FilterText(pub(super) String);

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
pub struct FilterNumber(pub(super) String);

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
