//! Whom a token names. Pure.

use std::time::SystemTime;

/// Whom a token was issued to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Caller {
    pub(crate) object_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) issued_at: Option<SystemTime>,
    /// Without the grace.
    pub(crate) expires_on: SystemTime,
}
