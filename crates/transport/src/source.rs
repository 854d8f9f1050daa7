//! Search in an error's chain of causes. Pure.

use std::error::Error as StdError;
use std::io;

/// Returns the first error of type `T` among `error` and its causes.
pub fn find_source<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            // `source` of an I/O error skips the error that it wraps.
            Some(error) => error.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    #[test]
    fn a_cause_is_found_at_any_depth_also_within_an_io_error() {
        let inner = Error::message(ErrorKind::Tls, "inner");
        let outer = Error::new(ErrorKind::Connect, io::Error::other(inner));
        let kind = |error: &Error| error.kind();
        assert_eq!(find_source(&outer).map(kind), Some(ErrorKind::Connect));
        let middle = StdError::source(&outer).unwrap();
        assert_eq!(find_source(middle).map(kind), Some(ErrorKind::Tls));
        assert!(find_source::<std::fmt::Error>(&outer).is_none());
    }
}
