//! Entry points for this repository's fuzz targets and seeded tests, behind
//! the private feature `_fuzzing`.

pub use crate::session::fuzzing::drive_session;
#[cfg(feature = "webhook")]
pub use crate::webhook::fuzzing::receive_webhook_request;
