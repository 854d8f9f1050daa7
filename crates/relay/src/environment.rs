//! The connection string in the environment.

use std::ffi::OsString;

use crate::{Error, ErrorKind, Result};

/// Reads the connection string of the environment variable that `lookup` finds; errors name it.
pub(crate) fn connection_string<T>(
    lookup: impl FnOnce(&str) -> Option<OsString>,
    read: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let wrong = |rule| {
        let text = format!("environment variable {VARIABLE}: {rule}");
        Error::message(ErrorKind::InvalidInput, text)
    };
    let text = lookup(VARIABLE).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| wrong("must be set to a connection string"))?;
    let text = text.into_string().map_err(|_| wrong("must be UTF-8"))?;
    read(&text).map_err(|error| {
        Error::new(error.kind(), error)
            .with_context("environment variable RELAY_CONNECTION_STRING: cannot be used")
    })
}

const VARIABLE: &str = "RELAY_CONNECTION_STRING";

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::ConnectionString;

    fn read(value: Option<&str>) -> Result<ConnectionString> {
        let lookup = |name: &str| {
            assert_eq!(name, "RELAY_CONNECTION_STRING");
            value.map(OsString::from)
        };
        connection_string(lookup, str::parse)
    }

    #[test]
    fn the_variable_is_read() {
        let parsed = read(Some(
            "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=secret;EntityPath=hc",
        ));
        assert!(parsed.is_ok(), "{parsed:?}");
    }

    #[test]
    fn errors_name_the_variable_and_not_its_value() {
        for value in [None, Some("")] {
            let error = read(value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text =
                "environment variable RELAY_CONNECTION_STRING: must be set to a connection string";
            assert_eq!(error.to_string(), text);
        }
        let error = read(Some("SharedAccessKeyName=k;SharedAccessKey=secret")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = "environment variable RELAY_CONNECTION_STRING: cannot be used";
        assert_eq!(error.to_string(), text);
        assert!(error.source().is_some());
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_an_error() {
        use std::os::unix::ffi::OsStringExt;

        let lookup = |_: &str| Some(OsString::from_vec(vec![0xff]));
        let error = connection_string(lookup, str::parse::<ConnectionString>).unwrap_err();
        let text = "environment variable RELAY_CONNECTION_STRING: must be UTF-8";
        assert_eq!(error.to_string(), text);
    }
}
