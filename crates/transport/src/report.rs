//! The contents of an error: a kind, a description, and the cause.
//!
//! `azwire-auth` and `azwire-transport` contain the same file, since neither may
//! depend on the other; `cargo xtask tidy` checks that the two are equal.
#![allow(
    clippy::exhaustive_structs,
    unreachable_pub,
    reason = "one of the two crates shares it, but only with its sister crates"
)]

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The part that the errors of all crates have in common.
#[derive(Clone)]
pub struct Report<K> {
    /// The kind of the error.
    pub kind: K,
    /// The description; all that `Display` prints.
    pub context: Cow<'static, str>,
    /// The cause. Shared, so that an error can be cloned for every caller that waits for one
    /// outcome.
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<K: fmt::Debug> Report<K> {
    /// Creates the report of a failure caused by `source`, with the description of its kind.
    pub fn new(
        kind: K,
        description: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            context: Cow::Borrowed(description),
            source: Some(Arc::from(source.into())),
        }
    }

    /// Creates the report of a failure without a cause.
    pub fn message(kind: K, context: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// Returns the cause, as [`StdError::source`] does.
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }

    /// Formats `Error { kind, context, ..details }`, each with its own `Debug`.
    /// The source is one of the details, since not every crate may print its `Debug`.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    pub fn debug(
        &self,
        f: &mut fmt::Formatter<'_>,
        details: &[(&str, &dyn fmt::Debug)],
    ) -> fmt::Result {
        let mut error = f.debug_struct("Error");
        error
            .field("kind", &self.kind)
            .field("context", &self.context);
        for (name, detail) in details {
            error.field(name, detail);
        }
        error.finish()
    }
}

impl<K> fmt::Display for Report<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl<K: fmt::Debug> fmt::Debug for Report<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f, &[("source", &self.source)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_printed_once_and_debug_shows_all() {
        let report = Report::new("Kind", "it failed", "the cause");
        assert_eq!(report.to_string(), "it failed");
        assert_eq!(report.source().unwrap().to_string(), "the cause");
        assert_eq!(
            format!("{report:?}"),
            r#"Error { kind: "Kind", context: "it failed", source: Some("the cause") }"#
        );
        let message = Report::message("Kind", "alone");
        assert!(message.source().is_none());
        struct Detailed(Report<&'static str>);
        impl fmt::Debug for Detailed {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(f, &[("status", &404)])
            }
        }
        assert_eq!(
            format!("{:?}", Detailed(message)),
            r#"Error { kind: "Kind", context: "alone", status: 404 }"#
        );
    }
}
