//! The query string of a request. Pure.

use percent_encoding::percent_decode_str;

/// The decoded parameters of a request, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses a query string, with `+` and `%20` as spaces.
    pub(super) fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Returns the values of a parameter, whose name is compared without case.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    pub(super) fn last(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .0
            .iter()
            .rfind(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_come_in_two_forms_and_names_without_case() {
        let query = Query::parse("a=1+2&A=3%204&b&=c&&d=%C3%BC%");
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1 2", "3 4"]);
        assert_eq!(query.first("b"), Some(""));
        assert_eq!(query.last("D"), Some("ü%"));
        assert_eq!(query.first("x"), None);
    }
}
