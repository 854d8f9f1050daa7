//! Bodies and queries of the type `application/x-www-form-urlencoded`. Pure.

use percent_encoding::percent_decode_str;

/// The fields of a form, decoded.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Parses a form; `None` if it is not UTF-8, also once it is decoded.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let fields = text.split('&').filter(|field| !field.is_empty());
        let fields = fields.map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            Some((decode(name)?, decode(value)?))
        });
        fields.collect::<Option<_>>().map(Self)
    }

    /// Returns the value of a field that is there once and is not empty.
    ///
    /// # Errors
    ///
    /// Fails if the field is there more than once.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, Twice> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let first = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            Some(_) => Err(Twice),
            None => Ok(first.filter(|value| !value.is_empty())),
        }
    }
}

/// A field is there more than once, which RFC 6749 §3.2 forbids.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Twice;

/// Decodes a name or a value of a form.
pub(super) fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_there_once() {
        let form = Form::parse(b"a=1+2%2B3&&b&c=&a%20b=%E2%82%AC&d=x=y&e=1&e=2").unwrap();
        assert_eq!(form.get("a"), Ok(Some("1 2+3")));
        assert_eq!(form.get("b"), Ok(None));
        assert_eq!(form.get("c"), Ok(None));
        assert_eq!(form.get("a b"), Ok(Some("€")));
        assert_eq!(form.get("d"), Ok(Some("x=y")));
        assert_eq!(form.get("e"), Err(Twice));
        assert_eq!(form.get("A"), Ok(None));
        assert!(Form::parse(b"a=%FF").is_none());
        assert!(Form::parse(b"\xff").is_none());
        assert!(Form::parse(b"").is_some());
    }
}
