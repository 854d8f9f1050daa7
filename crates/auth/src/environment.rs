//! Connection strings in the environment.

use std::ffi::OsString;

/// Reads the environment variable `name`, which `lookup` finds, for a connection string.
///
/// # Errors
///
/// The text of an error that names the variable, if it is missing, empty or not UTF-8.
pub fn connection_string_in(
    name: &str,
    lookup: impl FnOnce(&str) -> Option<OsString>,
) -> Result<String, String> {
    let wrong = |rule| format!("environment variable {name}: {rule}");
    let text = lookup(name).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| wrong("must be set to a connection string"))?;
    text.into_string().map_err(|_| wrong("must be UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<OsString>) -> Result<String, String> {
        connection_string_in("THERE", |name| {
            assert_eq!(name, "THERE");
            value
        })
    }

    #[test]
    fn a_variable_is_read_as_it_is() {
        assert_eq!(read(Some("Endpoint=x".into())).as_deref(), Ok("Endpoint=x"));
    }

    #[test]
    fn one_that_is_missing_or_empty_is_an_error() {
        for value in [None, Some(OsString::new())] {
            let text = "environment variable THERE: must be set to a connection string";
            assert_eq!(read(value).unwrap_err(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_an_error() {
        use std::os::unix::ffi::OsStringExt;

        let error = read(Some(OsString::from_vec(vec![0xff]))).unwrap_err();
        assert_eq!(error, "environment variable THERE: must be UTF-8");
    }
}
