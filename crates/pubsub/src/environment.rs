//! The connection string in the environment.

use std::ffi::OsString;

use auth::_internal::connection_string_in;

use crate::{Error, ErrorKind, Result};

/// Reads the connection string of the environment variable that `lookup` finds; errors name it.
pub(crate) fn connection_string<T>(
    lookup: impl FnOnce(&str) -> Option<OsString>,
    read: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let text = connection_string_in("WEBPUBSUB_CONNECTION_STRING", lookup)
        .map_err(|text| Error::message(ErrorKind::InvalidInput, text))?;
    read(&text).map_err(|error| {
        Error::new(error.kind(), error)
            .with_context("environment variable WEBPUBSUB_CONNECTION_STRING: cannot be used")
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::ConnectionString;

    fn read(value: Option<&str>) -> Result<ConnectionString> {
        connection_string(|_| value.map(OsString::from), str::parse)
    }

    #[test]
    fn the_variable_is_read() {
        let parsed = read(Some(
            "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=secret",
        ));
        assert!(parsed.is_ok(), "{parsed:?}");
    }

    #[test]
    fn errors_name_the_variable_and_not_its_value() {
        let error = read(None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            error
                .to_string()
                .starts_with("environment variable WEBPUBSUB_CONNECTION_STRING: ")
        );
        let error = read(Some("AccessKey=secret")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = "environment variable WEBPUBSUB_CONNECTION_STRING: cannot be used";
        assert_eq!(error.to_string(), text);
        assert!(error.source().is_some());
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
