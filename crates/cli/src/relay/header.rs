//! Headers on the command line. Pure.

use http::{HeaderName, HeaderValue};

/// A header as `Name: value`.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Parses `Name: value`; the value may be empty.
pub(super) fn parse(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("must be Name: value")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| "the name must be a token, such as Accept")?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| "the value must be visible text")?;
    Ok(Header { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let header = parse("Accept: text/plain; q=1").unwrap();
        assert_eq!(header.name, http::header::ACCEPT);
        assert_eq!(header.value, "text/plain; q=1");
        assert_eq!(parse("X-Empty:").unwrap().value, "");
        for wrong in ["Accept", "Acc ept: x", ": x", "A: b\r\nc: d"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
